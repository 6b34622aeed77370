"""Logs of one JSON object per line; the last line may be torn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.baseline.logs.limits import (
    NotJSONError,
    check_lines,
    read_json,
    step_number,
    text_lines,
)
from harness.baseline.logs.log import Log
from harness.baseline.logs.mapping import Mapping
from harness.baseline.logs.points import Point, log_of
from harness.schema import DamagedError, UsageError

FORMAT = "jsonl"
STEPS = ("step", "_step", "global_step", "train/global_step", "training/global_step")
"""Names that are taken for the step where a mapping file names none, the first that is there."""


class Objects(NamedTuple):
    """The objects of a file, each with its place, and what is to be noted."""

    rows: list[tuple[str, dict[str, Any]]]
    notes: Sequence[str]


def read_objects(path: Path) -> Objects:
    """Read JSON lines; a torn last line is left out and noted.

    Raises:
        DamagedError: a line before the last one is not a JSON object, or `read_json` refuses one.
    """
    rows: list[tuple[str, dict[str, Any]]] = []
    torn = ""
    for number, line in text_lines(path):
        if not line.strip():
            continue
        if torn:
            raise DamagedError(f"{torn} is not a JSON object: only the last line may be torn")
        place = f"line {number} of {path}"
        try:
            found = read_json(line, place)
        except NotJSONError:
            found = None
        if isinstance(found, dict):
            rows.append((place, found))
            check_lines(path, len(rows))
        else:
            torn = place
    return Objects(rows, ["the last line is torn and was left out"] if torn else [])


def has_data(path: Path) -> bool:
    """Tell whether the first line is of verl's form: its numbers stand in a mapping `data`."""
    line = next((line for _, line in text_lines(path) if line.strip()), "")
    try:
        found = read_json(line, str(path))
    except DamagedError:
        # the reader says what is wrong
        return True
    return not isinstance(found, dict) or "data" in found


def read_flat(path: Path, mapping: Mapping) -> Log:
    """Read lines whose numbers stand beside their step: {"step": 3, "reward": 0.5}.

    Raises:
        UsageError: no name is the step, or two names become one metric.
        DamagedError: a line has no step, or a value is not a number.
    """
    objects = read_objects(path)
    names = dict.fromkeys(name for _, row in objects.rows for name in row)
    step = mapping.step or next((name for name in STEPS if name in names), "")
    if not step:
        raise UsageError(f"which name in {path} is the step? Say so in a mapping file: step: ...")
    points = []
    for place, row in objects.rows:
        if step not in row:
            raise DamagedError(f"{place} has no {step}: expected the step of its numbers")
        data = {name: value for name, value in row.items() if name != step}
        points.append(Point(place, step_number(row[step], place), data))
    return log_of(path, FORMAT, points, mapping, notes=objects.notes)
