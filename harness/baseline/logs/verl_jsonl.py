"""verl's file logger: one JSON object per line, {"step": 3, "data": {"critic/score/mean": 0.5}}.

Source: verl 0.9.1, verl/utils/tracking.py, FileLogger.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from harness.baseline.logs.json_columns import matrix, read_columns
from harness.baseline.logs.log import UNSTATED_SEED, Log, frame_of, repeated, stacked
from harness.baseline.logs.mapping import Mapping, seed_number
from harness.metrics.streams import read_lines
from harness.schema import DamagedError

FORMAT = "verl"


def read_verl(path: Path, mapping: Mapping) -> Log:
    """Read a log of verl's file logger; a torn last line is left out and noted.

    Raises:
        DamagedError: a line is no such object, or a value is not a number.
    """
    return _by_columns(path, mapping) or _by_lines(path, mapping)


def _by_columns(path: Path, mapping: Mapping) -> Log | None:
    """Read a log at once; None unless it is whole, in order and without undefined numbers."""
    columns = read_columns(path.read_bytes())
    if columns is None:
        return None
    targets = {name: mapping.target(name) for name in columns.data}
    known = {name: target for name, target in targets.items() if target is not None}
    if len({target.name for target in known.values()}) < len(known):
        return None
    found = matrix([columns.data[name] for name in known])
    if found is None:
        return None
    scale_M = np.array([target.scale for target in known.values()])
    arm, seed = _who(path, mapping)
    size = len(columns.step_R)
    rows = stacked(
        repeated(arm, size),
        np.full(size, seed),
        columns.step_R,
        [target.name for target in known.values()],
        (found[0] * scale_M[:, None], found[1]),
    )
    unmapped = tuple(name for name in targets if name not in known)
    return Log(path=path, format=FORMAT, rows=rows, unmapped=unmapped)


def _by_lines(path: Path, mapping: Mapping) -> Log:
    lines = read_lines(path)
    arm, seed = _who(path, mapping)
    rows: list[tuple[str, int, int, str, float]] = []
    unmapped: dict[str, None] = {}
    for number, line in enumerate(lines.rows, start=1):
        step, data = line.get("step"), line.get("data")
        if isinstance(step, bool) or not isinstance(step, int) or not isinstance(data, dict):
            raise DamagedError(
                f'line {number} of {path} is not one of verl\'s: expected a whole "step" and a'
                ' mapping "data"'
            )
        for name, value in data.items():
            target = mapping.target(name)
            if target is None:
                unmapped[name] = None
            else:
                scaled = _number(path, number, name, value) * target.scale
                rows.append((arm, seed, step, target.name, scaled))
    notes = ["the last line is torn and was left out"] if lines.torn else []
    return Log(
        path=path,
        format=FORMAT,
        rows=frame_of(rows),
        unmapped=tuple(unmapped),
        notes=tuple(notes),
    )


def _who(path: Path, mapping: Mapping) -> tuple[str, int]:
    seed = mapping.fixed.get("seed", UNSTATED_SEED)
    return str(mapping.fixed.get("arm", path.stem)), seed_number(seed, str(path))


def _number(path: Path, line: int, name: str, value: object) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DamagedError(f"line {line} of {path} has {value!r} as {name}: expected a number")
    return float(value)
