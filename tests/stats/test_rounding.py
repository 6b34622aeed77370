"""Floating-point dust is no noise: wherever a spread decides, equal numbers decide nothing."""

from collections.abc import Callable

import numpy as np
import pytest

from harness.stats.aggregates import probability_of_improvement
from harness.stats.bands import band_paired
from harness.stats.bootstrap import paired_bootstrap
from harness.stats.equivalence import tost
from harness.stats.intervals import (
    are_equal,
    mean_interval,
    paired_t,
    prediction_interval,
    seed_spread,
)
from harness.stats.look_p_values import p_at_looks
from harness.stats.looks import Design, first_crossings, look_intervals, shown_interval
from harness.stats.paired import compare_paired, compare_unpaired
from harness.stats.permutation import permutation_paired
from harness.stats.sequential import monitor_bounded, monitor_normal
from harness.stats.stratified import aggregate_intervals
from harness.stats.variance import split_difference, split_variance

DUST = np.array([0.0, 5e-17, 1e-17, 3e-17, 5e-17])
"""What is left of equal scores after averaging and subtracting: a spread of 2e-17."""
ZERO = np.zeros(5)
REAL = 1e7 * DUST
"""The same pattern at a size that no rounding of scores reaches."""

Bounds = Callable[[np.ndarray], tuple[float, ...]]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


INTERVALS: dict[str, Bounds] = {
    "mean": lambda d: mean_interval(d)[1:],
    "mean, narrow level": lambda d: mean_interval(d, level=0.5)[1:],
    "paired": lambda d: paired_t(d + 0.7, ZERO + 0.7)[1:],
    "prediction": lambda d: prediction_interval(d)[1:],
    "compare": lambda d: compare_paired(d, ZERO).interval[1:],
    "compare unpaired": lambda d: compare_unpaired(d, ZERO).interval[1:],
    "band": lambda d: tuple(band_paired(d[:, None], ZERO[:, None]).low_T),
    "hierarchical": lambda d: paired_bootstrap(
        d[:, None, None], ZERO[:, None, None], rng=rng(), draws=200
    )[1:],
    "aggregates": lambda d: aggregate_intervals(d[:, None], rng=rng())["mean"].interval[1:],
    "look": lambda d: look_intervals(d, Design())[0][1][1:],
    "shown": lambda d: shown_interval(d[:4], Design()).interval[1:],
    "p": lambda d: (compare_paired(d, ZERO).p_superior, compare_paired(d, ZERO).p_inferior),
    "p of equivalence": lambda d: (compare_paired(d, ZERO, margin=0.03).p_equivalent,),
    "tost": lambda d: (tost(d.mean(), d.std(ddof=1) / 5**0.5, 4, 0.03).p,),
    "p at a look": lambda d: tuple(p_at_looks(d, Design(), above=-0.03)),
}


@pytest.mark.parametrize("name", INTERVALS)
def test_dust_has_no_bounds_and_no_p_and_a_real_spread_has(name: str) -> None:
    assert np.isnan(INTERVALS[name](DUST)).all()
    assert np.isfinite(INTERVALS[name](REAL)).all()


def test_dust_decides_nothing_at_any_look() -> None:
    words = {"above": -0.03, "below": 0.03}
    assert first_crossings(DUST[None], Design(), **words)[0] == 0
    assert first_crossings(REAL[None], Design(), **words)[0] == 5
    flat = monitor_normal(DUST, margin=0.03)
    assert flat.decision == "go on" and "equal" in flat.note
    assert monitor_normal(REAL, margin=0.03).decision == "equivalent"
    assert (monitor_bounded(DUST).p_S == monitor_bounded(ZERO).p_S).all()


def test_signs_of_dust_are_no_evidence() -> None:
    found = permutation_paired(DUST + 1e-17, ZERO)
    assert (found.p_superior, found.p_inferior, found.smallest) == (1.0, 1.0, 1.0)
    assert permutation_paired(REAL + 1e-9, ZERO).p_superior == 1.0 / 32.0


def test_scores_that_differ_by_dust_tie() -> None:
    treat, control = (0.1 + 0.2) * np.ones((3, 2)), 0.3 * np.ones((4, 2))
    assert probability_of_improvement(treat, control) == 0.5
    assert probability_of_improvement(treat + 1e-9, control) == 1.0


def test_dust_is_in_no_component_of_variance() -> None:
    dust = 0.7 + 1e-16 * np.arange(24.0).reshape(3, 4, 2)
    real = 0.7 + 1e-6 * np.random.default_rng(0).normal(size=(3, 4, 2))
    names = ("training", "question", "training_by_question", "sampling")
    for split in (split_variance(dust), split_difference(dust, np.full((3, 4, 2), 0.7))):
        assert [getattr(split, name) for name in names] == [0.0] * 4
    assert split_variance(real).sampling > 0.0


def test_what_counts_as_dust_follows_the_size_of_the_numbers() -> None:
    assert seed_spread(DUST) == 0.0 and seed_spread(REAL) > 0.0
    large = 1e6 + np.array([0.0, 1e-8, 2e-8])
    assert are_equal(large)
    assert not are_equal(large - 1e6)
    assert are_equal(large - 1e6, size=1e6)
