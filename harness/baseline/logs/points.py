"""Logs that say one point of a run after another: a step, and numbers by name."""

from __future__ import annotations

import math
from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.baseline.logs.log import UNSTATED_SEED, Log, frame_of
from harness.baseline.logs.mapping import Mapping, seed_number, targets_of
from harness.schema import DamagedError
from harness.store.forms import shown


class Point(NamedTuple):
    """What a log says of a step; `place` is where it says so, for an error."""

    place: str
    step: int
    data: MappingType[str, Any]


def log_of(
    path: Path,
    format_: str,
    points: Sequence[Point],
    mapping: Mapping,
    *,
    aliases: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
) -> Log:
    """Return points as a log of one run.

    Args:
        path: the file.
        format_: name of the reader.
        points: in the order of the file.
        mapping: which names are read.
        aliases: (foreign name, ours) that the reader knows besides, the preferred one first.
        notes: what a reader of the numbers should know.

    Raises:
        UsageError: two names become one metric.
        DamagedError: a value is not a number.
    """
    arm, seed = who(path, mapping)
    names = dict.fromkeys(name for point in points for name in point.data)
    targets = targets_of(path, names, mapping, aliases)
    rows = [
        (arm, seed, step, target.name, _number(place, name, data[name]) * target.scale)
        for place, step, data in points
        for name, target in targets.items()
        if name in data
    ]
    return Log(
        path=path,
        format=format_,
        rows=frame_of(rows),
        unmapped=tuple(name for name in names if name not in targets),
        notes=tuple(notes),
        samples=mapping.samples(targets),
    )


def who(path: Path, mapping: Mapping) -> tuple[str, int]:
    """Return arm and seed of a log of one run: what the mapping says, else the name of the file."""
    seed = mapping.fixed.get("seed", UNSTATED_SEED)
    return str(mapping.fixed.get("arm", path.stem)), seed_number(seed, str(path))


def _number(place: str, name: str, value: object) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DamagedError(f"{place} has {shown(value)} as {name}: expected a number")
    return float(value)
