"""What holds of every estimator, whatever the numbers: order, scale, shift, bounds, two ways."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.stats import aggregates
from harness.stats.bands import band_paired
from harness.stats.bootstrap import paired_bootstrap
from harness.stats.equivalence import tost
from harness.stats.intervals import mean_interval, paired_t, prediction_interval
from harness.stats.multiplicity import holm
from harness.stats.paired import Difference, compare_paired, compare_unpaired
from harness.stats.percentile import Plan
from harness.stats.permutation import permutation_paired
from harness.stats.sequential import monitor_bounded, monitor_normal
from harness.stats.stratified import aggregate_draws
from harness.stats.variance import split_variance

FEW = settings(max_examples=40, deadline=None)
# a grid of 1/64 keeps sums exact, so that ties and equal values stay what they are
SCORE = st.integers(-640, 640).map(lambda number: number / 64)
SHARE = st.integers(0, 64).map(lambda number: number / 64)
SCALE = st.sampled_from([0.25, 2.0, 8.0])
SHIFT = st.sampled_from([-8.0, -0.5, 0.0, 4.0])
COMPARE = pytest.mark.parametrize("compare", [compare_paired, compare_unpaired])
Compare = Callable[..., Difference]


def pairs(least: int = 2) -> st.SearchStrategy[np.ndarray]:
    """Two arms of the same seeds, shape (2, seeds); some values are missing."""
    value = st.one_of(SCORE, SCORE, SCORE, st.just(np.nan))
    shape = st.integers(least, 8).map(lambda seeds: (2, seeds))
    return arrays(float, shape, elements=value)


def numbers(found: Difference) -> list[float]:
    return [*found.interval, found.p_superior, found.p_inferior, found.p_equivalent]


@COMPARE
@FEW
@given(both=pairs(), scale=SCALE, shift=SHIFT)
def test_a_difference_stretches_with_the_scores_and_its_p_values_stay(
    compare: Compare, both: np.ndarray, scale: float, shift: float
) -> None:
    plain = compare(*both, margin=0.5)
    moved = compare(*(both * scale + shift), margin=0.5 * scale)
    # a shift changes what counts as rounding of the numbers, and nothing else
    assert numbers(moved)[:3] == pytest.approx(
        [scale * value for value in plain.interval], nan_ok=True, rel=1e-9, abs=1e-9
    )
    assert numbers(moved)[3:] == pytest.approx(numbers(plain)[3:], nan_ok=True, rel=1e-7, abs=1e-9)


@COMPARE
@FEW
@given(both=pairs(), seed=st.integers(0, 2**31))
def test_a_difference_does_not_depend_on_the_order_of_seeds_and_turns_over_with_the_arms(
    compare: Compare, both: np.ndarray, seed: int
) -> None:
    plain = compare(*both, margin=0.5)
    order = np.random.default_rng(seed).permutation(both.shape[1])
    other = compare(*both[:, order], margin=0.5)
    assert numbers(other) == pytest.approx(numbers(plain), nan_ok=True, rel=1e-9, abs=1e-12)
    turned = compare(*both[::-1], margin=0.5)
    point, low, high = turned.interval
    wanted = [-point, -high, -low, turned.p_inferior, turned.p_superior, turned.p_equivalent]
    assert wanted == pytest.approx(numbers(plain), nan_ok=True, rel=1e-9, abs=1e-12)


@COMPARE
@FEW
@given(both=pairs())
def test_an_interval_holds_its_point_p_values_are_probabilities_and_both_agree(
    compare: Compare, both: np.ndarray
) -> None:
    found = compare(*both, margin=0.5)
    point, low, high = found.interval
    if np.isnan(low):
        # no noise to judge by: nothing is claimed, and the note says why
        assert np.isnan([high, found.p_superior, found.p_inferior, found.p_equivalent]).all()
        assert found.note
        return
    assert low < point < high
    assert found.p_superior + found.p_inferior == pytest.approx(1.0)
    assert 0.0 <= found.p_equivalent <= 1.0
    assert (low > 0.0) is (found.p_superior < 0.025) or low == pytest.approx(0.0, abs=1e-9)
    # inside the margin by the tests at 2.5 % is inside by the 95 % interval
    is_inside = bool(low > -0.5 and high < 0.5)
    near = min(abs(low + 0.5), abs(high - 0.5)) < 1e-9
    assert is_inside is (found.p_equivalent < 0.025) or near


@FEW
@given(both=pairs())
def test_three_ways_to_the_paired_t_interval_agree(both: np.ndarray) -> None:
    there = both[:, ~np.isnan(both).any(axis=0)]
    assume(there.shape[1] > 1)
    difference = there[0] - there[1]
    wanted = compare_paired(*both, margin=0.5)
    for found in (paired_t(*there), mean_interval(difference, size=float(np.abs(there).max()))):
        assert list(found) == pytest.approx(list(wanted.interval), nan_ok=True, abs=1e-12)
    band = band_paired(*(arm[:, None] for arm in both))
    assert [band.low_T[0], band.high_T[0]] == pytest.approx(
        list(wanted.interval[1:]), nan_ok=True, abs=1e-12
    )
    if np.ptp(difference) > 0.0:
        error = difference.std(ddof=1) / np.sqrt(difference.size)
        both_sides = tost(difference.mean(), error, difference.size - 1, 0.5)
        assert both_sides.p == pytest.approx(wanted.p_equivalent, abs=1e-12)
        one = prediction_interval(difference)
        half = wanted.interval.high - wanted.interval.point
        assert one.high - one.point == pytest.approx(half * np.sqrt(difference.size + 1))


@FEW
@given(both=pairs(), scale=SCALE)
def test_swapping_arms_is_exact_and_blind_to_order_and_scale(
    both: np.ndarray, scale: float
) -> None:
    there = both[:, ~np.isnan(both).any(axis=0)]
    assume(there.shape[1] > 0)
    found = permutation_paired(*both)
    difference = there[0] - there[1]
    signs = np.array(np.meshgrid(*[[1, -1]] * difference.size)).reshape(difference.size, -1)
    sums = difference @ signs
    assert found.p_superior == (sums >= difference.sum()).mean()
    assert found.p_differs == (np.abs(sums) >= abs(difference.sum())).mean()
    assert found.smallest <= min(found.p_superior, found.p_inferior)
    other = permutation_paired(*(scale * both[:, ::-1]))
    assert (other.p_superior, other.p_differs) == (found.p_superior, found.p_differs)


@FEW
@given(p=st.lists(st.one_of(st.floats(0.0, 1.0), st.just(np.nan)), max_size=8))
def test_corrected_p_values_are_no_smaller_and_keep_their_order(p: list[float]) -> None:
    adjusted, plain = holm(np.array(p)), np.array(p)
    there = ~np.isnan(plain)
    assert (np.isnan(adjusted) == ~there).all()
    assert (adjusted[there] >= plain[there]).all() and (adjusted[there] <= 1.0).all()
    assert (adjusted[there] <= np.minimum(1.0, plain[there] * len(p)) + 1e-15).all()
    order = np.argsort(plain[there], kind="stable")
    assert (np.diff(adjusted[there][order]) >= 0.0).all()


SCORES = arrays(float, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=SHARE)


@FEW
@given(score=SCORES, scale=SCALE, shift=SHIFT, seed=st.integers(0, 2**31))
def test_aggregates_lie_among_the_scores_and_move_with_them(
    score: np.ndarray, scale: float, shift: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    # seeds as a whole, and questions as a whole, may stand in any order
    other = score[rng.permutation(len(score))][:, rng.permutation(score.shape[1])]
    for make in (aggregates.mean, aggregates.median, aggregates.iqm):
        value = make(score)
        assert score.min() - 1e-12 <= value <= score.max() + 1e-12
        assert make(other) == pytest.approx(value)
        assert make(score * scale + shift) == pytest.approx(value * scale + shift)
    gap = aggregates.optimality_gap(score)
    assert gap == pytest.approx(1.0 - aggregates.mean(score))
    share = aggregates.profile(score, np.array([-1.0, 0.25, 0.5, 2.0]))
    assert share[0] == 1.0 and share[-1] == 0.0 and (np.diff(share) <= 0.0).all()


@FEW
@given(score=SCORES, seed=st.integers(0, 2**31), unit=st.sampled_from(["seed", "cell"]))
def test_a_thousand_resamples_at_once_are_those_made_one_by_one(
    score: np.ndarray, seed: int, unit: Any
) -> None:
    seeds, questions = score.shape
    size = (8, seeds, questions if unit == "cell" else 1)
    index = np.random.default_rng(seed).integers(seeds, size=size)
    drawn = aggregate_draws(score, index_BSQ=index, plan=Plan(unit=unit))
    for place, one in enumerate(index):
        again = np.take_along_axis(score, np.broadcast_to(one, score.shape), axis=0)
        for name, values in drawn.items():
            assert values[place] == pytest.approx(getattr(aggregates, name)(again), abs=1e-12)


@FEW
@given(score=arrays(float, (2, 3, 4, 2), elements=SHARE), scale=SCALE, seed=st.integers(0, 2**31))
def test_the_hierarchical_bootstrap_holds_its_point_and_follows_the_scores(
    score: np.ndarray, scale: float, seed: int
) -> None:
    found = paired_bootstrap(*score, rng=np.random.default_rng(seed), draws=200)
    assert found.point == pytest.approx(score[0].mean() - score[1].mean())
    if np.isfinite(found.low):
        assert found.low <= found.point <= found.high
    larger = paired_bootstrap(*(scale * score), rng=np.random.default_rng(seed), draws=200)
    wanted = [scale * value for value in found]
    assert list(larger) == pytest.approx(wanted, nan_ok=True)


@FEW
@given(score=arrays(float, (3, 4, 2), elements=SHARE), scale=SCALE, shift=SHIFT)
def test_variance_components_are_no_less_than_0_and_grow_with_the_square(
    score: np.ndarray, scale: float, shift: float
) -> None:
    names = ("training", "question", "training_by_question", "sampling")
    plain, moved = split_variance(score), split_variance(score[::-1, ::-1] * scale + shift)
    for name in names:
        value = getattr(plain, name)
        assert value >= 0.0
        assert getattr(moved, name) == pytest.approx(scale**2 * value, rel=1e-6, abs=1e-9)


@FEW
@given(values=st.lists(SHARE.map(lambda share: 2.0 * share - 1.0), min_size=1, max_size=12))
def test_monitors_hold_the_mean_never_forget_and_never_see_ahead(values: list[float]) -> None:
    difference = np.array(values)
    for monitor in (monitor_normal, monitor_bounded):
        found = monitor(difference)
        assert ((found.low_S <= found.point_S) & (found.point_S <= found.high_S)).all()
        assert ((found.p_S >= 0.0) & (found.p_S <= 1.0)).all() and (np.diff(found.p_S) <= 0.0).all()
        early = monitor(difference[: len(values) // 2 + 1])
        assert early.p_S == pytest.approx(found.p_S[: early.p_S.size])
        turned = monitor(-difference)
        assert turned.p_S == pytest.approx(found.p_S)
        assert turned.low_S == pytest.approx(-found.high_S)
