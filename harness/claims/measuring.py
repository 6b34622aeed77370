"""From stored runs to what a rule measures: one number per seed and part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.claims.quantities import Curves, values_of
from harness.claims.rules import ClaimRule, Part
from harness.metrics.column import FINAL_TRAINING_STEPS
from harness.metrics.columns import column_of
from harness.metrics.tables import Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Stored runs of one ablation at one scale.

    Attributes:
        tables: runs, steps and samples.
        place: where they are stored, for links: a directory or a baseline's name.
        started: run_id -> ISO 8601 time of the start of its first attempt; "" is unknown.
        unfinished: (arm, seed) of the runs that were asked for and are not done.
        code_note: why the code that ran cannot be looked at here; "" if it can.
        data: name of the data set on which the control arm was trained; "" is unknown.
    """

    tables: Tables
    place: str
    started: Mapping[str, str]
    unfinished: Sequence[tuple[str, int]] = ()
    code_note: str = ""
    data: str = ""

    @property
    def steps(self) -> int:
        """Training steps of the runs, the fewest of them; 0 without runs."""
        return int(self.tables.runs["steps"].min()) if len(self.tables.runs) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One part of a rule, in each seed.

    Attributes:
        part: what is measured and where its mean must lie.
        values: seed -> value, in the order of the seeds, on the scale on which it is measured (of
            a ratio the logarithm); seeds whose runs are finished in every arm of the part.
        size: largest number that was subtracted: a spread of its rounding is no noise.
        run_ids: the runs that it rests on.
    """

    part: Part
    values: Mapping[int, float]
    size: float
    run_ids: tuple[str, ...]


def measure(parts: Sequence[Part], rows: Rows) -> list[Measured]:
    """Measure each part; one with an arm without a finished run has no values."""
    return [_measured(part, rows.tables) for part in parts]


def unfinished(rule: ClaimRule, rows: Rows) -> tuple[str, ...]:
    """List the runs of a rule's arms that were asked for and are not done, of deciding seeds."""
    found = [
        f"{arm} seed {seed}"
        for arm, seed in rows.unfinished
        if arm in rule.arms and seed not in rule.exploratory_seeds
    ]
    return tuple(sorted(found))


def curves_of(tables: Tables, metric: str, arms: Sequence[str]) -> tuple[Curves, tuple[int, ...]]:
    """Return the curves of arms in the seeds that all of them have finished, and these seeds.

    A step that a run lacks is NaN: it may have fallen there.

    Args:
        tables: of a study; runs of one length.
        metric: full name.
        arms: at least one.
    """
    rows = _rows(tables, metric, arms)
    seeds_of = [set(rows.loc[rows["arm"] == arm, "seed"]) for arm in arms]
    seeds = tuple(sorted(set.intersection(*seeds_of)))
    is_training = column_of(metric).source == "training"
    last = int(tables.runs["steps"].min()) if len(tables.runs) else 0
    step_T = np.arange(1, last + 1) if is_training else np.array(sorted(set(rows["step"])))
    value = {
        arm: rows[rows["arm"] == arm]
        .pivot(index="seed", columns="step", values="value")
        .reindex(index=list(seeds), columns=list(step_T))
        .to_numpy(dtype=float)
        for arm in arms
    }
    first_end = max(last - FINAL_TRAINING_STEPS + 1, 1) if is_training else last
    start = 1 if is_training else 0
    return Curves(step_T=step_T, value=value, end=(first_end, last), start=(start, start)), seeds


def _measured(part: Part, tables: Tables) -> Measured:
    curves, seeds = curves_of(tables, part.quantity.metric, part.quantity.arms)
    values = values_of(part.quantity, curves) if seeds else np.empty(0)
    finite = [np.abs(v[np.isfinite(v)]).max(initial=0.0) for v in curves.value.values()]
    return Measured(
        part=part,
        values=dict(zip(seeds, map(float, values), strict=True)),
        # of a ratio the logarithms were subtracted
        size=1.0 if part.quantity.ratio else float(max(finite)),
        run_ids=_runs(tables, part.quantity.arms, seeds),
    )


def _rows(tables: Tables, metric: str, arms: Sequence[str]) -> pd.DataFrame:
    done = tables.runs.loc[tables.runs["is_included"].astype(bool), "run_id"].astype(str)
    # compared as the categories that they are: as text the whole table would be copied
    steps = tables.steps[tables.steps["metric"] == metric]
    is_mine = steps["arm"].isin(list(arms)) & steps["run_id"].isin(set(done))
    return steps[is_mine].astype({"seed": int, "step": int, "arm": str})


def _runs(tables: Tables, arms: Sequence[str], seeds: Sequence[int]) -> tuple[str, ...]:
    runs = tables.runs[tables.runs["is_included"].astype(bool)]
    is_mine = runs["arm"].astype(str).isin(list(arms)) & runs["seed"].astype(int).isin(list(seeds))
    return tuple(sorted(runs.loc[is_mine, "run_id"].astype(str)))
