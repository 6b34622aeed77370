"""What is drawn: every line, level and band as numbers, each with the source it comes from.

A figure is drawn from these and from nothing else, and its table lists them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from harness.metrics.columns import SPLIT_PREFIX, column_of, label_of
from harness.references.entries import Curve, Table
from harness.schema import UsageError
from harness.stats.intervals import Interval, mean_interval
from paper.inputs import Study

Role = Literal["published", "raw", "level", "mean", "seed"]
LEVEL = 0.95
INTERVAL = "Band: 95 % t interval over seeds, for each step alone."
COLUMNS = ("panel", "role", "arm", "x", "y", "low", "high", "n", "unit", "source")
DERIVED = "correct_reflection_length_"
"""Mean tokens of samples that are correct and reflect (v1 Fig. 6); ends in the short split."""

_SPLIT = SPLIT_PREFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One mark of a panel.

    Attributes:
        role: published line; raw line behind a smoothed one; published level (one value, no x);
            mean over our seeds; one of our seeds.
        arm: decides the colour.
        label: in the legend; "" is none.
        x: training steps, shape (points,).
        y: values in `unit`, shape (points,).
        low / high: interval, shape (points,); () is none.
        n: seeds behind each point, shape (points,).
        unit: of the values.
        sources: names of references, or of runs.
    """

    role: Role
    arm: str
    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    unit: str
    sources: tuple[str, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    n: tuple[int, ...] = ()


def published(curve: Curve, arm: str, *, is_raw: bool = False) -> Series:
    """Return a published curve, all of its points."""
    return Series(
        role="raw" if is_raw else "published",
        arm=arm,
        label="" if is_raw else arm,
        x=curve.steps,
        y=curve.values,
        unit=curve.unit,
        sources=(curve.name,),
    )


def level(table: Table, row: str, column: str) -> Series:
    """Return one number of a table as a horizontal line; its x is unknown."""
    return Series(
        role="level",
        arm=row,
        label=row,
        x=(math.nan,),
        y=(table.cells[row][column],),
        unit=table.unit,
        sources=(table.name,),
    )


def metric_rows(study: Study, metric: str) -> pd.DataFrame:
    """Return a metric of finished runs: columns run_id, arm, seed, step, value; () rows if none."""
    runs = set(study.runs)
    if metric.startswith(DERIVED):
        return _correct_reflection(study, metric.removeprefix(DERIVED), runs)
    steps = study.tables.steps
    is_wanted = (steps["metric"].astype(str) == metric) & steps["run_id"].astype(str).isin(runs)
    rows = steps.loc[is_wanted, ["run_id", "arm", "seed", "step", "value"]]
    return rows.astype({"run_id": str, "arm": str, "seed": int, "step": int, "value": float})


def metric_label(metric: str) -> tuple[str, str]:
    """Return label and unit of a metric; the name itself, without a unit, if it is unknown."""
    if metric.startswith(DERIVED):
        split = metric.removeprefix(DERIVED)
        return f"length of correct answers with reflection ({split})", "tokens"
    try:
        return label_of(metric), column_of(metric).unit
    except UsageError:
        return metric.replace("_", " "), ""


def axis_label(label: str) -> str:
    """Return a label without the evaluation set in brackets, which the panel's title has."""
    return re.sub(r" \(\w+\)$", "", label)


def is_sparse(metric: str) -> bool:
    """Tell whether a metric is of evaluations, few points, rather than of training steps."""
    try:
        return column_of(metric).source == "evaluation"
    except UsageError:
        return True


def of_arms(study: Study, metric: str, arms: Sequence[str], *, seeds_shown: bool) -> list[Series]:
    """Return the mean of each arm over its seeds with an interval; `seeds_shown` adds the seeds."""
    rows = metric_rows(study, metric).dropna(subset=["value"])
    unit = metric_label(metric)[1]
    found: list[Series] = []
    for arm in arms:
        own = rows[rows["arm"] == arm]
        if own.empty:
            continue
        if seeds_shown and own["seed"].nunique() > 1:
            found += [_seed(run, arm, unit, mine) for run, mine in own.groupby("run_id")]
        found.append(_mean(arm, unit, own))
    return found


def to_frame(panels: Iterable[tuple[str, Sequence[Series]]]) -> pd.DataFrame:
    """Return the table of what is drawn: one row per point, columns `COLUMNS`."""
    rows = [row for panel, series in panels for one in series for row in _rows(panel, one)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def interval_of(values: Sequence[float]) -> Interval:
    """Return the t interval over seeds of values that are all there."""
    return mean_interval(np.asarray(values, dtype=float), level=LEVEL)


def _rows(panel: str, one: Series) -> list[tuple[object, ...]]:
    count = len(one.x)
    lows, highs = (edge or (math.nan,) * count for edge in (one.low, one.high))
    seeds: tuple[int | None, ...] = one.n or (None,) * count
    return [
        (panel, one.role, one.arm, x, y, low, high, n, one.unit, " ".join(one.sources))
        for x, y, low, high, n in zip(one.x, one.y, lows, highs, seeds, strict=True)
    ]


def _seed(run: object, arm: str, unit: str, rows: pd.DataFrame) -> Series:
    rows = rows.sort_values("step")
    return Series(
        role="seed",
        arm=arm,
        label="",
        x=tuple(rows["step"].astype(float)),
        y=tuple(rows["value"]),
        unit=unit,
        sources=(str(run),),
        n=(1,) * len(rows),
    )


def _mean(arm: str, unit: str, rows: pd.DataFrame) -> Series:
    steps, intervals, counts = [], [], []
    for step, own in rows.groupby("step"):
        steps.append(float(str(step)))
        intervals.append(interval_of(own["value"].to_list()))
        counts.append(len(own))
    seeds = rows["seed"].nunique()
    return Series(
        role="mean",
        arm=arm,
        label=f"{arm} (n={seeds})",
        x=tuple(steps),
        y=tuple(i.point for i in intervals),
        unit=unit,
        sources=tuple(sorted(set(rows["run_id"]))),
        low=tuple(i.low for i in intervals),
        high=tuple(i.high for i in intervals),
        n=tuple(counts),
    )


def _correct_reflection(study: Study, split: str, runs: set[str]) -> pd.DataFrame:
    rows = study.tables.samples
    is_wanted = (
        rows["split"].astype(str).isin([split, f"{_SPLIT}{split}"])
        & rows["run_id"].astype(str).isin(runs)
        & (rows["correct"] == 1)
        & rows["reflection"].astype(bool)
    )
    keys = ["run_id", "arm", "seed", "step"]
    wanted = rows.loc[is_wanted, [*keys, "response_tokens"]].astype({"run_id": str, "arm": str})
    means = wanted.groupby(keys, observed=True)["response_tokens"].mean()
    frame: pd.DataFrame = means.rename("value").reset_index()
    return frame
