"""Three bootstraps of a mean over seeds, against scipy's and against one written out."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.stats.seed_bootstrap import METHODS, bootstrap_mean

SKEWED = np.random.default_rng(0).exponential(1.0, 12)
DRAWS = 10_000


def bounds(value_S: np.ndarray, method: Any, seed: int = 1, draws: int = DRAWS) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = bootstrap_mean(value_S, rng=rng, method=method, draws=draws).interval
    return np.array(found[1:])


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_it_agrees_with_scipy_and_the_other_method_does_not(method: str) -> None:
    known = stats.bootstrap(
        (SKEWED,), np.mean, n_resamples=DRAWS, method=method, rng=np.random.default_rng(2)
    ).confidence_interval
    assert bounds(SKEWED, method) == pytest.approx(np.array(known), abs=0.1)
    other = "BCa" if method == "percentile" else "percentile"
    assert bounds(SKEWED, other) != pytest.approx(np.array(known), abs=0.1)


def test_the_studentised_one_is_that_of_the_textbook() -> None:
    rng = np.random.default_rng(3)
    draw_BS = rng.choice(SKEWED, size=(DRAWS, SKEWED.size))
    spread_B = draw_BS.std(axis=1, ddof=1)
    t_B = (draw_BS.mean(axis=1) - SKEWED.mean()) / (spread_B / np.sqrt(SKEWED.size))
    error = SKEWED.std(ddof=1) / np.sqrt(SKEWED.size)
    # the upper quantile of t makes the lower bound
    known = SKEWED.mean() - np.quantile(t_B, [0.975, 0.025]) * error
    assert bounds(SKEWED, "studentised") == pytest.approx(known, abs=0.25)
    assert bounds(SKEWED, "studentised")[1] > bounds(SKEWED, "percentile")[1] + 0.5


@pytest.mark.parametrize("method", METHODS)
@given(shift=st.floats(-5.0, 5.0), scale=st.floats(0.1, 10.0))
def test_it_moves_and_stretches_with_the_values(method: Any, shift: float, scale: float) -> None:
    plain = bounds(SKEWED, method, draws=200)
    moved = bounds(SKEWED * scale + shift, method, draws=200)
    assert moved == pytest.approx(plain * scale + shift, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_what_has_no_noise_or_one_seed_has_no_bounds_and_says_so(method: Any) -> None:
    rng = np.random.default_rng(0)
    flat = bootstrap_mean(np.array([0.9 - 0.8, 0.7 - 0.6, 0.1]), rng=rng, method=method)
    assert flat.interval.point == pytest.approx(0.1)
    assert np.isnan(flat.interval[1:]).all()
    assert "equal" in flat.note
    one = bootstrap_mean(np.array([0.3, np.nan]), rng=rng, method=method)
    assert np.isnan(one.interval[1:]).all()
    assert "1 seeds without a value" in one.note
    assert "at least 2" in one.note
    none = bootstrap_mean(np.array([]), rng=rng, method=method)
    assert np.isnan(none.interval).all()


def test_few_seeds_are_warned_of_and_many_are_not() -> None:
    rng = np.random.default_rng(0)
    assert "one to trust" in bootstrap_mean(SKEWED[:3], rng=rng).note
    assert bootstrap_mean(SKEWED, rng=rng).note == ""


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.1, np.inf], {}),
        ([[0.1, 0.2]], {}),
        ([0.1, 0.2], {"method": "bca"}),
        ([0.1, 0.2], {"draws": 20}),
        ([0.1, 0.2], {"level": 1.0}),
    ],
)
def test_what_has_no_meaning_is_refused(values: Any, words: Any) -> None:
    with pytest.raises(ValueError, match=r"shape|method|draws|level"):
        bootstrap_mean(np.array(values), rng=np.random.default_rng(0), **words)
