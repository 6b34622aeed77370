import numpy as np
import pytest
from scipy import stats

from harness.stats.bands import band_paired
from harness.stats.intervals import paired_t

RNG_SEED = 0


def curves() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(RNG_SEED)
    return rng.normal(size=(4, 5)) + np.arange(5), rng.normal(size=(4, 5))


def test_each_step_is_a_t_interval_at_the_level_shared_among_the_steps() -> None:
    treat, control = curves()
    band = band_paired(treat, control)

    for step in range(5):
        known = paired_t(treat[:, step], control[:, step], level=1.0 - 0.05 / 5)
        found = (band.point_T[step], band.low_T[step], band.high_T[step])
        assert found == pytest.approx(known, abs=1e-12)
    alone = paired_t(treat[:, 0], control[:, 0])
    assert band.high_T[0] != pytest.approx(alone.high, abs=1e-12)
    assert band.widening == pytest.approx(stats.t.ppf(0.995, 3) / stats.t.ppf(0.975, 3))
    assert band.note == ""


def test_one_step_is_the_interval_of_that_step() -> None:
    treat, control = curves()
    band = band_paired(treat[:, :1], control[:, :1])
    assert band.low_T[0] == pytest.approx(paired_t(treat[:, 0], control[:, 0]).low, abs=1e-12)
    assert band.widening == 1.0


def test_where_the_arms_differ_is_read_off_the_band() -> None:
    treat, control = curves()
    band = band_paired(treat * 0.01 + np.array([0, 0, 0, 9, -9]), control * 0.01)
    assert band.above_T[3] and not band.below_T[3]
    assert band.below_T[4] and not band.above_T[4]


def test_steps_that_cannot_be_judged_are_not_covered_and_do_not_widen_the_rest() -> None:
    treat, control = curves()
    gaps = treat.copy()
    gaps[:, 1] = np.nan
    gaps[1:, 2] = np.nan
    gaps[0, 3] = np.nan
    control[:, 4] = treat[:, 4]
    band = band_paired(gaps, control)

    assert list(band.seeds_T) == [4, 0, 1, 3, 4]
    assert np.isnan(band.point_T[1]) and np.isfinite(band.point_T[2])
    assert list(np.isnan(band.low_T)) == [False, True, True, False, True]
    assert band.high_T[0] == pytest.approx(
        paired_t(treat[:, 0], control[:, 0], level=0.975).high, abs=1e-12
    )
    assert "3 of 5 steps" in band.note and "between 0 and 4 pairs" in band.note
    assert not band.above_T[[1, 2, 4]].any()


def test_bad_input_is_told() -> None:
    treat, control = curves()
    with pytest.raises(ValueError, match="align"):
        band_paired(treat, control[:2])
    with pytest.raises(ValueError, match="align"):
        band_paired(treat[0], control[0])
    with pytest.raises(ValueError, match="level"):
        band_paired(treat, control, level=1.0)
    with pytest.raises(ValueError, match="infinite"):
        band_paired(treat * np.inf, control)


def test_rounding_of_large_numbers_is_no_spread() -> None:
    control = np.array([[100003.1], [201700.37], [409100.9]])
    treat = control + 0.1
    # the differences agree but for the last bits of the numbers that they were made from
    assert np.ptp(treat - control) > 0.0
    band = band_paired(treat, control)
    assert np.isnan(band.low_T).all()
    assert "no spread" in band.note
