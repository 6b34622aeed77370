"""Reading a CSV file, and its columns as numbers, with the line of what is wrong.

pandas reads it with numbers as numbers; where a column is none, it is read as text, cell by cell.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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


def read_table(path: Path, *, texts: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV file.

    Args:
        path: of the file.
        texts: columns that stay text whatever they hold.

    Returns:
        Columns of numbers, NaN where a cell is empty, and of text, "" where it is.

    Raises:
        DamagedError: it is not text, a row is too long, it has no rows, or a column appears twice.
    """
    head = head_of(path)
    twice = sorted({name for name in head if head.count(name) > 1})
    if twice:
        raise DamagedError(f"{path} has two columns {listed(twice)}: which one counts? Rename one")
    # only what is empty is absent: a text such as nan or NA makes its column one of text
    as_text = dict.fromkeys([name for name in texts if name in head], str)
    frame = _read(path, dtype=as_text, na_values=[""], low_memory=False)
    if frame.empty:
        raise DamagedError(f"{path} has no row below its head: is it cut off?")
    is_number = [dtype in (np.float64, np.int64) for dtype in frame.dtypes]
    is_text = [isinstance(dtype, pd.StringDtype) for dtype in frame.dtypes]
    if not np.all(np.logical_or(is_number, is_text)):
        return _text(path)
    texts_there = frame.columns[is_text]
    return frame.fillna(dict.fromkeys(texts_there, "")) if len(texts_there) else frame


def _text(path: Path) -> pd.DataFrame:
    """Read a CSV file, every cell as text; what is empty is ""."""
    return _read(path, dtype=str).fillna("")


def _read(path: Path, **how: Any) -> pd.DataFrame:
    try:
        # where every row is longer than the head, pandas cuts them and only warns
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame: pd.DataFrame = pd.read_csv(
                path,
                keep_default_na=False,
                encoding="utf-8-sig",
                # else the first column of rows with one cell too many would become an index
                index_col=False,
                skip_blank_lines=False,
                on_bad_lines="error",
                **how,
            )
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DamagedError(f"{path} is not a CSV file: {error}") from error
    return frame


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
        raise _wrong(path, str(column.name), int(wrong[0]), "a whole number")
    return numbers.astype(np.int64)


def numbers(path: Path, column: pd.Series) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return a column's values, and where there is a cell at all.

    Returns:
        Values with NaN where the cell says nan, and a mask that is false where it is empty.

    Raises:
        DamagedError: a cell is neither empty nor a number.
    """
    if not isinstance(column.dtype, pd.StringDtype):
        return column.to_numpy(dtype=float), column.notna().to_numpy()
    text = column.str.strip()
    is_there = (text != "").to_numpy(dtype=bool)
    is_nan = text.str.lower().isin(["nan", "null", "none"]).to_numpy(dtype=bool)
    values = pd.to_numeric(text.where(~is_nan, "nan"), errors="coerce").to_numpy(dtype=float)
    wrong = np.flatnonzero(np.isnan(values) & is_there & ~is_nan)
    if wrong.size:
        raise _wrong(path, str(column.name), int(wrong[0]), "a number")
    return values, is_there


def matrix(
    path: Path, frame: pd.DataFrame, names: Sequence[str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return columns as `numbers` has them, below one another: each (columns, rows)."""
    columns = frame[list(names)]
    is_text = [isinstance(dtype, pd.StringDtype) for dtype in columns.dtypes]
    if not any(is_text):
        values = columns.to_numpy(dtype=float).T
        return values, ~np.isnan(values)
    found = [numbers(path, columns[name]) for name in names]
    return np.stack([values for values, _ in found]), np.stack([there for _, there in found])


def _wrong(path: Path, column: str, row: int, expected: str) -> DamagedError:
    # as it stands in the file: a number that was read would be written another way
    cell = _text(path)[column].iloc[row]
    return DamagedError(
        f"line {row + FIRST_LINE} of {path} has {cell!r} in column {column}: expected {expected}"
    )
