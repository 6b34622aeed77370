"""CSV files with a column per run: charts of W&B and SwanLab, and any whose metric is told.

A chart of W&B has Step, and `<run> - <metric>` with its __MIN and __MAX; one of SwanLab step, and
`<run>-<metric>` with its _timestamp.

Source: docs.wandb.ai, "Export data from a chart"; the columns __MIN and __MAX are the extremes of
the points that the chart averaged. SwanLab 0.8, swanlab/api/metric.py, which reads such a file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from harness.baseline.logs.log import (
    UNSTATED_SEED,
    Log,
    frame_of,
    joined,
    listed,
    repeated,
    stacked,
)
from harness.baseline.logs.mapping import Mapping, Target, seed_number
from harness.baseline.logs.table import column_of_table, numbers, read_table, whole_numbers
from harness.schema import DamagedError, UsageError

WANDB, SWANLAB, RUNS = "wandb", "swanlab", "runs"
STEPS = ("step", "Step", "_step", "global_step", "training/global_step")
"""Columns that are taken for the step where a mapping file names none, the first that is there."""

_EXTREMES = ("__MIN", "__MAX")
_BESIDE = (*_EXTREMES, "_timestamp", "timestamp", "time", "Wall time")
"""Endings of columns that are no run."""

_MOST_NAME = 300

_Named = Callable[[str], tuple[str, str]]


def is_wandb(head: Sequence[str]) -> bool:
    """Tell whether column names are those of a chart of W&B."""
    names = set(head)
    charted = [name for name in head if " - " in name]
    return bool(charted) and ("Step" in names or any(f"{name}__MIN" in names for name in charted))


def is_swanlab(head: Sequence[str]) -> bool:
    """Tell whether column names are those of a chart of SwanLab."""
    known = Mapping()
    return any(_swanlab_name(known)(name)[1] for name in head[1:] if known.target(name) is None)


def read_wandb(path: Path, mapping: Mapping) -> Log:
    """Read a chart of W&B; see `_read`."""
    # the last one, since the name of a run may hold it too
    return _read(path, mapping, WANDB, lambda name: (name.rpartition(" - ")[0], _after(name)))


def read_swanlab(path: Path, mapping: Mapping) -> Log:
    """Read a chart of SwanLab; see `_read`."""
    return _read(path, mapping, SWANLAB, _swanlab_name(mapping))


def read_runs(path: Path, mapping: Mapping) -> Log:
    """Read a file with a column per run, whose metric the mapping names; see `_read`."""
    if mapping.metric is None:
        raise UsageError(
            f"{path} has a column per run and does not say which metric: say so in a mapping file,"
            " metric: <ours>"
        )
    return _read(path, mapping, RUNS, lambda name: (name, ""))


def _read(path: Path, mapping: Mapping, format_: str, named: _Named) -> Log:
    """Read a table; runs that the mapping does not name are arms of their own.

    Args:
        path: the file.
        mapping: step, metrics, and which arm and seed a run is.
        format_: name of the reader.
        named: returns run and metric of a column; the metric is "" where columns name none.

    Raises:
        UsageError: the step that the mapping names is not there, or none is the step.
        DamagedError: a run is not there, a cell is not a number, or a point is a mean over several
            steps.
    """
    frame = read_table(path)
    step = mapping.step or next((name for name in STEPS if name in frame.columns), "")
    if not step:
        raise UsageError(f"which column of {path} is the step? Say so in a mapping file: step: ...")
    steps = whole_numbers(path, column_of_table(path, frame, step))
    parts: list[pd.DataFrame] = []
    unmapped: list[str] = []
    samples: dict[str, int] = {}
    seen: dict[str, None] = {}
    for name in map(str, frame.columns):
        run, metric = named(name)
        if name == step or not run or name.endswith(_BESIDE):
            continue
        seen[run] = None
        target = mapping.target(metric) if metric else mapping.metric
        if target is None or (mapping.runs and run not in mapping.runs):
            unmapped.append(name)
            continue
        samples |= mapping.samples({metric: target})
        parts.append(_curve(path, frame, name, steps, (run, target, mapping)))
    for run in mapping.runs:
        if run not in seen:
            raise DamagedError(f"{path} has no run {run!r}: it has {listed(sorted(seen))}")
    rows = joined(parts) if parts else frame_of([])
    return Log(
        path=path,
        format=format_,
        rows=rows,
        unmapped=tuple(unmapped),
        notes=_notes(format_, frame),
        samples=samples,
    )


def _curve(
    path: Path,
    frame: pd.DataFrame,
    name: str,
    steps: np.ndarray,
    what: tuple[str, Target, Mapping],
) -> pd.DataFrame:
    run, target, mapping = what
    values, is_there = numbers(path, frame[name])
    _check_extremes(path, frame, name, values, is_there)
    who = mapping.runs.get(run, mapping.fixed)
    seed = seed_number(who.get("seed", UNSTATED_SEED), str(path))
    arms = repeated(str(who.get("arm", run)), len(steps))
    found = values[None] * target.scale, is_there[None]
    return stacked(arms, np.full(len(steps), seed), steps, [target.name], found)


def _after(name: str) -> str:
    return name.rpartition(" - ")[2]


def _swanlab_name(mapping: Mapping) -> _Named:
    """Return what splits `<run>-<metric>`: either may hold a dash, and the metric is known."""

    def named(name: str) -> tuple[str, str]:
        # a name as long as a page is none, and has a page of dashes
        signs = enumerate(name[:_MOST_NAME])
        places = [place for place, sign in signs if sign == "-" and place]
        ends = ((name[:place], name[place + 1 :]) for place in places)
        return next((pair for pair in ends if mapping.target(pair[1])), (name, ""))

    return named


def _notes(format_: str, frame: pd.DataFrame) -> tuple[str, ...]:
    if format_ == WANDB and not any(str(name).endswith(_EXTREMES) for name in frame.columns):
        said = "the chart has no MIN and MAX columns: whether its points are means of several"
        return (f"{said} steps or runs cannot be seen",)
    return ()


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
