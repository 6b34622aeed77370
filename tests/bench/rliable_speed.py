"""The same bootstrap work by rliable and by `harness.stats`, timed by pytest-benchmark in turn.

Not collected by the other test commands. Needs the environment that `scripts/golden_rliable.py`
describes, with pytest-benchmark in it; `scripts/bench_stats.py` runs it and prints the ratios.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from golden_rliable import SCALAR_DRAWS, SEED, inputs

from harness.stats.percentile import Plan
from harness.stats.stratified import aggregate_intervals

ROUNDS = {"rliable": 3, "harness": 15}
SCORES = inputs()


def theirs(work: str) -> Callable[[], Any]:
    """Return the work as rliable's documentation does it."""
    from rliable import library, metrics

    def four(score: np.ndarray) -> np.ndarray:
        return np.array(
            [
                metrics.aggregate_mean(score),
                metrics.aggregate_median(score),
                metrics.aggregate_iqm(score),
                metrics.aggregate_optimality_gap(score),
            ]
        )

    def iqm(score: np.ndarray) -> np.ndarray:
        return np.array([metrics.aggregate_iqm(score)])

    function = {"iqm": iqm, "four aggregates": four}[work]
    scores = {"a": SCORES["treat"]}
    return lambda: library.get_interval_estimates(scores, function, reps=SCALAR_DRAWS)


def ours(work: str) -> Callable[[], Any]:
    """Return the same work as this suite does it: the same draws within each question."""
    treat, plan = SCORES["treat"], Plan(draws=SCALAR_DRAWS, unit="cell")
    names = {"names": ("iqm",)} if work == "iqm" else {}
    return lambda: aggregate_intervals(treat, rng=np.random.default_rng(SEED), plan=plan, **names)


@pytest.mark.parametrize("who", ["rliable", "harness"])
@pytest.mark.parametrize("work", ["iqm", "four aggregates"])
def test_speed(work: str, who: str, benchmark: Any) -> None:
    function = (theirs if who == "rliable" else ours)(work)
    benchmark.extra_info.update({"work": work, "who": who})
    benchmark.pedantic(function, rounds=ROUNDS[who], iterations=1, warmup_rounds=1)
