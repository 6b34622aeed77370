"""The CSV that a chart of W&B exports: Step, and `<run> - <metric>` with its __MIN and __MAX.

Source: docs.wandb.ai, "Export data from a chart"; the columns __MIN and __MAX are the extremes of
the points that the chart averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from harness.baseline.logs.log import (
    UNSTATED_SEED,
    Log,
    frame_of,
    joined,
    repeated,
    stacked,
)
from harness.baseline.logs.mapping import Mapping, seed_number
from harness.baseline.logs.table import column_of_table, numbers, read_table, whole_numbers
from harness.schema import DamagedError

FORMAT = "wandb"
STEP = "Step"
_BETWEEN = " - "
_EXTREMES = ("__MIN", "__MAX")


def is_chart(head: Sequence[str]) -> bool:
    """Tell whether column names are those of an exported chart."""
    return any(_BETWEEN in name and f"{name}__MIN" in head for name in head)


def read_wandb(path: Path, mapping: Mapping) -> Log:
    """Read an exported chart; runs that the mapping does not name are arms of their own.

    Raises:
        UsageError: a run or the step that the mapping names is not there.
        DamagedError: a cell is not a number, or a point is a mean over several steps.
    """
    frame = read_table(path)
    steps = whole_numbers(path, column_of_table(path, frame, mapping.step or STEP))
    parts: list[pd.DataFrame] = []
    unmapped: dict[str, None] = {}
    seen: set[str] = set()
    for name in map(str, frame.columns):
        # the last one, since the name of a run may hold it too
        run, between, metric = name.rpartition(_BETWEEN)
        if not between or name.endswith(_EXTREMES):
            continue
        seen.add(run)
        target = mapping.target(metric)
        if target is None or (mapping.runs and run not in mapping.runs):
            unmapped[name] = None
            continue
        values, is_there = numbers(path, frame[name])
        _check_extremes(path, frame, name, values, is_there)
        who = mapping.runs.get(run, mapping.fixed)
        seed = seed_number(who.get("seed", UNSTATED_SEED), str(path))
        arms = repeated(str(who.get("arm", run)), len(steps))
        found = values[None] * target.scale, is_there[None]
        parts.append(stacked(arms, np.full(len(steps), seed), steps, [target.name], found))
    for run in mapping.runs:
        if run not in seen:
            raise DamagedError(f"{path} has no run {run!r}: it has {', '.join(sorted(seen))}")
    rows = joined(parts) if parts else frame_of([])
    return Log(path=path, format=FORMAT, rows=rows, unmapped=tuple(unmapped))


def _check_extremes(
    path: Path, frame: pd.DataFrame, name: str, values: np.ndarray, is_there: np.ndarray
) -> None:
    """Refuse a chart that was thinned out: its points are means of several steps."""
    for ending in _EXTREMES:
        if f"{name}{ending}" not in frame.columns:
            continue
        other, has_other = numbers(path, frame[f"{name}{ending}"])
        both = is_there & has_other & ~np.isnan(values) & ~np.isnan(other)
        if not np.array_equal(values[both], other[both]):
            raise DamagedError(
                f"{path} was thinned out: the points of {name} are means of several steps, since"
                f" {ending[2:]} differs from them; export it with smoothing off and every point"
            )
