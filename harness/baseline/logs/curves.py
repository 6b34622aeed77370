"""The rows of logs as the curves of a bundle: by run, metric and step, each with its row_id.

Axis letters: ``R`` rows, ``B`` blocks of rows, ``C`` cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from harness.metrics.tables import STEP_TYPES

THREADS = 2
"""Of work that does not hold Python's lock; as many as the smallest machine has cores."""

_CHUNK = 1 << 20


def curves_of(
    rows: pd.DataFrame,
    cells: Sequence[Mapping[str, Any]],
    cell_R: np.ndarray,
    block_B: np.ndarray | None,
) -> pd.DataFrame:
    """Return the curves of a bundle.

    Args:
        rows: of logs, as `Log` has them.
        cells: of the bundle's manifest.
        cell_R: which of them each row is of, shape (rows,).
        block_B: first rows of the blocks that hold all steps of a run and metric in order, shape
            (blocks,); None if rows do not stand in such blocks.
    """
    run_id = _category([cell["run_id"] for cell in cells], cell_R)
    metric = _category(rows["metric"].cat.categories, rows["metric"].cat.codes.to_numpy())
    step_R = rows["step"].to_numpy(dtype=np.int32)
    order_R = _order(run_id.codes, metric.codes, step_R, block_B)
    short = pd.Categorical([cell["cell_id"][:8] for cell in cells])
    short_R = short.codes[cell_R[order_R]]
    columns = {
        "run_id": run_id.take(order_R),
        "arm": _category(rows["arm"].cat.categories, rows["arm"].cat.codes.to_numpy()[order_R]),
        "seed": rows["seed"].to_numpy()[order_R],
        "step": step_R[order_R],
        "metric": metric.take(order_R),
        "value": rows["value"].to_numpy()[order_R],
    }
    shorts = pd.Categorical.from_codes(short_R, short.categories)
    columns["row_id"] = _row_ids(shorts, columns["step"], columns["metric"])
    return pd.DataFrame({name: columns[name] for name in STEP_TYPES})


def _category(names: Iterable[str], code_R: np.ndarray) -> pd.Categorical:
    """Return names by their places as a category whose order is that of the names."""
    named = pd.Categorical(list(names))
    whole = pd.Categorical.from_codes(named.codes[code_R], named.categories)
    return whole.remove_unused_categories()


def _order(
    run_R: np.ndarray, metric_R: np.ndarray, step_R: np.ndarray, block_B: np.ndarray | None
) -> np.ndarray:
    """Return the order of rows by run, metric and step, shape (rows,)."""
    if block_B is None:
        return np.lexsort((step_R, metric_R, run_R))
    order_B = np.lexsort((metric_R[block_B], run_R[block_B]))
    size_B = np.diff(block_B, append=len(step_R))[order_B]
    # from a row's place in the new order to that in the old one
    shift_B = block_B[order_B] - (np.cumsum(size_B) - size_B)
    return np.asarray(np.arange(len(step_R)) + np.repeat(shift_B, size_B))


def _row_ids(short: pd.Categorical, step_R: np.ndarray, metric: pd.Categorical) -> Any:
    """Return `<first 8 digits of the cell's id>/<step>/<metric>` of each row."""
    shorts, metrics = (
        pa.array(named.categories, type=pa.large_string()) for named in (short, metric)
    )

    def part(first: int) -> pa.Array:
        rows = slice(first, first + _CHUNK)
        return pc.binary_join_element_wise(
            shorts.take(pa.array(short.codes[rows])),
            pc.cast(pa.array(step_R[rows]), pa.large_string()),
            metrics.take(pa.array(metric.codes[rows])),
            pa.scalar("/", type=pa.large_string()),
        )

    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(part, range(0, len(step_R), _CHUNK)))
    return pd.array(pa.concat_arrays(parts), dtype="str")
