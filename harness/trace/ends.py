"""Values at the start, at the end and along training: of single runs, and of whole arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from harness.metrics.column import FINAL_TRAINING_STEPS
from harness.metrics.columns import column_of
from harness.schema import DamagedError
from harness.trace.runs import Study, shown
from harness.trace.tables import FINAL, MEAN, START, Row, read_rows


class Origin(NamedTuple):
    """Where a row comes from: its runs, and lines that name the rows or files behind it."""

    run_ids: tuple[str, ...]
    lines: tuple[str, ...]


def final_origin(row: Row) -> Origin:
    """Return the rows of a run's window at the end of training, or at the step that is named."""
    rows, _ = read_rows(row.table)
    metric, run_id = str(row.values["metric"]), str(row.values["run_id"])
    last = window_of(rows, run_id, metric, row.values.get("end"))
    lines = (
        f"mean of {len(last)} rows of {shown(row.table)}: {_mean(last):.9g}",
        *_named(last),
    )
    return Origin((run_id,), lines)


def arm_origin(row: Row, study: Study) -> Origin:
    """Return the rows behind a mean over the finished runs of an arm, with the mean itself."""
    rows, _ = read_rows(row.table)
    arm, metric, part = (str(row.values[key]) for key in ("arm", "metric", "part"))
    own = rows[(rows["arm"].astype(str) == arm) & (rows["metric"].astype(str) == metric)]
    runs = [run for run in dict.fromkeys(own["run_id"].astype(str)) if _is_done(study, run)]
    own = own[own["run_id"].astype(str).isin(runs)]
    if part == START:
        first = own[own["step"] == own["step"].min()]
        head = f"mean of {len(first)} rows of {shown(row.table)}: {first['value'].mean():.9g}"
        return Origin(tuple(runs), (head, *_named(first)))
    if part == MEAN:
        later = own[own["step"] > 1]
        head = f"mean of {len(later)} rows of {shown(row.table)}: {later['value'].mean():.9g}"
        counts = later.groupby(later["run_id"].astype(str), sort=False)["value"].agg(
            ["size", "mean"]
        )
        lines = (f"  {run}: {n:.0f} steps, {mean:.9g}" for run, n, mean in counts.itertuples())
        return Origin(tuple(runs), (head, *lines))
    ends = {run: _mean(window_of(rows, run, metric)) for run in runs}
    known = pd.Series(ends, dtype=float).dropna()
    spread = f", standard deviation {known.std():.9g}" if len(known) > 1 else ""
    head = f"mean of {len(known)} runs: {known.mean():.9g}{spread}"
    lines = (f"  {_short(run)}/{FINAL}/{metric} = {value:.9g}" for run, value in ends.items())
    return Origin(tuple(runs), (head, *lines))


def ends_of(steps: Path, metric: str, arms: Sequence[str], seeds: Sequence[int]) -> Origin:
    """Return the values at the end of training of arms and seeds, with their row ids.

    Raises:
        DamagedError: the table of the steps is not there.
    """
    if not steps.is_file():
        raise DamagedError(f"{steps} is not there, so the rows behind this one cannot be named")
    rows, _ = read_rows(steps)
    own = rows[rows["metric"].astype(str) == metric]
    own = own[own["arm"].astype(str).isin(arms) & own["seed"].isin(seeds)]
    runs, lines = [], []
    for arm in arms:
        for seed in seeds:
            mine = own[(own["arm"].astype(str) == arm) & (own["seed"] == seed)]
            if mine.empty:
                continue
            run_id = str(mine["run_id"].iloc[0])
            runs.append(run_id)
            lines.append(f"{arm}, seed {seed}: {end_text(rows, run_id, metric)} of {shown(steps)}")
    return Origin(tuple(runs), tuple(lines))


def end_text(rows: pd.DataFrame, run_id: str, metric: str) -> str:
    """Return a run's value at the end of training with its row id."""
    value = _mean(window_of(rows, run_id, metric))
    return f"{value:.9g}, row {_short(run_id)}/{FINAL}/{metric}"


def start_text(rows: pd.DataFrame, run_id: str, metric: str) -> str:
    """Return a run's first value with its row id: before training, or of the first step."""
    mine = (rows["run_id"].astype(str) == run_id) & (rows["metric"].astype(str) == metric)
    first = rows[mine].sort_values("step").head(1)
    return ", ".join(
        f"{v:.9g}, row {n}" for n, v in zip(first["row_id"], first["value"], strict=True)
    )


def window_of(rows: pd.DataFrame, run_id: str, metric: str, end: int | None = None) -> pd.DataFrame:
    """Return the rows, by step, whose mean is a value at the end of training.

    `end` is the step that is taken for the end; None is the last of the run.
    """
    own = rows[rows["run_id"].astype(str) == run_id]
    last = int(own["step"].max()) if end is None else int(end)
    count = FINAL_TRAINING_STEPS if column_of(metric).source == "training" else 1
    least = max(last - count + 1, 1 if count > 1 else 0)
    own = own[own["metric"].astype(str) == metric]
    return own[own["step"].between(least, last)].sort_values("step")


def _mean(rows: pd.DataFrame) -> float:
    # as in the tables: one undefined step makes the mean undefined
    return float(rows["value"].mean(skipna=False)) if len(rows) else float("nan")


def _named(rows: pd.DataFrame) -> list[str]:
    pairs = zip(rows["row_id"], rows["value"], strict=True)
    return [f"  {name} = {value:.9g}" for name, value in pairs]


def _is_done(study: Study, run_id: str) -> bool:
    cell: Mapping[str, Any] = study.cells.get(run_id, {})
    return str(cell.get("status", "done")) == "done"


def _short(run_id: str) -> str:
    return run_id.rpartition("-")[2]
