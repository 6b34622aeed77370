"""Three bootstraps of a mean over seeds, against scipy's and against one written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.stats.few_seeds import COVERED, coverage_note
from harness.stats.seed_bootstrap import bootstrap_bounds

SKEWED = np.random.default_rng(0).exponential(1.0, 12)
DRAWS = 10_000
METHODS = ("percentile", "BCa", "studentised")


def bounds(value_S: np.ndarray, method: str, seed: int = 1, draws: int = DRAWS) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return bootstrap_bounds(value_S[None], rng, draws=draws, level=0.95)[method][:, 0]


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
def test_it_moves_and_stretches_with_the_values(method: str, shift: float, scale: float) -> None:
    plain = bounds(SKEWED, method, draws=200)
    moved = bounds(SKEWED * scale + shift, method, draws=200)
    assert moved == pytest.approx(plain * scale + shift, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        (3, "covers 75 % with 3 seeds of normal noise and 69 % of exponential"),
        (5, "covers 84 % with 5 seeds"),
        (11, "covers 90 % with 10 seeds"),
        (29, "covers 92 % with 20 seeds"),
        (30, ""),
    ],
)
def test_the_note_says_what_is_covered_up_to_where_it_holds(seeds: int, told: str) -> None:
    assert told in coverage_note(seeds)
    assert bool(coverage_note(seeds)) == bool(told)


@pytest.mark.parametrize("seeds", [5, 8, 12])
def test_the_coverage_in_the_note_is_that_of_simulated_studies(seeds: int) -> None:
    rng = np.random.default_rng(6)
    value_RS = rng.normal(size=(2000, seeds))
    low_R, high_R = bootstrap_bounds(value_RS, rng, draws=1000, level=0.95)["percentile"]
    found = 100.0 * ((low_R <= 0.0) & (high_R >= 0.0)).mean()
    assert found == pytest.approx(COVERED[seeds][0], abs=3.0)
    assert found != pytest.approx(COVERED[3][0], abs=3.0)
    # the t interval, which the note names, covers what it says
    error_R = stats.sem(value_RS, axis=1) * stats.t.ppf(0.975, seeds - 1)
    assert (np.abs(value_RS.mean(axis=1)) <= error_R).mean() == pytest.approx(0.95, abs=0.02)
