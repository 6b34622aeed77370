"""What no log may exceed: whoever sends one, it is read or refused in seconds and little memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness.schema import DamagedError, UsageError
from harness.store.forms import shown

MOST_BYTES = 64 << 20
"""Of a log, which is held in memory: 7,000 steps of two hundred metrics as JSON lines."""

MOST_EVENT_BYTES = 128 << 20
MOST_TEXT_BYTES = 256 << 20
"""Of what a trainer printed, of which only the lines of numbers are held."""

MOST_JSON_BYTES = 16 << 20
"""Of a document that is one JSON value: as Python objects it takes twenty times the memory."""

MOST_LINE_BYTES = 4 << 20
MOST_LINES = 500_000
"""Of numbers, in JSON lines or on a console."""

MOST_COLUMNS = 2_000
MOST_DEPTH = 64
"""Lists and mappings within one another, in a line of JSON."""

TEXT_ENDINGS = (".log", ".txt", ".out", "")
"""Of what a trainer printed."""

LAST_STEP = int(np.iinfo(np.int32).max)
LARGEST = 1e100
"""No metric is larger: beyond it sums and squares are infinite."""

_MOST_DIGITS = 308
_BEGINNINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x1f\x8b": "gzip", b"PK": "a zip"}


def check_size(path: Path) -> None:
    """Check that a log is there and can be held in memory.

    Raises:
        UsageError: it is not a file, is empty, or is too large.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}: name a log")
    size = path.stat().st_size
    if size == 0:
        raise UsageError(f"{path} is empty: nothing to import")
    most = MOST_TEXT_BYTES if path.suffix in TEXT_ENDINGS else MOST_BYTES
    most = MOST_EVENT_BYTES if "tfevents" in path.name else most
    if size > most:
        raise UsageError(
            f"{path} has {size} bytes, at most {most} are read: keep the metrics you need"
        )


def check_lines(path: Path, lines: int) -> None:
    """Check that so many lines of numbers can be held; `DamagedError` if not."""
    if lines > MOST_LINES:
        raise DamagedError(f"{path} has more than {MOST_LINES} lines of numbers: is it a log?")


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file with their numbers, ends of line included.

    Raises:
        DamagedError: it is no UTF-8, holds a NUL byte, or a line is too long.
    """
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MOST_LINE_BYTES + 1):
            number += 1
            if number == 1:
                for beginning, what in _BEGINNINGS.items():
                    if line.startswith(beginning):
                        raise DamagedError(f"{path} is {what}: expected text as UTF-8; convert it")
                line = line.removeprefix(b"\xef\xbb\xbf")
            if len(line) > MOST_LINE_BYTES:
                raise DamagedError(
                    f"line {number} of {path} is longer than {MOST_LINE_BYTES} bytes: is it a log?"
                )
            if b"\0" in line:
                raise DamagedError(f"line {number} of {path} holds a NUL byte: copy the file again")
            try:
                yield number, line.decode()
            except UnicodeDecodeError as error:
                raise DamagedError(
                    f"line {number} of {path} is not text as UTF-8: save it as that"
                ) from error


class NotJSONError(DamagedError):
    """A text is no JSON at all: the end of it may be missing."""


def read_json(text: str, place: str) -> Any:
    """Return the value that a text of JSON is.

    Args:
        text: what to read.
        place: what it is, for an error.

    Raises:
        NotJSONError: it is not JSON.
        DamagedError: a key is there twice, it is nested too deeply, or a number is too long.
    """

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) < len(found):
            keys = [key for key, _ in found]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise DamagedError(f"{place} says {shown(twice)} twice: which one counts?")
        return made

    def whole(digits: str) -> int:
        if len(digits) > _MOST_DIGITS:
            raise DamagedError(f"{place} has a number of {len(digits)} digits: correct it")
        return int(digits)

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_int=whole)
    except RecursionError as error:
        raise DamagedError(f"{place} is nested too deeply: is it a log?") from error
    except ValueError as error:
        raise NotJSONError(f"{place} is not JSON: {error}") from error


def read_document(path: Path) -> Any:
    """Return the value of a file that is one JSON value.

    Raises:
        UsageError: it is too large.
        DamagedError: it is not JSON as UTF-8, or `read_json` refuses it.
    """
    size = path.stat().st_size
    if size > MOST_JSON_BYTES:
        raise UsageError(f"{path} has {size} bytes, of JSON at most {MOST_JSON_BYTES} are read")
    return read_json("".join(line for _, line in text_lines(path)), str(path))


def step_number(value: object, place: str) -> int:
    """Return a step.

    Raises:
        DamagedError: it is not a whole number from 0 to `LAST_STEP`.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise DamagedError(f"{place} has {shown(value)} as its step: expected a whole number")
    if not 0 <= value <= LAST_STEP:
        raise DamagedError(f"{place} has a step that is negative or beyond 2^31: correct it")
    return value
