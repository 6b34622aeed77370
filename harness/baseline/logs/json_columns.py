"""JSON lines as columns, by pyarrow, where that says what reading line by line says.

pyarrow is no stricter and no laxer than JSON, and cannot tell null from an absent key: what is odd
in any way is left to the reader of lines, which also says what is wrong.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.json

from harness.baseline.logs.limits import LAST_STEP, MOST_DEPTH, MOST_LINE_BYTES


class Columns(NamedTuple):
    """Lines of {"step": 3, "data": {"name": 0.5}} as columns.

    Attributes:
        step_R: steps, each larger than the one before, shape (lines,).
        data: name -> its values, in the order of their first appearance; null where a line lacks
            it. Not every one holds numbers.
    """

    step_R: npt.NDArray[np.int64]
    data: dict[str, pa.Array]


def read_columns(content: bytes) -> Columns | None:
    """Read lines as columns; None where they are to be read one by one.

    Args:
        content: of the file.
    """
    count = 0
    for line in io.BytesIO(content):
        own = line.strip()
        # an object per line, and no deep one: pyarrow would take two on one line, or one on two,
        # and might end the process at thousands of levels
        if own and not (own[:1] == b"{" and own[-1:] == b"}" and _is_flat(own)):
            return None
        count += bool(own)
    if not count or b"null" in content or b"\0" in content:
        return None
    try:
        # pyarrow does not look whether it is text
        if not content.isascii():
            content.decode()
        options = pa.json.ReadOptions(use_threads=False, block_size=len(content) + 1)
        table = pa.json.read_json(pa.BufferReader(content), read_options=options)
    except (ValueError, pa.ArrowException):
        return None
    return _columns(table) if table.num_rows == count else None


def matrix(columns: Sequence[pa.Array]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return finite numbers and where there is one; None if a column holds anything else.

    Returns:
        Values and a mask, each of shape (columns, lines).
    """
    shape = len(columns), len(columns[0]) if columns else 0
    values, is_there = np.empty(shape), np.ones(shape, dtype=bool)
    for place, column in enumerate(columns):
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            return None
        if column.null_count:
            is_there[place] = column.is_valid()
            column = column.fill_null(0)
        values[place] = column
    return (values, is_there) if np.isfinite(values).all() else None


def _is_flat(line: bytes) -> bool:
    return len(line) <= MOST_LINE_BYTES and line.count(b"{") + line.count(b"[") <= MOST_DEPTH


def _columns(table: pa.Table) -> Columns | None:
    types = dict(zip(table.schema.names, table.schema.types, strict=True))
    if types.get("step") != pa.int64() or not pa.types.is_struct(types.get("data", pa.null())):
        return None
    step, data = (table[name].combine_chunks() for name in ("step", "data"))
    if step.null_count or data.null_count:
        return None
    step_R = np.asarray(step)
    if (np.diff(step_R) <= 0).any() or not 0 <= step_R[0] <= step_R[-1] <= LAST_STEP:
        return None
    names = [field.name for field in data.type]
    return Columns(step_R, dict(zip(names, data.flatten(), strict=True)))
