"""factors.csv: what each factor of a full design does, alone and in pairs, at the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.metrics.columns import column_of
from harness.report.effects import Values, shared_seeds
from harness.stats.factorial import factorial_effects, is_full

LEVEL = 0.95

COLUMNS = (
    *("row_id", "metric", "unit", "window", "effect", "estimate", "low", "high", "level"),
    *("n_seeds", "seeds", "arms"),
)


def factor_table(values: Values, arms: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """Return one row per metric and effect: main effects, then two-way interactions.

    Only runs of seeds that every arm has finished enter.

    Args:
        values: at the end of training, see `effects.nested_values`.
        arms: names, the control first.
        metrics: full names.

    Returns:
        Columns `COLUMNS`; no row where the arms are not a full design of factors with two levels.
    """
    design = _design(arms)
    if design is None:
        return pd.DataFrame(columns=list(COLUMNS))
    names, level_AF = design
    rows = []
    for metric in metrics:
        by_arm = values.get(metric, {})
        seeds = shared_seeds(by_arm, arms)
        value_SA = np.array([[by_arm[arm][seed] for arm in arms] for seed in seeds])
        value_SA = value_SA.reshape(len(seeds), len(arms))
        column = column_of(metric)
        for key, found in factorial_effects(value_SA, level_AF, level=LEVEL).items():
            effect = " x ".join(names[place] for place in key)
            rows.append(
                {
                    "row_id": f"{metric}:{effect}",
                    "metric": metric,
                    "unit": column.unit,
                    "window": column.window,
                    "effect": effect,
                    "estimate": found.point,
                    "low": found.low,
                    "high": found.high,
                    "level": LEVEL,
                    "n_seeds": len(seeds),
                    "seeds": " ".join(map(str, seeds)),
                    "arms": " ".join(arms),
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _design(names: Sequence[str]) -> tuple[list[str], np.ndarray] | None:
    """Return what each factor's effect is called, and 0 or 1 of each arm and factor."""
    arms = [dict(part.split("=", 1) for part in arm.split(",")) for arm in names]
    levels = {
        factor: list(dict.fromkeys(arm[factor] for arm in arms))
        for arm in arms[:1]
        for factor in arm
    }
    if any(len(two) != 2 for two in levels.values()):
        return None
    level_AF = np.array([[two.index(arm[f]) for f, two in levels.items()] for arm in arms])
    if not is_full(level_AF):
        return None
    return [f"{factor}={two[1]}" for factor, two in levels.items()], level_AF
