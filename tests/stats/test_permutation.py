import math

import numpy as np
import pytest
from scipy import stats

from harness.stats.permutation import EXACT_SEEDS, permutation_paired


def mean_difference(treat, control, axis):
    return (treat - control).mean(axis=axis)


def test_exact_p_values_agree_with_scipy_and_a_changed_value_does_not() -> None:
    rng = np.random.default_rng(0)
    treat, control = rng.normal(size=7) + 0.5, rng.normal(size=7)
    found = permutation_paired(treat, control)
    known = {
        side: stats.permutation_test(
            (treat, control),
            mean_difference,
            permutation_type="samples",
            alternative=side,
            n_resamples=np.inf,
        ).pvalue
        for side in ("greater", "less", "two-sided")
    }

    assert found.p_superior == known["greater"]
    assert found.p_inferior == known["less"]
    assert found.p_differs == known["two-sided"]
    assert found.is_exact and found.seeds == 7

    treat[treat.argmax()] -= 3.0
    assert permutation_paired(treat, control).p_superior != known["greater"]


@pytest.mark.parametrize("seeds", [1, 3, 5, 10])
def test_the_smallest_p_is_stated_and_reached(seeds: int) -> None:
    found = permutation_paired(np.arange(1.0, seeds + 1), np.zeros(seeds))

    assert found.p_superior == found.smallest == 2.0**-seeds
    assert found.p_differs == found.smallest_differs == min(1.0, 2.0 ** (1 - seeds))
    assert ("no less, whatever the difference" in found.note) == (seeds <= 5)


def test_differences_of_zero_raise_the_smallest_p() -> None:
    found = permutation_paired(np.array([1.0, 2.0, 0.0, 0.0]), np.zeros(4))

    assert found.p_superior == found.smallest == 0.25
    assert permutation_paired(np.ones(4), np.ones(4)).p_differs == 1.0


def test_many_seeds_are_drawn_from_the_callers_generator() -> None:
    many = EXACT_SEEDS + 1
    data = np.random.default_rng(3)
    treat, control = data.normal(0.4, 1.0, many), data.normal(size=many)
    first, again, other = (
        permutation_paired(treat, control, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )

    assert first == again
    assert first.p_superior != other.p_superior
    assert not first.is_exact and first.smallest == 1 / 10_001
    known = stats.ttest_rel(treat, control, alternative="greater").pvalue
    assert first.p_superior == pytest.approx(known, abs=0.03)


def test_ties_do_not_depend_on_the_order_of_addition() -> None:
    treat = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    found = {permutation_paired(np.roll(treat, k), np.zeros(5)).p_differs for k in range(5)}
    assert found == {2 / 32}


def test_missing_seeds_are_counted_and_none_is_undefined() -> None:
    found = permutation_paired(np.array([1.0, np.nan, 2.0]), np.zeros(3))
    assert found.seeds == 2 and found.note.startswith("1 seeds without a value")
    nothing = permutation_paired(np.array([np.nan]), np.zeros(1))
    assert math.isnan(nothing.p_superior) and math.isnan(nothing.smallest)


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match="align"):
        permutation_paired(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="infinite"):
        permutation_paired(np.array([np.inf, 1.0]), np.ones(2))
    with pytest.raises(ValueError, match="pass rng"):
        permutation_paired(np.arange(20.0), np.ones(20))
    with pytest.raises(ValueError, match="1000 draws"):
        permutation_paired(np.arange(20.0), np.ones(20), rng=np.random.default_rng(0), draws=10)
