"""What a rule measures in each seed of stored runs: numbers, one per seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.claims.rules import ClaimRule
from harness.metrics.columns import column_of
from harness.metrics.finals import final_values
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
    """

    tables: Tables
    place: str
    started: Mapping[str, str]
    unfinished: Sequence[tuple[str, int]] = ()
    code_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One quantity of a rule, in each seed.

    Attributes:
        name: what it is, for example "kl=none - kl=loss".
        values: seed -> value; only seeds whose runs are finished.
        run_ids: the runs that it rests on.
    """

    name: str
    values: Mapping[int, float]
    run_ids: tuple[str, ...]


def measure(rule: ClaimRule, rows: Rows) -> list[Measured]:
    """Return the quantities of a rule: one per arm in `minus`, or a single one."""
    if rule.kind == "difference":
        mine = _finals(rows.tables, rule.metric, rule.arm)
        found = []
        for other in rule.minus:
            theirs = _finals(rows.tables, rule.metric, other)
            seeds = sorted(mine.keys() & theirs.keys())
            found.append(
                Measured(
                    name=f"{rule.arm} - {other}",
                    values={seed: mine[seed] - theirs[seed] for seed in seeds},
                    run_ids=_runs(rows.tables, (rule.arm, other), seeds),
                )
            )
        return found
    values = _one_arm(rule, rows.tables)
    return [
        Measured(
            name=f"{rule.kind.replace('_', ' ')} of {rule.arm}",
            values=values,
            run_ids=_runs(rows.tables, (rule.arm,), list(values)),
        )
    ]


def unfinished(rule: ClaimRule, rows: Rows) -> tuple[str, ...]:
    """Return the runs of a rule's arms that were asked for and are not done, of deciding seeds."""
    found = [
        f"{arm} seed {seed}"
        for arm, seed in rows.unfinished
        if arm in (rule.arm, *rule.minus) and seed not in rule.exploratory_seeds
    ]
    return tuple(sorted(found))


def _one_arm(rule: ClaimRule, tables: Tables) -> dict[int, float]:
    if rule.kind == "largest_fall":
        return _falls(tables, rule.metric, rule.arm, rule.window)
    ends = _finals(tables, rule.metric, rule.arm)
    if rule.kind == "level":
        return ends
    starts = _starts(tables, rule.metric, rule.arm)
    seeds = sorted(ends.keys() & starts.keys())
    if rule.kind == "change":
        return {seed: ends[seed] - starts[seed] for seed in seeds}
    # a start of 0 has no ratio: undefined, not endless
    return {seed: ends[seed] / starts[seed] if starts[seed] else float("nan") for seed in seeds}


def _finals(tables: Tables, metric: str, arm: str) -> dict[int, float]:
    finals = final_values(tables, [metric])
    mine = finals[finals["arm"].astype(str) == arm]
    return dict(zip(mine["seed"].astype(int), mine["value"].astype(float), strict=True))


def _starts(tables: Tables, metric: str, arm: str) -> dict[int, float]:
    first = 1 if column_of(metric).source == "training" else 0
    curve = _curve(tables, metric, arm)
    mine = curve[curve["step"] == first]
    return dict(zip(mine["seed"].astype(int), mine["value"].astype(float), strict=True))


def _falls(tables: Tables, metric: str, arm: str, window: int) -> dict[int, float]:
    """Return per seed the largest distance of the moving mean below its highest value so far.

    NaN for a curve with a step missing or undefined: it may have fallen there.
    """
    steps_of = dict(zip(tables.runs["run_id"].astype(str), tables.runs["steps"], strict=True))
    found = {}
    for seed, curve in _curve(tables, metric, arm).groupby("seed"):
        curve = curve.sort_values("step")
        asked = steps_of[str(curve["run_id"].iloc[0])]
        mean = curve["value"].rolling(window).mean().to_numpy()[window - 1 :]
        is_whole = list(curve["step"]) == list(range(curve["step"].iloc[0], asked + 1))
        found[int(str(seed))] = (
            float((np.maximum.accumulate(mean) - mean).max())
            if mean.size and is_whole and np.isfinite(mean).all()
            else float("nan")
        )
    return found


def _curve(tables: Tables, metric: str, arm: str) -> pd.DataFrame:
    done = tables.runs.loc[tables.runs["is_included"].astype(bool), "run_id"].astype(str)
    steps = tables.steps
    is_mine = (
        (steps["metric"].astype(str) == metric)
        & (steps["arm"].astype(str) == arm)
        & steps["run_id"].astype(str).isin(set(done))
    )
    return steps[is_mine].astype({"seed": int, "step": int})


def _runs(tables: Tables, arms: tuple[str, ...], seeds: list[int]) -> tuple[str, ...]:
    runs = tables.runs[tables.runs["is_included"].astype(bool)]
    is_mine = runs["arm"].astype(str).isin(arms) & runs["seed"].astype(int).isin(seeds)
    return tuple(sorted(runs.loc[is_mine, "run_id"].astype(str)))
