"""Reads the records of a file: JSON, JSON lines, CSV or Parquet, whatever they hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.schema import UsageError
from harness.untrusted.files import Refused, read_bytes, text_of
from harness.untrusted.json_text import parse_json
from harness.untrusted.tables import parse_csv, read_parquet_rows

MOST_BYTES = 2 << 30
"""Of a file of records; the largest set that the suite names has half of it."""

_LFS = b"version https://git-lfs"


def read_records(path: Path) -> list[Any]:
    """Return the records of a file, in its order; a JSON file with one mapping is one record.

    Raises:
        UsageError: the file is not there, cannot be read, is in no known format, or is empty.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path} is of no known format: expected one of {', '.join(READERS)}")
    try:
        data = read_bytes(path, MOST_BYTES)
        if data.startswith(_LFS):
            raise UsageError(
                f"{path} is a pointer of Git LFS, not the data: run `git lfs pull` in its"
                " repository"
            )
        records = reader(data)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; check the path") from error
    except _RefusedLine as error:
        raise UsageError(f"line {error.number} of {path} {error}; {_REMEDY}") from error
    except Refused as error:
        raise UsageError(f"{path} {error}; {_REMEDY}") from error
    if not records:
        raise UsageError(f"{path} has no records: expected at least one")
    return records


_REMEDY = "give the file as it was published"


class _RefusedLine(Refused):
    """A line that cannot be taken."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number


def _text(data: bytes) -> str:
    # without the byte order mark, if there is one
    return text_of(data, "utf-8-sig")


def _json(data: bytes) -> list[Any]:
    document = parse_json(_text(data), as_python=True, with_halves=True)
    if not isinstance(document, (list, dict)):
        raise Refused(
            f"holds a {type(document).__name__}: expected a list of records, or one record"
        )
    return document if isinstance(document, list) else [document]


def _json_lines(data: bytes) -> list[Any]:
    records = []
    # not splitlines, which also cuts at line separators that JSON allows inside a text
    for number, line in enumerate(_text(data).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            records.append(parse_json(line, as_python=True, with_halves=True))
        except Refused as error:
            raise _RefusedLine(number, str(error)) from error
    return records


READERS: dict[str, Callable[[bytes], list[Any]]] = {
    ".json": _json,
    ".jsonl": _json_lines,
    ".csv": lambda data: parse_csv(_text(data)),
    ".parquet": read_parquet_rows,
}
"""Ending of a file -> what reads it."""
