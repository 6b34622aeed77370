"""Upper bounds of variance components, against simulation and the chi-square of one mean square."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from harness.stats.variance import split_variance
from harness.stats.variance_bounds import _above, upper_bounds
from tests.stats.test_power import SPLIT
from tests.stats.test_variance import TRUTH, make_scores


@pytest.mark.parametrize("assurance", [0.8, 0.95])
def test_a_component_is_below_its_bound_as_often_as_promised(assurance: float) -> None:
    rng = np.random.default_rng(0)
    below = dict.fromkeys(TRUTH, 0)
    estimate = dict(below)
    studies = 500
    for _ in range(studies):
        split = split_variance(make_scores(rng, 4, 10, 3))
        bound = upper_bounds(split, assurance=assurance)
        for name, truth in TRUTH.items():
            below[name] += getattr(bound, name) >= truth
            estimate[name] += getattr(split, name) >= truth
    error = 4.0 * np.sqrt(assurance * (1.0 - assurance) / studies)
    assert below["sampling"] / studies == pytest.approx(assurance, abs=error)
    for name in TRUTH:
        # estimates below 0 are taken for 0: bounds then hold more often
        assert below[name] / studies >= assurance - error
        assert estimate[name] / studies < 0.65


@pytest.mark.parametrize(("large", "dofs"), [(1.0, (2, 62)), (1.3, (2, 2)), (3.0, (4, 124))])
def test_a_difference_of_two_mean_squares_against_simulation(large, dofs) -> None:
    rng = np.random.default_rng(1)
    first, second = (rng.chisquare(dof, 4000) / dof for dof in dofs)
    held = [
        _above((large * a, dofs[0]), (b, dofs[1]), 0.9) >= large - 1.0
        for a, b in zip(first, second, strict=True)
    ]
    if large == 1.0:
        assert all(held)
    else:
        assert np.mean(held) == pytest.approx(0.9, abs=0.02)


def test_one_mean_square_alone_has_the_bound_of_chi_square() -> None:
    alone = replace(SPLIT, training=0.03, training_by_question=0.0, sampling=0.0)
    known = 0.03 * 2 / stats.chi2.ppf(0.2, 2)
    assert upper_bounds(alone).training == pytest.approx(known)
    assert upper_bounds(alone, assurance=0.9).training > known


def test_a_component_that_is_estimated_0_has_a_bound_above_0() -> None:
    nothing = replace(SPLIT, training=0.0, question=0.0, training_by_question=0.0)
    bound = upper_bounds(nothing)
    assert min(bound.training, bound.question, bound.training_by_question) > 0.0
    flat = replace(nothing, sampling=0.0)
    assert upper_bounds(flat).training == 0.0


def test_what_cannot_be_told_stays_undefined() -> None:
    rng = np.random.default_rng(2)
    one_seed = upper_bounds(split_variance(make_scores(rng, 1, 6, 3)))
    assert math.isnan(one_seed.training) and one_seed.question > 0.0
    merged = upper_bounds(split_variance(make_scores(rng, 4, 6, 1)))
    assert math.isnan(merged.training_by_question) and merged.sampling > 0.0
    one_question = upper_bounds(split_variance(make_scores(rng, 4, 1, 5)))
    assert math.isnan(one_question.question) and one_question.training > 0.0
    with pytest.raises(ValueError, match="assurance"):
        upper_bounds(SPLIT, assurance=0.0)
