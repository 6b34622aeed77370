"""From files to the questions of a set: read, checked, without repeats, in a stable order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harness.data.entries import Duplicates, Entry
from harness.data.files import read_records
from harness.data.forms import choose_form
from harness.data.questions import Question, RecordError
from harness.schema import UsageError


class Placed(NamedTuple):
    """A question with its record: where it stands, as it came, and which repeat it is (0 first)."""

    question: Question
    place: str
    record: Any
    repeat: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The questions of a set.

    Attributes:
        placed: questions; a training set in the order of their hashes, an evaluation set in its
            own.
        records: records that were read.
        repeats: records whose question had occurred before.
        conflicts: those of them whose answer is another one.
        languages: language -> questions.
        forms: forms that the files had.
        is_complete: it has as many records as were published, in all declared languages.
    """

    placed: Sequence[Placed]
    records: int
    repeats: int
    conflicts: int
    languages: dict[str, int]
    forms: Sequence[str]
    is_complete: bool


def collect(
    entry: Entry, files: Sequence[Path], *, duplicates: Duplicates, partial: bool
) -> Collected:
    """Read the questions of a data set.

    Args:
        entry: the data set.
        files: in order.
        duplicates: what happens to a question that occurred before: "refuse", "first" leaves it
            out, "keep" keeps it with an id of its own.
        partial: another number of questions than published, or a missing language, is no error.

    Raises:
        RecordError: a record is not of its form.
        UsageError: a file cannot be read, a question repeats, or the set is not what it should be.
    """
    forms: list[str] = []
    placed = [one for file in files for one in _read(entry, file, forms)]
    numbered = list(_numbered(placed))
    again = [one for one in numbered if one.repeat]
    if again and duplicates == "refuse":
        raise UsageError(_repeats(again, placed))
    kept = numbered if duplicates == "keep" else [one for one in numbered if not one.repeat]
    answers = {one.question.text: one.question.answer for one in numbered if not one.repeat}
    if entry.use == "training":
        # by the hash of the text: the first N are a sample, and part of every larger one
        kept.sort(key=lambda one: (one.question.order, one.repeat))
    languages = dict(sorted(Counter(one.question.language for one in kept).items()))
    wrong = _incomplete(entry, len(placed), languages)
    if wrong and not partial:
        raise UsageError(wrong)
    return Collected(
        placed=kept,
        records=len(placed),
        repeats=len(again),
        conflicts=sum(answers[one.question.text] != one.question.answer for one in again),
        languages=languages,
        forms=tuple(dict.fromkeys(forms)),
        is_complete=not wrong,
    )


def _read(entry: Entry, file: Path, forms: list[str]) -> Iterator[Placed]:
    records = read_records(file)
    place = f"record 0 of {file}"
    try:
        form = choose_form(records[0], entry.forms)
        forms.append(form.name)
        for number, record in enumerate(records):
            place = f"record {number} of {file}"
            yield Placed(form.read(record), place, record)
    except RecordError as error:
        raise error.at(place) from error


def _numbered(placed: Sequence[Placed]) -> Iterator[Placed]:
    seen: Counter[str] = Counter()
    for one in placed:
        yield one._replace(repeat=seen[one.question.text])
        seen[one.question.text] += 1


def _repeats(again: Sequence[Placed], placed: Sequence[Placed]) -> str:
    text = again[0].question.text
    first = next(one.place for one in placed if one.question.text == text)
    return (
        f"questions repeat in {len(again)} records, the first in {again[0].place}, as in {first}:"
        " give duplicates=first to leave out what repeats, or duplicates=keep to keep it with ids"
        " of its own"
    )


def _incomplete(entry: Entry, count: int, languages: Mapping[str, int]) -> str:
    """Return a sentence on what a set lacks, "" for nothing."""
    least, most = entry.rows.least or 1, count if entry.rows.most is None else entry.rows.most
    if not least <= count <= most:
        span = str(least) if least == most else f"{least} to {most}"
        return (
            f"{entry.name} has {count} records, expected {span} ({entry.rows.published} as"
            " published): give the whole set, or partial=true to prepare what there is"
        )
    missing = [name for name in entry.languages if name not in languages]
    if missing:
        return (
            f"{entry.name} has no question in language {missing[0]}, found {', '.join(languages)}:"
            f" expected {' and '.join(entry.languages)}; give all its files, joined by commas, or"
            " partial=true"
        )
    return ""
