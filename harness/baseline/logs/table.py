"""Reading a CSV file, and its columns as numbers, with the line of what is wrong.

pandas reads it with numbers as numbers; where a column is none, it is read as text, cell by cell.
"""

from __future__ import annotations

import csv
import itertools
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.baseline.logs.limits import MOST_COLUMNS, text_lines
from harness.baseline.logs.log import listed
from harness.schema import DamagedError, UsageError
from harness.store.forms import shown

MOST_CELLS = 1 << 24
"""Of a table, which is held in memory."""

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?[iI][nN][fF](?:inity)?"
_COMMA = r"[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]+)?"
_THOUSANDS = r"[+-]?[1-9][0-9]{0,2},[0-9]{3}"
"""A number with a comma that may stand between thousands, and need not be a decimal one."""


class Head(NamedTuple):
    """The names of a CSV file's columns, and what stands between cells."""

    names: list[str]
    delimiter: str


def head_of(path: Path) -> Head:
    """Return the first line of a CSV file; commas, semicolons or tabs stand between its cells.

    Raises:
        DamagedError: its first line is not text or too long, or a column appears twice.
    """
    line = next((line for _, line in text_lines(path)), "")
    delimiter = next((sign for sign in ",;\t" if sign in line), ",")
    try:
        names = next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise DamagedError(f"{path} is not a CSV file: {error}") from error
    if len(names) > MOST_COLUMNS:
        raise DamagedError(f"{path} has {len(names)} columns, at most {MOST_COLUMNS} are read")
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DamagedError(f"{path} has two columns {listed(twice)}: which one counts? Rename one")
    return Head(names, delimiter)


def read_table(path: Path, *, texts: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV file, whose rows have as many cells as its head; blank lines are none.

    Args:
        path: of the file.
        texts: columns that stay text whatever they hold.

    Returns:
        Columns of numbers, NaN where a cell is empty, and of text, "" where it is. Where no comma
        stands between cells, a decimal comma is read as one.

    Raises:
        DamagedError: it is not text, a row is too long or too short, it has no rows, or a column
            appears twice.
    """
    head = head_of(path)
    _check_shape(path, head)
    if head.delimiter != ",":
        return _with_points(path, _text(path), texts)
    # only what is empty is absent: a text such as nan or NA makes its column one of text
    as_text = dict.fromkeys([name for name in texts if name in head.names], str)
    frame = _read(path, head, dtype=as_text, na_values=[""], low_memory=False)
    is_number = [dtype in (np.float64, np.int64) for dtype in frame.dtypes]
    is_text = [isinstance(dtype, pd.StringDtype) for dtype in frame.dtypes]
    # 1e400 is not infinite: only the text tells
    is_vast = np.isinf(frame.loc[:, is_number].to_numpy(dtype=float)).any()
    if is_vast or not np.all(np.logical_or(is_number, is_text)):
        return _text(path)
    texts_there = frame.columns[is_text]
    return frame.fillna(dict.fromkeys(texts_there, "")) if len(texts_there) else frame


def _text(path: Path) -> pd.DataFrame:
    """Read a CSV file, every cell as text; what is empty is ""."""
    return _read(path, head_of(path), dtype=str).fillna("")


def _read(path: Path, head: Head, **how: Any) -> pd.DataFrame:
    try:
        # where every row is longer than the head, pandas cuts them and only warns
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame: pd.DataFrame = pd.read_csv(
                path,
                sep=head.delimiter,
                names=head.names,
                header=0,
                keep_default_na=False,
                encoding="utf-8-sig",
                # else the first column of rows with one cell too many would become an index
                index_col=False,
                on_bad_lines="error",
                **how,
            )
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DamagedError(f"{path} is not a CSV file: {error}") from error
    return frame


def _rows(path: Path, head: Head) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows below the head, each with its line, without blank lines."""
    reader = csv.reader(
        (line for _, line in text_lines(path)), delimiter=head.delimiter, strict=True
    )
    begin = 0
    while True:
        # a cell in quotes may hold ends of lines: the row begins where the last one ended
        begin = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DamagedError(f"line {begin} of {path} is not one of CSV: {error}") from error
        if row is None:
            return
        if row and begin > 1:
            yield begin, row


def _check_shape(path: Path, head: Head) -> None:
    """Check that every row has as many cells as the head: pandas would fill or cut others."""
    rows = 0
    width = len(head.names)
    for line, row in _rows(path, head):
        rows += 1
        if len(row) != width:
            raise DamagedError(
                f"line {line} of {path}, a CSV file, has {len(row)} cells, its head {width}: is a"
                " comma used for decimals, or is the file cut off? Correct it, or put ; between"
                " cells"
            )
        if rows * width > MOST_CELLS:
            raise DamagedError(f"{path} has more than {MOST_CELLS} cells: keep what you need")
    if not rows:
        raise DamagedError(f"{path} has no row below its head: is it cut off?")


def _with_points(path: Path, frame: pd.DataFrame, texts: Sequence[str]) -> pd.DataFrame:
    """Return a table of text with decimal points for decimal commas.

    Raises:
        DamagedError: a comma may stand between thousands, or some numbers have points.
    """
    names = [name for name in frame.columns if name not in texts]
    has_comma = {name: frame[name].str.strip().str.fullmatch(_COMMA) for name in names}
    with_comma = [frame.loc[has_comma[name], name].str.strip() for name in names]
    cells = pd.concat(with_comma) if with_comma else pd.Series(dtype=str)
    if cells.empty:
        return frame
    if cells.str.fullmatch(_THOUSANDS).all():
        raise DamagedError(
            f"{path} has {cells.iloc[0]!r}: nobody can tell whether its comma is a decimal one;"
            " write decimal points"
        )
    for name in names:
        if frame[name].str.strip().str.fullmatch(r"[+-]?[0-9]*\.[0-9]+").any():
            raise DamagedError(
                f"{path} has decimal commas, and points in column {name}: write one of them"
            )
    commas = {
        name: frame[name].str.replace(",", ".", regex=False).where(has_comma[name], frame[name])
        for name in names
    }
    return frame.assign(**commas)


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
    if isinstance(column.dtype, pd.StringDtype):
        text = column.str.strip()
        column = text.where(text.str.fullmatch(_NUMBER), "nan")
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
    # pandas would take digits of any script, and what else looks like a number to it
    is_number = text.str.fullmatch(_NUMBER).to_numpy(dtype=bool)
    values = pd.to_numeric(text.where(is_number, "nan"), errors="coerce").to_numpy(dtype=float)
    is_vast = np.isinf(values) & ~text.str.lower().str.contains("inf", regex=False).to_numpy()
    wrong = np.flatnonzero((np.isnan(values) & is_there & ~is_nan) | is_vast)
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
    head = head_of(path)
    line, cells = next(itertools.islice(_rows(path, head), row, None))
    cell = cells[head.names.index(column)]
    said = f"line {line} of {path} has {shown(cell)} in column {column}"
    return DamagedError(f"{said}: expected {expected}")
