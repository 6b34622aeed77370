"""verl's file logger: one JSON object per line, {"step": 3, "data": {"critic/score/mean": 0.5}}.

Source: verl 0.9.1, verl/utils/tracking.py, FileLogger.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.baseline.logs.json_columns import matrix, read_columns
from harness.baseline.logs.json_lines import read_objects
from harness.baseline.logs.limits import step_number
from harness.baseline.logs.log import Log, repeated, stacked
from harness.baseline.logs.mapping import Mapping, targets_of
from harness.baseline.logs.points import Point, log_of, who
from harness.schema import DamagedError

FORMAT = "verl"


def read_verl(path: Path, mapping: Mapping) -> Log:
    """Read a log of verl's file logger; a torn last line is left out and noted.

    Raises:
        UsageError: two names become one metric.
        DamagedError: a line is no such object, or a value is not a number.
    """
    return _by_columns(path, mapping) or _by_lines(path, mapping)


def _by_columns(path: Path, mapping: Mapping) -> Log | None:
    """Read a log at once; None unless it is whole, in order and without undefined numbers."""
    columns = read_columns(path.read_bytes())
    if columns is None:
        return None
    targets = targets_of(path, columns.data, mapping)
    found = matrix([columns.data[name] for name in targets])
    if found is None:
        return None
    scale_M = np.array([target.scale for target in targets.values()])
    arm, seed = who(path, mapping)
    size = len(columns.step_R)
    rows = stacked(
        repeated(arm, size),
        np.full(size, seed),
        columns.step_R,
        [target.name for target in targets.values()],
        (found[0] * scale_M[:, None], found[1]),
    )
    return Log(
        path=path,
        format=FORMAT,
        rows=rows,
        unmapped=tuple(name for name in columns.data if name not in targets),
        samples=mapping.samples(targets),
    )


def _by_lines(path: Path, mapping: Mapping) -> Log:
    points = []
    objects = read_objects(path)
    for place, line in objects.rows:
        data = line.get("data")
        if "step" not in line or not isinstance(data, dict):
            raise DamagedError(
                f'{place} is not one of verl\'s: expected a whole "step" and a mapping "data"'
            )
        points.append(Point(place, step_number(line["step"], place), data))
    return log_of(path, FORMAT, points, mapping, notes=objects.notes)
