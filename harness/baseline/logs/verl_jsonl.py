"""verl's file logger: one JSON object per line, {"step": 3, "data": {"critic/score/mean": 0.5}}.

Source: verl 0.9.1, verl/utils/tracking.py, FileLogger.
"""

from __future__ import annotations

import math
from pathlib import Path

from harness.baseline.logs.log import UNSTATED_SEED, Log, frame_of
from harness.baseline.logs.mapping import Mapping, seed_number
from harness.metrics.streams import read_lines
from harness.schema import DamagedError

FORMAT = "verl"


def read_verl(path: Path, mapping: Mapping) -> Log:
    """Read a log of verl's file logger; a torn last line is left out and noted.

    Raises:
        DamagedError: a line is no such object, or a value is not a number.
    """
    lines = read_lines(path)
    arm = str(mapping.fixed.get("arm", path.stem))
    seed = seed_number(mapping.fixed.get("seed", UNSTATED_SEED), str(path))
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


def _number(path: Path, line: int, name: str, value: object) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DamagedError(f"line {line} of {path} has {value!r} as {name}: expected a number")
    return float(value)
