"""The rows of logs as the curves of a bundle: by run, metric and step, each with its row_id.

Axis letters: ``R`` rows, ``B`` blocks of rows: all steps of one run and metric, in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.baseline.logs.log import KEYS
from harness.metrics.blocks import are_ordered, block_starts, row_ids
from harness.metrics.tables import STEP_TYPES

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
        first_B = block_starts(rows, KEYS)
        if not are_ordered(rows, KEYS, first_B):
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
    return None if blocks.duplicated(list(KEYS)).any() else blocks


def curves_of(
    parts: Sequence[pd.DataFrame], blocks: pd.DataFrame, cells: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Return the curves of a bundle.

    Args:
        parts: rows as `Log` has them.
        blocks: of these, from `blocks_of`.
        cells: of the bundle's manifest.
    """
    known = pd.DataFrame(cells)[["arm", "seed", "run_id", "cell_id"]]
    blocks = blocks.merge(known, on=["arm", "seed"], how="left", validate="many_to_one")
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
    ids_R = row_ids(repeated("short"), columns["step"], columns["metric"])
    columns["row_id"] = pd.array(ids_R, dtype="str")
    return pd.DataFrame({name: columns[name] for name in STEP_TYPES})
