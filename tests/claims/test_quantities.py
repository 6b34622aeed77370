"""What a rule measures in a seed, on curves small enough to check by hand."""

import math
from typing import Any

import numpy as np
import pytest

from harness.claims.quantities import Curves, Quantity, values_of


def curves(*, first: int = 1, **arms: list[list[float]]) -> Curves:
    steps = len(next(iter(arms.values()))[0])
    last = first + steps - 1
    return Curves(
        step_T=np.arange(first, last + 1),
        value={arm: np.array(rows, dtype=float) for arm, rows in arms.items()},
        end=(last, last),
        start=(first, first),
    )


def measured(found: Curves, **about: Any) -> list[float]:
    return list(values_of(Quantity(metric="reward", arm="a", **about), found))


RISE = [1.0, 2.0, 4.0]
FALL = [4.0, 3.0, 1.0]


def test_level_and_change_of_one_arm_and_between_arms() -> None:
    both = curves(a=[RISE, FALL], b=[[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]])
    assert measured(both, measure="level") == [4.0, 1.0]
    assert measured(both, measure="level", at=(1, 2)) == [1.5, 3.5]
    assert measured(both, measure="change") == [3.0, -3.0]
    assert measured(both, measure="change", since=(2, 2)) == [2.0, -2.0]
    assert measured(both, measure="level", minus="b") == [3.0, -1.0]
    assert measured(both, measure="change", minus="b") == [3.0, -3.0]


def test_a_ratio_is_measured_as_a_logarithm_and_undefined_at_0() -> None:
    both = curves(a=[RISE, [0.0, 1.0, 2.0]], b=[[1.0, 1.0, 2.0], [1.0, 1.0, 0.0]])
    assert measured(both, measure="level", minus="b", ratio=True)[0] == pytest.approx(math.log(2))
    assert math.isnan(measured(both, measure="level", minus="b", ratio=True)[1])
    growth = measured(both, measure="change", ratio=True)
    assert growth[0] == pytest.approx(math.log(4)) and math.isnan(growth[1])


def test_an_interaction_is_a_difference_of_differences() -> None:
    four = curves(a=[[5.0]], b=[[3.0]], c=[[4.0]], d=[[1.0]])
    assert measured(four, measure="level", minus="b", less=("c", "d")) == [-1.0]


def test_the_largest_fall_is_below_the_highest_so_far() -> None:
    found = curves(a=[[1.0, 3.0, 2.0, 5.0, 1.0], [1.0, 2.0, 3.0, 4.0, 5.0]], b=[[0.0] * 5] * 2)
    assert measured(found, measure="largest_fall", window=1) == [4.0, 0.0]
    assert measured(found, measure="largest_fall", window=2) == [0.5, 0.0]
    assert measured(found, measure="largest_fall", window=1, minus="b") == [4.0, 0.0]


def test_a_time_that_never_came_is_censored_at_the_last_step() -> None:
    found = curves(a=[[1.0, 4.0, 1.9, 4.0], [1.0, 2.0, 3.0, 4.0]])
    assert measured(found, measure="stable_steps", window=1, share=0.5) == [3.0, 4.0]
    assert measured(found, measure="first_step", window=1, reach=3.5) == [2.0, 4.0]
    assert measured(found, measure="first_step", window=1, reach=9.0) == [4.0, 4.0]


def test_a_break_of_the_slope_and_the_place_of_it() -> None:
    bent = [0.0] * 10 + [float(step) for step in range(1, 11)]
    found = curves(a=[bent, [0.0] * 20])
    assert measured(found, measure="slope_break", around=11) == pytest.approx([100.0, 0.0])
    assert measured(found, measure="change_point")[0] == pytest.approx(11.0, abs=1.0)
    assert math.isnan(measured(found, measure="slope_break", around=2)[0])


def test_a_missing_step_makes_a_fall_or_a_window_undefined() -> None:
    found = curves(a=[[1.0, math.nan, 1.0, 1.0]])
    for about in (
        {"measure": "largest_fall", "window": 1},
        {"measure": "level", "at": (1, 3)},
        {"measure": "stable_steps", "window": 1},
        {"measure": "level", "at": (3, 9)},
    ):
        assert math.isnan(measured(found, **about)[0]), about
    assert measured(found, measure="level") == [1.0]


def test_a_share_of_steps_is_of_those_at_which_the_metric_is_defined() -> None:
    found = curves(a=[[-1.0, math.nan, 2.0, -3.0], [1.0, 0.0, math.nan, 1.0], [math.nan] * 4])
    share = measured(found, measure="share_below")
    assert share[:2] == [pytest.approx(2 / 3), 0.0] and math.isnan(share[2])
    assert measured(found, measure="share_below", reach=1.0)[1] == pytest.approx(1 / 3)
    assert measured(found, measure="share_below", at=(1, 3))[0] == 0.5


@pytest.mark.parametrize(
    ("about", "neutral"),
    [
        ({"measure": "level"}, None),
        ({"measure": "level", "minus": "b"}, 0.0),
        ({"measure": "change", "ratio": True}, 1.0),
        ({"measure": "largest_fall"}, 0.0),
        ({"measure": "stable_steps"}, math.inf),
    ],
)
def test_what_a_quantity_is_worth_where_nothing_happens(about: Any, neutral: Any) -> None:
    assert Quantity(metric="reward", arm="a", **about).neutral == neutral
