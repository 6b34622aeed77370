"""Rows of curves as blocks: consecutive rows of one run and metric, of which there are few.

Axis letters: ``R`` rows, ``B`` blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

THREADS = 2
"""Of work that does not hold Python's lock; as many as the smallest machine has cores."""

_CHUNK = 1 << 20


def block_starts(rows: pd.DataFrame, keys: Sequence[str]) -> np.ndarray:
    """Return the first row of each block of equal keys, shape (blocks,).

    Args:
        rows: any table; categories are compared by their codes.
        keys: columns of it.
    """
    is_first_R = np.ones(len(rows), dtype=bool)
    is_first_R[1:] = False
    for key in keys:
        code_R = _codes(rows[key])
        is_first_R[1:] |= code_R[1:] != code_R[:-1]
    return np.flatnonzero(is_first_R)


def are_ordered(rows: pd.DataFrame, keys: Sequence[str], first_B: np.ndarray) -> bool:
    """Tell whether no two blocks have the same keys, and steps grow within each.

    No step of a key is then there twice.

    Args:
        rows: with a column step.
        keys: columns of it.
        first_B: first rows of the blocks, from `block_starts`.
    """
    grows_R = np.empty(len(rows), dtype=bool)
    step_R = rows["step"].to_numpy()
    # not their difference, which is never negative for unsigned numbers
    grows_R[1:] = step_R[1:] > step_R[:-1]
    grows_R[first_B] = True
    heads = [_codes(rows[key])[first_B].tolist() for key in keys]
    return bool(grows_R.all()) and len(set(zip(*heads, strict=True))) == len(first_B)


def row_ids(short: pd.Categorical, step_R: np.ndarray, metric: pd.Categorical) -> pa.Array:
    """Return the row_id of each row of curves, `<short>/<step>/<metric>`.

    Args:
        short: first 8 digits of the cell's id, of each row.
        step_R: step of each row, shape (rows,).
        metric: of each row.
    """
    text = pa.large_string()
    shorts, metrics = (
        pa.array(column.categories.to_numpy(dtype=object), type=text) for column in (short, metric)
    )
    code_R, steps = pd.factorize(step_R)
    step_texts = pc.cast(pa.array(steps), text)

    def part(first: int) -> pa.Array:
        rows = slice(first, first + _CHUNK)
        return pc.binary_join_element_wise(
            shorts.take(pa.array(short.codes[rows])),
            step_texts.take(pa.array(code_R[rows])),
            metrics.take(pa.array(metric.codes[rows])),
            pa.scalar("/", type=text),
        )

    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(part, range(0, len(step_R), _CHUNK)))
    return pa.concat_arrays(parts) if parts else pa.array([], type=text)


def _codes(column: pd.Series) -> np.ndarray:
    """Return numbers that are equal where a column is, shape (rows,)."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.array.codes)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy()
    return np.asarray(pd.factorize(column)[0])
