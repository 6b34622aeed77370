"""Reads the records of a file: JSON, JSON lines, CSV or Parquet, whatever they hold."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.schema import UsageError

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
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; check the path") from error
    if data.startswith(_LFS):
        raise UsageError(
            f"{path} is a pointer of Git LFS, not the data: run `git lfs pull` in its repository"
        )
    records = reader(data, path)
    if not records:
        raise UsageError(f"{path} has no records: expected at least one")
    return records


def _text(data: bytes, path: Path) -> str:
    try:
        # without the byte order mark, if there is one
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8: found byte 0x{data[error.start]:02x} at {error.start}; convert"
            " it to UTF-8"
        ) from error


def _json(data: bytes, path: Path) -> list[Any]:
    try:
        document = json.loads(_text(data, path))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}; give the file as it was published") from (
            error
        )
    if not isinstance(document, (list, dict)):
        raise UsageError(
            f"{path} holds a {type(document).__name__}: expected a list of records, or one record"
        )
    return document if isinstance(document, list) else [document]


def _json_lines(data: bytes, path: Path) -> list[Any]:
    records = []
    # not splitlines, which also cuts at line separators that JSON allows inside a text
    for number, line in enumerate(_text(data, path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            records.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise UsageError(
                f"line {number} of {path} is not JSON: {error}; give the file as it was published"
            ) from error
    return records


def _csv(data: bytes, path: Path) -> list[Any]:
    try:
        # newline="": line ends inside of quotes belong to the text
        return list(csv.DictReader(io.StringIO(_text(data, path), newline=""), strict=True))
    except csv.Error as error:
        raise UsageError(f"{path} is not CSV: {error}; give the file as it was published") from (
            error
        )


def _parquet(data: bytes, path: Path) -> list[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows: list[Any] = pq.read_table(io.BytesIO(data)).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{path} is not Parquet: {str(error).splitlines()[0]}") from error
    return rows


READERS: dict[str, Callable[[bytes, Path], list[Any]]] = {
    ".json": _json,
    ".jsonl": _json_lines,
    ".csv": _csv,
    ".parquet": _parquet,
}
"""Ending of a file -> what reads it."""
