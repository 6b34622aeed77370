"""The recorded comparison of naive and fast cells is inside the margin that was stated before.

`value_v2` is the cell of `micro/kl_penalty@v2`, `value_final` that of `@v3`, with packed passes.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

FILE = Path(__file__).parents[2] / "results" / "bench" / "neutral.csv"
MARGIN = 0.03
SEEDS = [1, 2, 3, 4, 5]


def end_gaps(table: pd.DataFrame, metric: str, window: int, cell: str) -> np.ndarray:
    """A cell minus naive at the end of training, one number per seed."""
    own = table[table["metric"] == metric].sort_values("step")
    gap = own[cell] - own["value_naive"]
    return gap.groupby(own["seed"]).apply(lambda g: g.tail(window).mean()).to_numpy()


def is_neutral(gap_S: np.ndarray) -> bool:
    """Two one-sided t tests at 5 %; equal numbers are neutral without a test."""
    if not gap_S.any():
        return True
    half = stats.t.ppf(0.95, gap_S.size - 1) * gap_S.std(ddof=1) / np.sqrt(gap_S.size)
    return bool(abs(gap_S.mean()) + half < MARGIN)


@pytest.mark.parametrize(("cell", "first_other"), [("value_v2", 32), ("value_final", 29)])
def test_five_seeds_are_inside_the_margin(cell: str, first_other: int) -> None:
    table = pd.read_csv(FILE)
    assert sorted(table["seed"].unique()) == SEEDS
    assert is_neutral(end_gaps(table, "accuracy_easy", 1, cell))
    assert is_neutral(end_gaps(table, "reward", 10, cell))
    equal = (table["value_naive"] == table[cell]).groupby(table["seed"]).all()
    assert list(equal[equal].index) == [1, 2, 4, 5]
    assert table[table["value_naive"] != table[cell]]["step"].min() == first_other


def test_a_real_difference_would_be_noticed() -> None:
    table = pd.read_csv(FILE)
    table["value_final"] += 0.02 * table["seed"]
    assert not is_neutral(end_gaps(table, "reward", 10, "value_final"))
