"""A question as every data set gives it, and what is wrong with a record that gives none."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.schema import HarnessError

CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_SHOWN_CHARS = 60


class RecordError(HarnessError):
    """A record of a data set is not what its form says.

    Args:
        field: the field, dotted, as in the record.
        found: what is there.
        expected: what should be.
        place: file and number of the record; "" where that is not known yet.
    """

    def __init__(self, field: str, found: str, expected: str, place: str = "") -> None:
        self.field, self.found, self.expected, self.place = field, found, expected, place
        super().__init__(
            f"{place or 'a record'} has {found} in field {field}, expected {expected}: correct the"
            " file, or give the right one"
        )

    def at(self, place: str) -> RecordError:
        """Return the same error with the place of the record."""
        return RecordError(self.field, self.found, self.expected, place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with its answer.

    Attributes:
        text: all that is asked, options included.
        answer: what the grader compares with.
        choices: texts of the options in their shown order, none for an open question.
        pass_at_n: share of right answers of the authors' model, in [0, 1], where they give it.
        details: JSON text of what else the data set has and an evaluation needs, "" for nothing.
    """

    text: str
    answer: str
    choices: tuple[str, ...] = ()
    pass_at_n: float | None = None
    details: str = ""

    @property
    def language(self) -> str:
        """Return "zh" if a Chinese character occurs, else "en"."""
        return "zh" if CHINESE.search(self.text) else "en"

    @property
    def order(self) -> str:
        """Place in the stable order: the sha256 (64 hex digits) of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


Form = Callable[[Any], Question]
"""Reads one record.

Raises:
    RecordError: the record is not of this form.
"""


def text_at(record: Any, *path: str | int) -> str:
    """Return the text that stands at a path, as it is.

    Raises:
        RecordError: the path ends early, or there is no text, or it is empty or not Unicode.
    """
    value = value_at(record, *path)
    if not isinstance(value, str):
        raise RecordError(dotted(path), shown(value), "text that is not empty")
    if not value.strip():
        raise RecordError(dotted(path), f"empty text {value!r}", "text that is not empty")
    try:
        # JSON may hold half a surrogate pair, on which every later write would fail
        value.encode()
    except UnicodeEncodeError as error:
        raise RecordError(
            dotted(path), f"half a surrogate pair at character {error.start}", "Unicode text"
        ) from error
    return value


def value_at(record: Any, *path: str | int) -> Any:
    """Return the value at a path of keys and places.

    Raises:
        RecordError: naming the first step of the path that is not there.
    """
    value = record
    for depth, step in enumerate(path):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError) as error:
            above = dotted(path[:depth]) or "the record"
            raise RecordError(
                dotted(path[: depth + 1]), "nothing", f"a value ({above} has {keys_of(value)})"
            ) from error
    return value


def list_at(record: Any, *path: str | int) -> list[Any]:
    """Return the list at a path.

    Raises:
        RecordError: there is none, or it is empty.
    """
    value = value_at(record, *path)
    if not isinstance(value, list) or not value:
        raise RecordError(dotted(path), shown(value), "a list that is not empty")
    return value


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as text."""
    return ".".join(map(str, path))


def shown(value: Any) -> str:
    """Return a value for an error: its type and its beginning."""
    if value is None:
        return "null"
    text = repr(value)
    cut = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."
    return f"{type(value).__name__} {cut}"


def with_options(question: str, options: Sequence[str]) -> str:
    """Return a question with its options below it, as the authors' file of GPQA has them."""
    lines = [f"{letter(place)}. {option}" for place, option in enumerate(options)]
    return "\n".join([question, *lines])


def letter(place: int) -> str:
    """Return the letter of an option, A for 0."""
    return chr(ord("A") + place)


def keys_of(value: Any) -> str:
    """Name the keys of a value, for an error."""
    if isinstance(value, Mapping):
        return f"the keys {', '.join(map(str, value))}" if value else "no keys"
    if isinstance(value, list):
        return f"{len(value)} items"
    return "no keys"
