import numpy as np
import pytest
from scipy import integrate, stats

from harness.stats.sequential import EFFECT_SCALE, MEASURED, monitor_bounded, monitor_normal

STREAM = np.random.default_rng(4).normal(0.1, 0.05, size=12)


def evidence(values: np.ndarray, mean: float) -> float:
    """The t likelihood ratio averaged over effects, by numerical integration."""
    count = values.size
    t = (values.mean() - mean) / (values.std(ddof=1) / np.sqrt(count))

    def weighed(effect: float) -> float:
        likelihood = stats.nct.pdf(t, count - 1, effect * np.sqrt(count))
        return float(likelihood * stats.norm.pdf(effect, scale=EFFECT_SCALE))

    mixed, _ = integrate.quad(weighed, -8.0, 8.0, limit=200, points=[t / np.sqrt(count)])
    return float(mixed / stats.t.pdf(t, count - 1))


@pytest.mark.parametrize("count", [4, 6])
def test_the_closed_form_is_the_integral_it_stands_for(count: int) -> None:
    values = np.random.default_rng(1).normal(0.2, 1.0, size=count)
    monitor = monitor_normal(values)

    # at the ends of the interval the evidence is exactly 1 / alpha
    assert evidence(values, monitor.high_S[-1]) == pytest.approx(20.0, rel=1e-3)
    assert evidence(values, monitor.low_S[-1]) == pytest.approx(20.0, rel=1e-3)
    assert evidence(values, monitor.high_S[-1] * 1.1) != pytest.approx(20.0, rel=1e-3)


def test_p_falls_below_alpha_when_the_interval_first_excludes_zero() -> None:
    for monitor in (monitor_normal(STREAM), monitor_bounded(STREAM + 0.1, bound=0.3)):
        excluded = (monitor.low_S > 0.0) | (monitor.high_S < 0.0)
        first = int(excluded.argmax())
        assert excluded.any()
        assert list(monitor.p_S <= 0.05) == [step >= first for step in range(12)]
        assert monitor.decision == "superior" and monitor.decided_after == first + 1
        assert (np.diff(monitor.p_S) <= 0.0).all()


def test_it_decides_the_other_way_for_turned_arms_and_equivalence_inside_a_margin() -> None:
    turned = monitor_normal(-STREAM)
    assert turned.decision == "inferior"
    assert turned.low_S == pytest.approx(-monitor_normal(STREAM).high_S)
    small = np.random.default_rng(0).normal(0.0, 0.01, size=12)
    assert monitor_normal(small, margin=0.05).decision == "equivalent"
    assert monitor_normal(small).decision == "go on"
    assert monitor_normal(small).decided_after is None


def test_what_was_said_after_a_seed_does_not_change_with_later_seeds() -> None:
    for monitor in (monitor_normal, monitor_bounded):
        early, late = monitor(STREAM[:5]), monitor(STREAM)
        assert early.low_S == pytest.approx(late.low_S[:5])
        assert early.p_S == pytest.approx(late.p_S[:5])


def test_it_is_wider_than_an_interval_that_may_be_looked_at_once() -> None:
    monitor = monitor_normal(STREAM)
    once = stats.t.ppf(0.975, 11) * STREAM.std(ddof=1) / np.sqrt(12)
    assert once < monitor.high_S[-1] - monitor.point_S[-1] < 2.5 * once
    assert np.isinf(monitor.high_S[:2]).all() and np.isfinite(monitor.high_S[2:]).all()


def test_the_bounded_interval_is_as_fine_as_its_candidates_and_inside_the_range() -> None:
    fine, rough = monitor_bounded(STREAM), monitor_bounded(STREAM, candidates=101)
    assert (rough.low_S <= fine.low_S + 1e-12).all()
    assert rough.low_S == pytest.approx(fine.low_S, abs=0.06)
    assert (rough.p_S == fine.p_S).all()
    assert (np.abs([fine.low_S, fine.high_S]) <= 1.0).all()
    half = monitor_bounded(STREAM / 2.0, bound=0.5)
    assert half.low_S == pytest.approx(fine.low_S / 2.0, abs=1e-9)


def test_missing_seeds_are_left_out_and_counted() -> None:
    gap = np.insert(STREAM, 3, np.nan)
    for monitor in (monitor_normal, monitor_bounded):
        assert monitor(gap).point_S == pytest.approx(monitor(STREAM).point_S)
        assert "1 seeds without a value" in monitor(gap).note


def test_equal_differences_and_no_seeds_decide_nothing() -> None:
    flat = monitor_normal(np.full(5, 0.1))
    assert np.isinf(flat.low_S).all() and (flat.p_S == 1.0).all() and flat.decision == "go on"
    assert "equal" in flat.note
    for monitor in (monitor_normal, monitor_bounded):
        assert monitor(np.array([])).decision == "go on"


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match="outside the bound"):
        monitor_bounded(STREAM, bound=0.1)
    with pytest.raises(ValueError, match="bound must be"):
        monitor_bounded(STREAM, bound=0.0)
    with pytest.raises(ValueError, match="effect scale"):
        monitor_normal(STREAM, effect_scale=0.0)
    with pytest.raises(ValueError, match="level"):
        monitor_normal(STREAM, level=0.0)
    with pytest.raises(ValueError, match="margin"):
        monitor_bounded(STREAM, margin=-1.0)
    with pytest.raises(ValueError, match="infinities"):
        monitor_normal(np.array([np.inf]))


def test_a_mean_between_two_candidates_stays_inside_when_all_of_them_are_refuted() -> None:
    # three candidates only (means -0.5, 0 and 0.5), and a mean of 0.25 that refutes each
    steady = np.full(4000, 0.25)
    found = monitor_bounded(steady, candidates=5)
    assert (found.low_S <= found.high_S).all()
    assert found.low_S[-1] <= 0.25 <= found.high_S[-1]


NOISE = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "Laplace": lambda rng, shape: rng.laplace(size=shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape) - 1.0,
}


@pytest.mark.parametrize("noise", NOISE)
def test_it_errs_in_64_looks_as_often_as_its_assumption_says(noise: str) -> None:
    studies = 1000
    value_RS = NOISE[noise](np.random.default_rng(8), (studies, 64))
    found = np.mean([(monitor_normal(value_S).p_S <= 0.05).any() for value_S in value_RS])
    known = MEASURED[noise] / 100.0
    error = np.sqrt(known * (1.0 - known) / studies)
    assert abs(found - known) < 4.0 * error
    assert f"{noise} {MEASURED[noise]:g} %" in monitor_normal(value_RS[0]).assumption
    # where it is said not to hold it does not, and there the stricter level holds
    assert (found <= 0.05) == (noise != "exponential")
    strict = [(monitor_normal(v, level=0.995).p_S <= 0.005).any() for v in value_RS]
    assert np.mean(strict) <= 0.05 + 4.0 * np.sqrt(0.05 * 0.95 / studies)


def test_skewed_differences_are_warned_of_and_symmetric_ones_are_not() -> None:
    skewed = np.array([0.0, 0.01, 0.02, 0.0, 0.9, 0.01])
    assert "skewed (1.8)" in monitor_normal(skewed).note
    assert "skewed" in monitor_normal(-skewed).note
    assert monitor_normal(STREAM).note == ""
    assert "skewed" not in monitor_bounded(skewed).note
