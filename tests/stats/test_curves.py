"""Numbers of a curve by hand, properties, and bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats.curves import area, time_to_threshold

QUICK = settings(max_examples=25, deadline=None, derandomize=True)
STEPS = np.array([0.0, 1.0, 3.0])
NAN = float("nan")


def test_area_is_a_mean_height() -> None:
    assert area(np.array([[0.0, 1.0, 1.0]]), STEPS)[0] == pytest.approx(2.5 / 3)
    np.testing.assert_allclose(area(np.full((2, 3), 0.4), STEPS), 0.4)


def test_area_bridges_inside_and_not_at_the_ends() -> None:
    curves = np.array([[0.0, NAN, 3.0], [NAN, 1.0, 1.0], [1.0, 1.0, NAN], [NAN, NAN, NAN]])
    np.testing.assert_allclose(area(curves, STEPS), [1.5, NAN, NAN, NAN])


def test_time_is_interpolated_or_censored() -> None:
    curves = np.array(
        [[0.0, 0.4, 0.8], [0.6, 0.1, 0.9], [0.0, 0.1, 0.2], [NAN] * 3, [0.0, NAN, 0.6]]
    )
    found = time_to_threshold(curves, STEPS, 0.5)
    np.testing.assert_allclose(found.time_S, [1.5, 0.0, np.inf, NAN, 2.5])
    assert found.is_reached_S.tolist() == [True, True, False, False, True]
    np.testing.assert_allclose(found.last_S, [3, 3, 3, NAN, 3])
    assert found.note == "1 of 5 curves had not reached 0.5 when they ended"
    assert time_to_threshold(curves[:1], STEPS, 0.4).time_S[0] == 1.0


@QUICK
@given(st.integers(0, 2**31), st.floats(0.1, 50), st.floats(-20, 20))
def test_scale_shift_and_order(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    curve, step = rng.normal(size=(4, 6)), np.cumsum(rng.uniform(0.1, 2, size=6))
    moved = scale * curve + shift
    np.testing.assert_allclose(area(moved, step), scale * area(curve, step) + shift, atol=1e-9)
    np.testing.assert_allclose(area(curve, scale * step + shift), area(curve, step), atol=1e-9)
    np.testing.assert_allclose(area(curve[::-1], step), area(curve, step)[::-1])
    before = time_to_threshold(curve, step, 0.3).time_S
    after = time_to_threshold(moved, step, scale * 0.3 + shift).time_S
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert ((before >= step[0]) & ((before <= step[-1]) | np.isinf(before))).all()
    assert (area(curve, step) >= curve.min(axis=1)).all()
    assert (area(curve, step) <= curve.max(axis=1)).all()


@pytest.mark.parametrize(
    ("curve", "step", "message"),
    [
        (np.zeros((2, 3)), np.array([0.0, 2.0, 1.0]), "strictly rising"),
        (np.zeros((2, 3)), np.array([0.0, 1.0, 1.0]), "strictly rising"),
        (np.zeros((2, 3)), np.array([0.0, 1.0, NAN]), "finite"),
        (np.zeros((2, 3)), np.zeros(2), "expected curves"),
        (np.zeros((2, 0)), np.zeros(0), "expected curves"),
        (np.zeros(3), STEPS, "expected curves"),
        (np.full((1, 3), np.inf), STEPS, "infinite"),
    ],
)
def test_bad_curves_are_refused(curve: np.ndarray, step: np.ndarray, message: str) -> None:
    for call in (lambda: area(curve, step), lambda: time_to_threshold(curve, step, 0.5)):
        with pytest.raises(ValueError, match=message):
            call()


def test_other_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 steps"):
        area(np.zeros((2, 1)), np.zeros(1))
    with pytest.raises(ValueError, match="threshold"):
        time_to_threshold(np.zeros((2, 3)), STEPS, NAN)


def test_a_million_steps() -> None:
    step = np.arange(1_000_000.0)
    curve = (step / step[-1])[None]
    assert area(curve, step)[0] == pytest.approx(0.5)
    assert time_to_threshold(curve, step, 0.25).time_S[0] == pytest.approx(249_999.75)
