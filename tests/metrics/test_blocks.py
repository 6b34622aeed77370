"""Blocks of rows: what they tell is what comparing all rows tells."""

import numpy as np
import pandas as pd
import pytest

from harness.metrics.blocks import are_ordered, block_starts, row_ids

KEYS = ("run_id", "metric")


def rows(*told: tuple[str, str, int], dtype: str = "category") -> pd.DataFrame:
    frame = pd.DataFrame(told, columns=[*KEYS, "step"])
    return frame.astype({"run_id": dtype, "metric": dtype})


WHOLE = (("a", "x", 1), ("a", "x", 2), ("a", "y", 1), ("b", "x", 2))


@pytest.mark.parametrize("dtype", ["category", "str"])
@pytest.mark.parametrize(
    ("told", "starts", "is_ordered"),
    [
        (WHOLE, [0, 2, 3], True),
        ((), [], True),
        ((*WHOLE, ("a", "x", 3)), [0, 2, 3, 4], False),
        ((("a", "x", 1), ("a", "x", 1)), [0], False),
        ((("a", "x", 2), ("a", "x", 1)), [0], False),
    ],
)
def test_blocks_are_found_and_ordered_only_if_whole(
    told: tuple[tuple[str, str, int], ...], starts: list[int], is_ordered: bool, dtype: str
) -> None:
    frame = rows(*told, dtype=dtype)
    first_B = block_starts(frame, KEYS)
    assert first_B.tolist() == starts
    assert are_ordered(frame, KEYS, first_B) is is_ordered


def test_steps_without_a_sign_are_not_taken_for_growing() -> None:
    frame = rows(("a", "x", 2), ("a", "x", 1)).astype({"step": "uint32"})
    assert not are_ordered(frame, KEYS, block_starts(frame, KEYS))


def test_ids_of_rows_are_run_step_and_metric() -> None:
    frame = rows(*WHOLE)
    found = row_ids(frame["run_id"].array, frame["step"].to_numpy(), frame["metric"].array)
    assert found.to_pylist() == [f"{run}/{step}/{metric}" for run, metric, step in WHOLE]
    none = row_ids(frame["run_id"].array[:0], np.array([], dtype=int), frame["metric"].array[:0])
    assert len(none) == 0
