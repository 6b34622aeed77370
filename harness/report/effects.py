"""effects.csv: every arm against the control, paired by seed, at the end of training."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.metrics.columns import column_of, split_of
from harness.metrics.finals import score_array
from harness.metrics.tables import Tables
from harness.stats.bootstrap import DRAWS, paired_bootstrap
from harness.stats.bootstrap import METHOD as METHOD_OF_BOOTSTRAP
from harness.stats.intervals import Interval, paired_t

LEVEL = 0.95
METHOD = "t interval over per-seed paired differences"

COLUMNS = (
    *("row_id", "metric", "unit", "window", "arm", "control", "estimate", "low", "high", "level"),
    *("method", "n_seeds", "seeds", "differences", "arm_mean", "control_mean"),
    *("bootstrap_low", "bootstrap_high", "bootstrap_method", "bootstrap_draws"),
)

Values = Mapping[str, Mapping[str, Mapping[int, float]]]
"""metric -> arm -> seed -> value at the end of training."""


def nested_values(finals: pd.DataFrame) -> dict[str, dict[str, dict[int, float]]]:
    """Return the final values of finished runs as metric -> arm -> seed -> value."""
    nested: dict[str, dict[str, dict[int, float]]] = {}
    for row in finals.to_dict("records"):
        of_arm = nested.setdefault(row["metric"], {}).setdefault(row["arm"], {})
        of_arm[int(row["seed"])] = float(row["value"])
    return nested


def effect_table(
    tables: Tables, values: Values, arms: Sequence[str], metrics: Sequence[str]
) -> pd.DataFrame:
    """Return one row per metric and arm: the arm minus the control (the first), two intervals.

    Returns:
        Columns `COLUMNS`. Seeds that one of the two arms lacks are left out; without a common seed
        the numbers are NaN and `n_seeds` is 0.
    """
    rows = [_effect(tables, values, metric, arm, arms[0]) for metric in metrics for arm in arms[1:]]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def effect_seed(row_id: str) -> int:
    """Return the seed of an effect's bootstrap."""
    # its name alone decides: a row is the same whatever other rows its table has
    return int.from_bytes(hashlib.sha256(row_id.encode()).digest()[:8], "big")


def shared_seeds(values: Mapping[str, Mapping[int, float]], arms: Sequence[str]) -> tuple[int, ...]:
    """Return the seeds with a finite value in every one of the arms, in order."""
    finite = [
        {seed for seed, value in values.get(arm, {}).items() if math.isfinite(value)}
        for arm in arms
    ]
    return tuple(sorted(set.intersection(*finite))) if finite else ()


def _effect(tables: Tables, values: Values, metric: str, arm: str, control: str) -> dict[str, Any]:
    by_arm = values.get(metric, {})
    seeds = shared_seeds(by_arm, (arm, control))
    treat_S = np.array([by_arm[arm][seed] for seed in seeds])
    control_S = np.array([by_arm[control][seed] for seed in seeds])
    interval = paired_t(treat_S, control_S, level=LEVEL)
    row_id = f"{metric}:{arm}"
    second, method = _second_interval(tables, metric, (arm, control), seeds, row_id)
    if second is None:
        second = _over_seeds(treat_S, control_S, row_id)
    column = column_of(metric)
    return {
        "row_id": row_id,
        "metric": metric,
        "unit": column.unit,
        "window": column.window,
        "arm": arm,
        "control": control,
        "estimate": interval.point,
        "low": interval.low,
        "high": interval.high,
        "level": LEVEL,
        "method": METHOD,
        "n_seeds": len(seeds),
        "seeds": " ".join(map(str, seeds)),
        "differences": " ".join(f"{gain:.6g}" for gain in treat_S - control_S),
        "arm_mean": _mean(treat_S),
        "control_mean": _mean(control_S),
        "bootstrap_low": second.low,
        "bootstrap_high": second.high,
        "bootstrap_method": method,
        "bootstrap_draws": DRAWS if len(seeds) > 1 else 0,
    }


def _second_interval(
    tables: Tables, metric: str, pair: tuple[str, str], seeds: Sequence[int], row_id: str
) -> tuple[Interval | None, str]:
    """Return the bootstrap with questions and samples; None where only a value per seed exists."""
    if split_of(metric)[0] != "accuracy":
        return None, METHOD_OF_BOOTSTRAP
    if len(seeds) < 2:
        return Interval(np.nan, np.nan, np.nan), METHOD_OF_BOOTSTRAP
    treat, control = (score_array(tables, arm, seeds, metric) for arm in pair)
    rng = np.random.default_rng(effect_seed(row_id))
    return paired_bootstrap(treat, control, rng=rng), METHOD_OF_BOOTSTRAP


def _over_seeds(treat_S: np.ndarray, control_S: np.ndarray, row_id: str) -> Interval:
    if treat_S.size < 2:
        return Interval(np.nan, np.nan, np.nan)
    rng = np.random.default_rng(effect_seed(row_id))
    return paired_bootstrap(treat_S[:, None, None], control_S[:, None, None], rng=rng)


def _mean(value_S: np.ndarray) -> float:
    return float(value_S.mean()) if value_S.size else float("nan")
