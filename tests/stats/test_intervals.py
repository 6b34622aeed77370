from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.stats.intervals import (
    half_width,
    mean_interval,
    paired_t,
    prediction_interval,
    seed_spread,
)

TIGHT = 1e-12


def test_mean_interval_is_that_of_a_table() -> None:
    # 1, 2, 3: mean 2, sd 1, t(0.975, 2) = 4.302653
    found = mean_interval(np.array([1.0, 2.0, 3.0]))

    assert found.point == 2.0
    assert found.high - 2.0 == pytest.approx(4.30265273 / np.sqrt(3), abs=1e-8)
    assert 2.0 - found.low == pytest.approx(found.high - 2.0, abs=TIGHT)


def test_paired_t_agrees_with_scipy_and_a_changed_value_does_not() -> None:
    treat, control = np.array([0.5, 0.7, 0.9, 0.4]), np.array([0.4, 0.4, 0.7, 0.5])
    known = stats.ttest_rel(treat, control).confidence_interval(0.95)

    found = paired_t(treat, control)
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=TIGHT)

    treat[0] += 0.01
    changed = paired_t(treat, control)
    assert (changed.low, changed.high) != pytest.approx((known.low, known.high), abs=TIGHT)


def test_noise_that_a_seed_brings_to_both_arms_cancels() -> None:
    noise = np.array([-10.0, 0.0, 10.0])
    gain = np.array([1.0, 1.1, 0.9])

    assert paired_t(noise + gain, noise) == pytest.approx(mean_interval(gain), abs=1e-9)


def test_prediction_interval_covers_one_new_seed_and_is_wider_than_that_of_the_mean() -> None:
    values = np.array([0.1, 0.2, 0.3])
    mean, new = mean_interval(values), prediction_interval(values)

    assert new.high - new.point == pytest.approx((mean.high - mean.point) * 2.0, abs=TIGHT)
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(1500, 4))
    bands = [prediction_interval(row[:3]) for row in draws]
    covered = np.mean([b.low <= x <= b.high for b, x in zip(bands, draws[:, 3], strict=True)])
    assert covered == pytest.approx(0.95, abs=0.02)
    too_narrow = [mean_interval(row[:3]) for row in draws]
    missed = np.mean([b.low <= x <= b.high for b, x in zip(too_narrow, draws[:, 3], strict=True)])
    assert missed != pytest.approx(0.95, abs=0.02)


def test_one_seed_has_a_mean_and_no_interval_and_none_has_nothing() -> None:
    one = mean_interval(np.array([0.4]))
    assert one.point == 0.4
    assert np.isnan([one.low, one.high]).all()
    assert np.isnan(mean_interval(np.array([]))).all()
    assert np.isnan(prediction_interval(np.array([0.4])).high)
    assert np.isnan(seed_spread(np.array([0.4])))


@pytest.mark.parametrize(
    ("values", "level"),
    [([0.1, np.nan], 0.95), ([0.1, np.inf], 0.95), ([0.1, 0.2], 1.0), ([[0.1, 0.2]], 0.95)],
)
def test_what_has_no_interval_is_refused(values: Any, level: Any) -> None:
    with pytest.raises(ValueError, match=r"seed|level|axis"):
        mean_interval(np.array(values), level=level)


def test_arms_of_different_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="align"):
        paired_t(np.zeros(3), np.zeros(2))


def test_a_half_width_is_that_of_the_interval_of_seeds_with_that_spread() -> None:
    value_S = np.array([0.1, 0.4, 0.35, 0.2])
    interval = mean_interval(value_S)
    foretold = half_width(seed_spread(value_S), value_S.size)
    assert foretold == pytest.approx((interval.high - interval.low) / 2)
    assert foretold < half_width(seed_spread(value_S), value_S.size - 1)
    assert np.isnan(half_width(1.0, 1))


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [0.9 - 0.8, 0.7 - 0.6, 0.1], [5.0, 5.0]])
def test_equal_values_have_a_mean_and_no_interval(values: list[float]) -> None:
    for found in (mean_interval(np.array(values)), prediction_interval(np.array(values))):
        assert found.point == pytest.approx(values[0])
        assert np.isnan([found.low, found.high]).all()
    spread = mean_interval(np.array([*values, values[0] + 0.01]))
    assert np.isfinite(spread).all()


def test_rounding_of_large_scores_is_no_noise_between_seeds() -> None:
    control = np.array([1e6 + 0.1, 1e6 + 0.3, 1e6 + 0.7])
    assert np.isnan(paired_t(control + 0.1, control).low)
    assert np.isfinite(paired_t(control + np.array([0.1, 0.2, 0.1]), control).low)
