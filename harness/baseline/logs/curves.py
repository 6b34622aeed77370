"""The rows of logs as the curves of a bundle: by run, metric and step, each with its row_id.

Axis letters: ``R`` rows, ``B`` blocks of rows: all steps of one run and metric, in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from harness.baseline.logs.log import ordered_blocks
from harness.metrics.tables import STEP_TYPES

THREADS = 2
"""Of work that does not hold Python's lock; as many as the smallest machine has cores."""

_CHUNK = 1 << 20

_BLOCK = ("part", "first", "end", "arm", "seed", "metric", "last_step")


def blocks_of(parts: Sequence[pd.DataFrame]) -> pd.DataFrame | None:
    """Return the blocks of the rows of logs; None if two are of one run and metric.

    Args:
        parts: rows as `Log` has them, at least one each.

    Returns:
        Columns part, first, end (rows of the part), arm, seed, metric, last_step.
    """
    found: dict[str, list[np.ndarray]] = {name: [] for name in _BLOCK}
    for number, rows in enumerate(parts):
        first_B = ordered_blocks(rows)
        if first_B is None:
            return None
        end_B = np.append(first_B[1:], len(rows))
        found["part"].append(np.full(len(first_B), number))
        found["first"].append(first_B)
        found["end"].append(end_B)
        found["seed"].append(rows["seed"].to_numpy()[first_B])
        found["last_step"].append(rows["step"].to_numpy()[end_B - 1])
        for name in ("arm", "metric"):
            whole = rows[name].array
            found[name].append(whole.categories.to_numpy(dtype=object)[whole.codes[first_B]])
    blocks = pd.DataFrame({name: np.concatenate(columns) for name, columns in found.items()})
    return None if blocks.duplicated(["arm", "seed", "metric"]).any() else blocks


def curves_of(
    parts: Sequence[pd.DataFrame], blocks: pd.DataFrame, cells: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Return the curves of a bundle.

    Args:
        parts: rows as `Log` has them.
        blocks: of these, from `blocks_of`.
        cells: of the bundle's manifest.
    """
    ids = pd.DataFrame(cells)[["arm", "seed", "run_id", "cell_id"]]
    blocks = blocks.merge(ids, on=["arm", "seed"], how="left", validate="many_to_one")
    blocks = blocks.sort_values(["run_id", "metric"], kind="stable", ignore_index=True)
    size_B = (blocks["end"] - blocks["first"]).to_numpy()

    def rows_of(name: str, dtype: type) -> np.ndarray:
        columns = [part[name].to_numpy(dtype=dtype) for part in parts]
        places = blocks[["part", "first", "end"]].itertuples(index=False)
        return np.concatenate([columns[part][first:end] for part, first, end in places])

    def repeated(name: str) -> pd.Categorical:
        whole = pd.Categorical(blocks[name])
        return pd.Categorical.from_codes(np.repeat(whole.codes, size_B), whole.categories)

    columns: dict[str, Any] = {name: repeated(name) for name in ("run_id", "arm", "metric")}
    columns["seed"] = np.repeat(blocks["seed"].to_numpy(), size_B)
    columns["step"] = rows_of("step", np.int32)
    columns["value"] = rows_of("value", np.float64)
    blocks["short"] = blocks["cell_id"].str[:8]
    columns["row_id"] = _row_ids(repeated("short"), columns["step"], columns["metric"])
    return pd.DataFrame({name: columns[name] for name in STEP_TYPES})


def _row_ids(short: pd.Categorical, step_R: np.ndarray, metric: pd.Categorical) -> Any:
    """Return `<first 8 digits of the cell's id>/<step>/<metric>` of each row."""
    text = pa.large_string()
    shorts, metrics = (pa.array(column.categories, type=text) for column in (short, metric))
    step_code_R, steps = pd.factorize(step_R)
    step_texts = pc.cast(pa.array(steps), text)

    def part(first: int) -> pa.Array:
        rows = slice(first, first + _CHUNK)
        return pc.binary_join_element_wise(
            shorts.take(pa.array(short.codes[rows])),
            step_texts.take(pa.array(step_code_R[rows])),
            metrics.take(pa.array(metric.codes[rows])),
            pa.scalar("/", type=text),
        )

    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(part, range(0, len(step_R), _CHUNK)))
    return pd.array(pa.concat_arrays(parts), dtype="str")
