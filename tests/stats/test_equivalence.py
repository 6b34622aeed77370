import math

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_paired

from harness.stats.equivalence import tost
from harness.stats.intervals import mean_interval
from harness.stats.paired import compare_paired

DIFFERENCE = np.array([0.01, -0.02, 0.03, 0.015, -0.005])
ERROR = DIFFERENCE.std(ddof=1) / np.sqrt(5)


def p_equivalent(difference_S: np.ndarray, margin: float) -> float:
    return compare_paired(difference_S, np.zeros(difference_S.size), margin=margin).p_equivalent


def test_two_one_sided_tests_agree_with_statsmodels_and_another_margin_does_not() -> None:
    # statsmodels gives (statistic, p, dof) of each side
    known, above, below = ttost_paired(DIFFERENCE, np.zeros(5), -0.03, 0.03)
    found = tost(DIFFERENCE.mean(), ERROR, 4, 0.03)

    assert above[0] > 0 > below[0]
    assert found == pytest.approx((above[1], below[1], known), rel=1e-10)
    assert p_equivalent(DIFFERENCE, 0.03) == pytest.approx(known, rel=1e-10)
    assert p_equivalent(DIFFERENCE, 0.031) != pytest.approx(known, rel=1e-10)


def test_equivalent_at_five_per_cent_is_a_ninety_per_cent_interval_inside_the_margin() -> None:
    interval = mean_interval(DIFFERENCE, level=0.9)
    edge = max(abs(interval.low), abs(interval.high))

    assert p_equivalent(DIFFERENCE, edge * 1.001) < 0.05
    assert p_equivalent(DIFFERENCE, edge * 0.999) > 0.05


def test_nothing_to_judge_by_is_undefined_not_equivalent() -> None:
    assert math.isnan(p_equivalent(np.array([0.0]), 0.1))
    assert math.isnan(p_equivalent(np.zeros(5), 0.1))
    assert math.isnan(tost(np.nan, 1.0, 3, 0.1).p)


@pytest.mark.parametrize("margin", [0.0, -0.1, math.nan, math.inf])
def test_a_margin_is_a_positive_number(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        tost(DIFFERENCE.mean(), ERROR, 4, margin)
    with pytest.raises(ValueError, match="margin"):
        p_equivalent(DIFFERENCE[:1], margin)


def test_differences_that_are_equal_but_for_rounding_are_not_shown_to_be_the_same() -> None:
    equal = np.array([0.9 - 0.8, 0.7 - 0.6, 0.1])
    assert np.unique(equal).size > 1
    assert math.isnan(p_equivalent(equal, 0.2))
    assert math.isfinite(p_equivalent(equal + np.array([0.0, 0.001, 0.0]), 0.2))
