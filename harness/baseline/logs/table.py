"""Reading a CSV file as text and its columns as numbers, with the line of what is wrong."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.baseline.logs.log import listed
from harness.schema import DamagedError, UsageError

FIRST_LINE = 2
"""Line of the first row: the head stands above it."""


def head_of(path: Path) -> list[str]:
    """Return the names of a CSV file's columns.

    Raises:
        DamagedError: its first line is not text.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return next(csv.reader(file), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise DamagedError(f"{path} is not a CSV file: {error}") from error


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV file, every cell as text; what is empty is "".

    Raises:
        DamagedError: it is not text, a row is too long, it has no rows, or a column appears twice.
    """
    head = head_of(path)
    twice = sorted({name for name in head if head.count(name) > 1})
    if twice:
        raise DamagedError(f"{path} has two columns {listed(twice)}: which one counts? Rename one")
    try:
        # where every row is longer than the head, pandas cuts them and only warns
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                dtype=str,
                keep_default_na=False,
                encoding="utf-8-sig",
                # else the first column of rows with one cell too many would become an index
                index_col=False,
                skip_blank_lines=False,
                on_bad_lines="error",
            )
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DamagedError(f"{path} is not a CSV file: {error}") from error
    if frame.empty:
        raise DamagedError(f"{path} has no row below its head: is it cut off?")
    return frame.fillna("")


def column_of_table(path: Path, frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a column by its name; `UsageError` if there is none."""
    if name not in frame.columns:
        raise UsageError(f"{path} has no column {name!r}: it has {listed(map(str, frame.columns))}")
    return frame[name]


def whole_numbers(path: Path, column: pd.Series) -> npt.NDArray[np.int64]:
    """Return a column of whole numbers; 10.0 is one.

    Raises:
        DamagedError: a cell is empty or no whole number.
    """
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    wrong = np.flatnonzero(~np.isfinite(numbers) | (numbers != np.floor(numbers)))
    # beyond it a float does not hold every whole number
    wrong = wrong if wrong.size else np.flatnonzero(np.abs(numbers) > 2**53)
    if wrong.size:
        raise _wrong(path, column, int(wrong[0]), "a whole number")
    return numbers.astype(np.int64)


def numbers(path: Path, column: pd.Series) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return a column's values, and where there is a cell at all.

    Returns:
        Values with NaN where the cell says nan, and a mask that is false where it is empty.

    Raises:
        DamagedError: a cell is neither empty nor a number.
    """
    text = column.str.strip()
    is_there = (text != "").to_numpy(dtype=bool)
    is_nan = text.str.lower().isin(["nan", "null", "none"]).to_numpy(dtype=bool)
    values = pd.to_numeric(text.where(~is_nan, "nan"), errors="coerce").to_numpy(dtype=float)
    wrong = np.flatnonzero(np.isnan(values) & is_there & ~is_nan)
    if wrong.size:
        raise _wrong(path, column, int(wrong[0]), "a number")
    return values, is_there


def _wrong(path: Path, column: pd.Series, row: int, expected: str) -> DamagedError:
    return DamagedError(
        f"line {row + FIRST_LINE} of {path} has {column.iloc[row]!r} in column {column.name}:"
        f" expected {expected}"
    )
