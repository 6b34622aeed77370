import math

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_paired

from harness.stats.equivalence import tost, tost_paired
from harness.stats.intervals import mean_interval

DIFFERENCE = np.array([0.01, -0.02, 0.03, 0.015, -0.005])


def test_two_one_sided_tests_agree_with_statsmodels_and_another_margin_does_not() -> None:
    known, (above, _, _), (below, _, _) = ttost_paired(DIFFERENCE, np.zeros(5), -0.03, 0.03)
    # statsmodels gives (statistic, p, dof) of each side
    _, (_, p_above, _), (_, p_below, _) = ttost_paired(DIFFERENCE, np.zeros(5), -0.03, 0.03)
    found = tost_paired(DIFFERENCE, 0.03)

    assert above > 0 > below
    assert found == pytest.approx((p_above, p_below, known), rel=1e-10)
    assert tost_paired(DIFFERENCE, 0.031).p != pytest.approx(known, rel=1e-10)


def test_equivalent_at_five_per_cent_is_a_ninety_per_cent_interval_inside_the_margin() -> None:
    interval = mean_interval(DIFFERENCE, level=0.9)
    edge = max(abs(interval.low), abs(interval.high))

    assert tost_paired(DIFFERENCE, edge * 1.001).p < 0.05
    assert tost_paired(DIFFERENCE, edge * 0.999).p > 0.05


def test_nothing_to_judge_by_is_undefined_not_equivalent() -> None:
    assert math.isnan(tost_paired(np.array([0.0]), 0.1).p)
    assert math.isnan(tost_paired(np.zeros(5), 0.1).p)
    assert math.isnan(tost(np.nan, 1.0, 3, 0.1).p)


@pytest.mark.parametrize("margin", [0.0, -0.1, math.nan, math.inf])
def test_a_margin_is_a_positive_number(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        tost_paired(DIFFERENCE, margin)
    with pytest.raises(ValueError, match="margin"):
        tost_paired(DIFFERENCE[:1], margin)


def test_differences_are_finite_and_have_one_axis() -> None:
    with pytest.raises(ValueError, match="finite"):
        tost_paired(np.array([np.nan, 1.0]), 0.1)
    with pytest.raises(ValueError, match="finite"):
        tost_paired(np.zeros((2, 2)), 0.1)


def test_differences_that_are_equal_but_for_rounding_are_not_shown_to_be_the_same() -> None:
    equal = np.array([0.9 - 0.8, 0.7 - 0.6, 0.1])
    assert np.unique(equal).size > 1
    assert np.isnan(tost_paired(equal, 0.2)).all()
    assert np.isfinite(tost_paired(equal + np.array([0.0, 0.001, 0.0]), 0.2)).all()
