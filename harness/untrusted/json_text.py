"""JSON of strangers: within depth and range, no key twice, no text that nobody can write."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from harness.untrusted.files import Refused, first_twice, text_of

MOST_DEPTH = 64
"""Levels of a document; what the suite writes has less than ten."""

_MIN_WHOLE, _MAX_WHOLE = -(1 << 63), (1 << 64) - 1
_MOST_DIGITS = 308
"""Of a whole number that a float can hold."""

_SHOWN = 40

# what no document without these holds need not be looked for value by value
_DIGITS = bytes.maketrans(b"123456789E", b"000000000e")
_LARGE = (b"0" * 19, b"e000", b"e+000")
_MAY_BE_HALF = re.compile(r"\\u[dD][89a-fA-F]")


class NotJson(Refused):
    """A text is no JSON at all; the rest of it may be missing."""


def parse_json(text: str | bytes, *, as_python: bool = False, with_halves: bool = False) -> Any:
    """Return the value of a JSON text.

    Args:
        text: the document, or one line of a stream.
        as_python: NaN, infinities and long whole numbers are numbers, as Python writes them.
        with_halves: halves of surrogate pairs stay in texts, for a caller who says in which one.

    Raises:
        NotJson: it is not JSON; of a stream that was cut off the last line is none.
        Refused: it is nested too deeply, says a key twice, or holds a number or text
            that cannot be kept: beyond 64 bits or the largest float, half a surrogate pair.
    """
    if isinstance(text, bytes):
        try:
            text = text_of(text)
        except Refused as error:
            raise NotJson(str(error)) from error
    hooks: dict[str, Any] = {}
    if not as_python:
        hooks["parse_constant"] = _no_constant
    if _may_be_large(text):
        hooks.update(parse_int=_long if as_python else _whole, parse_float=_float)
    try:
        value = json.loads(text, object_pairs_hook=_once, **hooks)
    except Refused:
        raise
    except ValueError as error:
        raise NotJson(f"is not JSON: {error}") from error
    except RecursionError as error:
        raise _too_deep() from error
    # cheap to tell of nearly every line: a level takes a bracket
    is_deep = text.count("[") + text.count("{") > MOST_DEPTH
    if is_deep or (not with_halves and _MAY_BE_HALF.search(text)):
        check_values(value, as_python=as_python, with_halves=with_halves)
    return value


def check_values(value: Any, *, as_python: bool = False, with_halves: bool = False) -> None:
    """Check the depth of a value, its whole numbers and its texts; arguments as in `parse_json`.

    Raises:
        Refused: one of them is not what a file can hold.
    """
    level: list[Any] = [value]
    for _ in range(MOST_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                if not with_halves:
                    _check_text(item)
            elif isinstance(item, int):
                if not as_python:
                    _check_whole(item)
            elif isinstance(item, dict):
                below += item.keys()
                below += item.values()
            elif isinstance(item, list | tuple | set):
                below += item
        if not below:
            return
        level = below
    raise _too_deep()


def _may_be_large(text: str) -> bool:
    """Tell whether a text has digits enough for a number beyond 64 bits, or beyond a float."""
    # not by a pattern: it would take ten times as long as the parser does
    alike = text.encode("utf-8", "surrogatepass").translate(_DIGITS)
    return any(part in alike for part in _LARGE)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refused(f"says the key {_shown(str(first_twice([n for n, _ in pairs])))} twice")
    return found


def _no_constant(text: str) -> float:
    raise Refused(f"holds {text}, which is no number of JSON")


def _long(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise _too_large(text)
    return int(text)


def _whole(text: str) -> int:
    # before it is made: the digits of a number take time that grows with their square
    if len(text) > 20:
        raise _too_large(text)
    value = int(text)
    _check_whole(value)
    return value


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _too_large(text)
    return value


def _check_whole(value: int) -> None:
    if not _MIN_WHOLE <= value <= _MAX_WHOLE:
        raise Refused("holds a whole number beyond 64 bits")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Refused(f"holds half a surrogate pair, which is no text: {_shown(text)}") from error


def _too_large(text: str) -> Refused:
    return Refused(f"holds the number {_shown(text)}, beyond 64 bits or the largest float")


def _too_deep() -> Refused:
    return Refused(f"is nested more than {MOST_DEPTH} levels deep")


def _shown(text: str) -> str:
    said = ascii(text)
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}..."
