"""Tables of strangers: Parquet with its footer read first, and CSV with a cell in every column."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from harness.untrusted.files import MIB, MOST_COLUMNS, Refused, bounded_memory, first_twice

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_Made = TypeVar("_Made")

MOST_ROWS = 1 << 23
"""Of a table: what is larger would not fit into the memory of a small machine."""

MOST_ROWS_UNPACKED = 1 << 20
"""Of a table of fewer bytes: equal rows pack so well that a small file may hold very many."""

_METADATA = MIB
_CELL = MIB
"""Characters of a cell of a CSV file: a proof or a page of text, no more."""


TEXT, WHOLE, NUMBER, TRUTH = "text", "whole numbers", "numbers", "true or false"
"""What a column holds."""


def column_fault(schema: pa.Schema, kinds: Mapping[str, str]) -> str:
    """Return what is wrong with the columns of a table, as it follows its name; "" if nothing.

    Args:
        schema: of the table; columns that no kind is stated for are free.
        kinds: column that must be there -> one of `TEXT`, `WHOLE`, `NUMBER`, `TRUTH`.
    """
    names = set(schema.names)
    for name, kind in kinds.items():
        if name not in names:
            return f"has no column {name}"
        found = schema.field(name).type
        if not _is_of(found, kind):
            return f"has {name} as {str(found)!a}, expected {kind}"
    return ""


def _is_of(found: pa.DataType, kind: str) -> bool:
    import pyarrow as pa

    tests = {
        WHOLE: (pa.types.is_integer,),
        NUMBER: (pa.types.is_floating,),
        TRUTH: (pa.types.is_boolean,),
        # a table without rows does not say of what type its texts would be
        TEXT: (pa.types.is_string, pa.types.is_large_string, pa.types.is_null),
    }
    inner = found.value_type if kind == TEXT and pa.types.is_dictionary(found) else found
    return any(is_type(inner) for is_type in tests[kind])


def read_frame(
    source: Path | bytes,
    *,
    most: int = MOST_ROWS,
    check: Callable[[pa.Schema], None] = lambda _: None,
) -> pd.DataFrame:
    """Return a Parquet file as a data frame.

    Args:
        source: its path, or its bytes.
        most: rows that it may have.
        check: raises what it has against the schema, before a row is read.

    Raises:
        OSError: it cannot be opened.
        Refused: it is no table, or has more rows, columns or content than is read.
    """
    frame: pd.DataFrame = _read(source, most, check, lambda t: t.to_pandas(ignore_metadata=True))
    return frame


def read_parquet_rows(
    source: Path | bytes,
    *,
    most: int = MOST_ROWS,
    check: Callable[[pa.Schema], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Return a Parquet file as rows; arguments and errors are those of `read_frame`.

    An index of pandas, which it writes as a column, is no column.
    """

    def rows(table: pa.Table) -> list[dict[str, Any]]:
        index = [name for name in table.column_names if name.startswith("__index_level_")]
        found: list[dict[str, Any]] = table.drop_columns(index).to_pylist()
        return found

    return _read(source, most, check, rows)


def parse_csv(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV text whose first row names its columns.

    Raises:
        Refused: it is not CSV, two columns have one name, a row has another number of cells than
            the first, or there are too many columns or characters in a cell.
    """
    # of the module and not of a reader: whoever read before may have left another
    csv.field_size_limit(_CELL)
    # newline="": line ends inside of quotes belong to the text
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, str]] = []
    try:
        names = next(reader, [])
        _check_names(names)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(names):
                raise Refused(
                    f"has {len(cells)} cells in line {reader.line_num}, {len(names)} in its first"
                )
            rows.append(dict(zip(names, cells, strict=True)))
    except csv.Error as error:
        raise Refused(f"is not CSV: {error} (line {reader.line_num})") from error
    return rows


def _check_names(names: list[str]) -> None:
    if len(names) > MOST_COLUMNS:
        raise Refused(f"has {len(names):,} columns, at most {MOST_COLUMNS:,} are read")
    twice = first_twice(names)
    if twice is not None:
        raise Refused(f"has two columns named {twice[:40]!a}")


def _read(
    source: Path | bytes,
    most: int,
    check: Callable[[pa.Schema], None],
    made: Callable[[pa.Table], _Made],
) -> _Made:
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    limits: Mapping[str, Any] = {
        "thrift_string_size_limit": 16 * _METADATA,
        "thrift_container_size_limit": _METADATA,
    }
    try:
        with (
            bounded_memory(size),
            pq.ParquetFile(
                pa.BufferReader(source) if isinstance(source, bytes) else source, **limits
            ) as file,
        ):
            _check_footer(file.metadata, size, most)
            check(file.schema_arrow)
            return made(file.read(use_threads=False))
    except (Refused, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except (OSError, ValueError, OverflowError, TypeError, KeyError, pa.ArrowException) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise Refused(f"cannot be read, it is not Parquet ({ascii(reason)[1:-1]})") from error


def _check_footer(metadata: Any, size: int, most: int) -> None:
    """Refuse by what a file says of itself, before anything is unpacked."""
    groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    rows = max(metadata.num_rows, sum(groups))
    allowed = min(most, max(MOST_ROWS_UNPACKED, size))
    if rows > allowed:
        raise Refused(f"has {rows:,} rows, at most {allowed:,} are read here")
    if metadata.num_columns > MOST_COLUMNS:
        raise Refused(f"has {metadata.num_columns:,} columns, at most {MOST_COLUMNS:,} are read")
