"""verl's console: lines `step:3 - critic/score/mean:0.5 - ...` between all that a trainer prints.

Source: verl 0.9.1, verl/utils/logger/aggregate_logger.py, concat_dict_to_str; Ray puts the name of
the process before a line, and says behind it how often it left it out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.baseline.logs.limits import MOST_LINE_BYTES, check_lines, step_number
from harness.baseline.logs.log import Log
from harness.baseline.logs.mapping import Mapping
from harness.baseline.logs.points import Point, log_of
from harness.schema import DamagedError
from harness.store.forms import shown

FORMAT = "console"

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LINE = re.compile(r"(?:^|[\s)\r])step:(?P<step>[0-9]{1,20}) - (?P<rest>\S+:.+)")
_MERGED = re.compile(r":\S*[0-9)]step$")
_RAY = re.compile(r"\s*\[repeated \d+x across cluster\].*$")
_NUMBER = re.compile(
    r"(?:np\.\w+\()?(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?inf|nan)\)?"
)
_ROUNDED = re.compile(r"[+-]?[0-9]+\.[0-9]{3}")


def is_console(path: Path) -> bool:
    """Tell whether a text file has a line of verl's console."""
    return any(True for _ in _found(path))


def read_console(path: Path, mapping: Mapping) -> Log:
    """Read the output of a trainer; a torn last line is left out and noted.

    Raises:
        UsageError: two names become one metric.
        DamagedError: a line of numbers cannot be read as one.
    """
    points: list[Point] = []
    notes: list[str] = []
    torn = False
    is_rounded = True
    for number, found, is_whole in _found(path):
        if not is_whole:
            # the last number may lack digits
            torn = True
            continue
        check_lines(path, len(points))
        place = f"line {number} of {path}"
        texts = _texts(place, found["rest"])
        is_rounded = is_rounded and all(map(_ROUNDED.fullmatch, texts.values()))
        data = {name: _value(text) for name, text in texts.items()}
        points.append(Point(place, step_number(int(found["step"]), place), data))
    if torn:
        notes.append("the last line is torn and was left out")
    if is_rounded:
        notes.append("the console rounds to three decimals: what is below 0.0005 reads as 0")
    return log_of(path, FORMAT, points, mapping, notes=notes)


def _found(path: Path) -> Iterator[tuple[int, re.Match[str], bool]]:
    """Yield the lines of numbers: their number, what is in them, and whether they are whole.

    Whatever else a trainer prints may be of any length and of any bytes.
    """
    number = 1
    with path.open("rb") as file:
        while line := file.readline(MOST_LINE_BYTES):
            is_whole = line.endswith(b"\n")
            if b"step:" in line:
                text = _COLOUR.sub("", line.decode(errors="replace").rstrip("\n\r"))
                match = _LINE.search(text)
                if match:
                    yield number, match, is_whole
            number += is_whole


def _texts(place: str, rest: str) -> dict[str, str]:
    """Return name -> value as it is written."""
    texts: dict[str, str] = {}
    for part in _RAY.sub("", rest).rstrip().split(" - "):
        name, colon, value = part.rpartition(":")
        if not colon or not name or name in texts or _MERGED.search(name):
            raise DamagedError(
                f"{place} has {shown(part)}, expected <name>:<number>, each name once: did two"
                " processes write into one line? Correct it or take it out"
            )
        found = _NUMBER.fullmatch(value)
        texts[name] = found["number"] if found else value
    return texts


def _value(text: str) -> float | str:
    """Return a number; what is none stays text, and is refused where a number is needed."""
    return float(text) if _NUMBER.fullmatch(text) else text
