"""Reads the questions of a prepared Parquet file again, for comparing sets."""

from __future__ import annotations

from pathlib import Path

from harness.data.files import read_records
from harness.data.overlap import Asked
from harness.data.questions import RecordError, text_at


def asked_in(path: Path) -> list[Asked]:
    """Return the questions of a prepared file.

    Raises:
        UsageError: it cannot be read.
        RecordError: its rows have no `extra_info` with `question_id` and `problem`.
    """
    try:
        return [
            Asked(text_at(row, "extra_info", "question_id"), text_at(row, "extra_info", "problem"))
            for row in read_records(path)
        ]
    except RecordError as error:
        raise error.at(f"a row of {path}") from error
