"""Three bootstraps of a mean over seeds, against scipy's and against one written out."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.stats.few_seeds import COVERED
from harness.stats.seed_bootstrap import METHODS, bootstrap_bounds, bootstrap_mean

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


@pytest.mark.parametrize(
    ("method", "seeds", "told"),
    [
        ("percentile", 3, "covers 75 % with 3 seeds of normal noise and 69 % of exponential"),
        ("percentile", 5, "covers 84 % with 5 seeds"),
        ("BCa", 11, "covers 90 % with 10 seeds"),
        ("percentile", 29, "covers 92 % with 20 seeds"),
        ("studentised", 3, "covers 81 % with 3 seeds"),
        ("studentised", 2, "2 seeds are too few"),
        ("percentile", 30, ""),
        ("studentised", 4, ""),
    ],
)
def test_the_note_says_what_is_covered_up_to_where_the_method_holds(method, seeds, told) -> None:
    value_S = np.random.default_rng(1).normal(size=seeds)
    found = bootstrap_mean(value_S, rng=np.random.default_rng(0), method=method)
    assert told in found.note
    assert bool(found.note) == bool(told)
    assert np.isfinite(found.interval.low) == (told != "2 seeds are too few")


@pytest.mark.parametrize(("method", "seeds"), [("percentile", 5), ("BCa", 8), ("studentised", 4)])
def test_the_coverage_in_the_note_is_that_of_simulated_studies(method: str, seeds: int) -> None:
    rng = np.random.default_rng(6)
    value_RS = rng.normal(size=(2000, seeds))
    low_R, high_R = bootstrap_bounds(value_RS, rng, draws=1000, level=0.95)[method]
    found = 100.0 * ((low_R <= 0.0) & (high_R >= 0.0)).mean()
    assert found == pytest.approx(COVERED[method][seeds][0], abs=3.0)
    assert found != pytest.approx(COVERED[method][3][0], abs=3.0)
    # the t interval, which the note names, covers what it says
    error_R = stats.sem(value_RS, axis=1) * stats.t.ppf(0.975, seeds - 1)
    assert (np.abs(value_RS.mean(axis=1)) <= error_R).mean() == pytest.approx(0.95, abs=0.02)


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
