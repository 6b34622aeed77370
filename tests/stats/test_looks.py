"""Looks at 5, 8 and 12 seeds, against simulation, closed forms and written-out loops."""

import numpy as np
import pytest
from scipy import stats

from harness.stats.intervals import mean_interval
from harness.stats.look_bounds import first_crossing_bounds
from harness.stats.look_p_values import p_at_looks, sequential_p
from harness.stats.looks import (
    LOOKS,
    Design,
    first_crossings,
    look_intervals,
    shown_interval,
    standing,
)
from harness.stats.multiplicity import holm
from harness.stats.sequential import monitor_normal

DESIGN = Design()
STUDIES = 100_000
STORED = {
    1: (0.013499, 0.008722, 0.009472),
    2: (0.006750, 0.003999, 0.004297),
    4: (0.003375, 0.001859, 0.001987),
    8: (0.001687, 0.000875, 0.000934),
}
"""Claims open -> one-sided p at 5, 8 and 12 seeds, by `first_crossing_bounds` with 640 cells."""


def noise(studies: int, seeds: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(studies, seeds))


def crossings_of_a_loop(value_RS: np.ndarray, p_L: list[float], seeds: tuple[int, ...]) -> list:
    """At which look each study first has a t above its critical value, by scipy's t test."""
    shares = []
    is_open_R = np.ones(len(value_RS), dtype=bool)
    for count, p in zip(seeds, p_L, strict=True):
        found = stats.ttest_1samp(value_RS[:, :count], 0.0, axis=1, alternative="greater")
        now_R = is_open_R & (found.pvalue <= p)
        shares.append(now_R.mean())
        is_open_R &= ~now_R
    return shares


@pytest.mark.parametrize(
    ("seeds", "alpha"),
    [(LOOKS, 0.025), (LOOKS, 0.1), ((3, 4, 5, 6), 0.1), ((2, 3), 0.05), ((4, 20), 0.05)],
)
def test_each_look_spends_what_it_may_and_a_look_at_plain_t_spends_more(seeds, alpha) -> None:
    looks = Design(seeds=seeds, alpha=alpha).looks
    value_RS = noise(STUDIES, seeds[-1])
    shares = crossings_of_a_loop(value_RS, [look.p for look in looks], seeds)

    spent = np.array([look.spent for look in looks])
    wanted = np.diff(spent, prepend=0.0)
    error = np.sqrt(wanted / STUDIES)
    assert spent[-1] == pytest.approx(alpha)
    assert (np.abs(shares - wanted) < 4.0 * error).all()
    plain = sum(crossings_of_a_loop(value_RS, [alpha] * len(seeds), seeds))
    assert plain > alpha + 4.0 * np.sqrt(alpha / STUDIES)


@pytest.mark.parametrize("claims", STORED)
def test_bounds_are_those_that_are_stored(claims: int) -> None:
    found = [look.p for look in DESIGN.for_step(claims).looks]
    assert found == pytest.approx(STORED[claims], rel=3e-3)
    assert found != pytest.approx(STORED[8 if claims < 8 else 1], rel=3e-3)


def test_with_many_seeds_bounds_are_those_of_normal_theory_and_with_few_they_are_not() -> None:
    """Two looks, halfway and at the end: the second bound from the bivariate normal."""
    spent = (0.0155, 0.025)
    first = stats.norm.isf(spent[0])
    correlation = [[1.0, np.sqrt(0.5)], [np.sqrt(0.5), 1.0]]

    def crosses_second(p: float) -> float:
        below = stats.multivariate_normal.cdf([first, stats.norm.isf(p)], cov=correlation)
        return (1.0 - spent[0]) - below

    many = first_crossing_bounds((400, 800), spent)
    assert crosses_second(many[1]) == pytest.approx(spent[1] - spent[0], rel=0.02)
    few = first_crossing_bounds((3, 6), spent)
    assert crosses_second(few[1]) != pytest.approx(spent[1] - spent[0], rel=0.1)


def test_finer_cells_change_little() -> None:
    spent = tuple(look.spent for look in DESIGN.looks)
    fine = first_crossing_bounds(LOOKS, spent, 320)
    assert [look.p for look in DESIGN.looks] == pytest.approx(fine, rel=2e-3)
    assert first_crossing_bounds(LOOKS, spent, 4) != pytest.approx(fine, rel=2e-3)


def test_a_look_is_p_t_and_level_of_one_t_test() -> None:
    for look in DESIGN.looks:
        assert look.t == pytest.approx(stats.t.isf(look.p, look.seeds - 1))
        assert look.level == pytest.approx(1.0 - 2.0 * look.p)
    assert Design(seeds=(7,), alpha=0.025).looks[0].level == pytest.approx(0.95)


def test_every_step_of_holm_is_stricter_than_the_one_before_at_every_look() -> None:
    steps = np.array([[look.p for look in DESIGN.for_step(m).looks] for m in range(1, 9)])
    assert (np.diff(steps, axis=0) < 0.0).all()
    assert DESIGN.for_step(8).alpha == pytest.approx(0.003125)


@pytest.mark.parametrize(
    ("seeds", "look", "is_look", "following", "words"),
    [
        (3, None, False, 5, "3 seeds decide nothing: the next look is at 5"),
        (5, 5, True, 8, "5 seeds are a look"),
        (7, 5, False, 8, "7 seeds are no look: the first 5 decide"),
        (12, 12, True, None, "there is no further look"),
        (14, 12, False, None, "the first 12 decide"),
    ],
)
def test_where_a_study_stands(seeds, look, is_look, following, words) -> None:
    found = standing(DESIGN, seeds)
    assert (found.look.seeds if found.look else None) == look
    assert (found.is_look, found.next_seeds) == (is_look, following)
    assert words in found.advice


def test_intervals_take_the_first_seeds_at_each_looks_level() -> None:
    value_S = noise(1, 9)[0]
    found = look_intervals(value_S, DESIGN)
    assert [look.seeds for look, _ in found] == [5, 8]
    for look, interval in found:
        known = stats.ttest_1samp(value_S[: look.seeds], 0.0).confidence_interval(look.level)
        assert interval[1:] == pytest.approx((known.low, known.high))
        plain = mean_interval(value_S[: look.seeds])
        assert interval.high - interval.low > plain.high - plain.low


def test_what_is_shown_at_a_look_decides_and_between_looks_does_not() -> None:
    value_S = noise(1, 12)[0] + 1.0
    at_look, between = (shown_interval(value_S[:n], DESIGN) for n in (8, 9))
    assert at_look.kind == "look" and at_look.interval == look_intervals(value_S, DESIGN)[1][1]
    monitor = monitor_normal(value_S[:9], level=0.95)
    assert between.kind == "anytime" and "decides nothing" in between.note
    assert between.interval.low == monitor.low_S[-1] and between.level == 0.95
    assert np.isnan(shown_interval(np.full(7, 0.3), DESIGN).interval.low)
    assert np.isnan(shown_interval(np.array([0.3]), DESIGN).interval.low)


def test_conditions_of_a_rule_on_many_studies_are_those_of_a_loop() -> None:
    value_RS = noise(300, 12) + 0.6
    value_RS[0] = 0.25 + 1e-16 * np.arange(12)
    for words in ({"above": 0.2}, {"below": 0.8}, {"above": -2.0, "below": 2.0}):
        first_R = first_crossings(value_RS, DESIGN, **words)
        for value_S, first in zip(value_RS, first_R, strict=True):
            known = [
                look.seeds
                for look, (_, low, high) in look_intervals(value_S, DESIGN)
                if low > words.get("above", -np.inf) and high < words.get("below", np.inf)
            ]
            assert first == (known[0] if known else 0)
        assert 0 < (first_R > 0).mean() < 1
        assert first_R[0] == 0
    assert set(first_crossings(value_RS[:, :5], DESIGN, above=0.2)) == {0, 5}


def test_equivalence_at_the_margin_is_found_no_more_often_than_alpha() -> None:
    margin = 1.0
    value_RS = 0.2 * noise(STUDIES, 12) + margin
    found = first_crossings(value_RS, DESIGN, above=-margin, below=margin)
    assert (found > 0).mean() == pytest.approx(0.025, abs=4 * np.sqrt(0.025 / STUDIES))
    inside = first_crossings(value_RS - margin, DESIGN, above=-margin, below=margin)
    assert (inside > 0).mean() > 0.99


def test_the_p_of_a_sequence_is_at_most_alpha_if_and_only_if_a_look_decides() -> None:
    value_RS = noise(200, 12, seed=3) + 0.9
    for claims in (1, 8):
        design = DESIGN.for_step(claims)
        first_R = first_crossings(value_RS, design, above=0.0)
        p_R = [sequential_p(p_at_looks(row, DESIGN, above=0.0), DESIGN) for row in value_RS]
        near_R = np.abs(np.log(np.array(p_R) / design.alpha)) < 0.01
        assert ((np.array(p_R) <= design.alpha) == (first_R > 0))[~near_R].all()
        assert 0 < (first_R > 0).sum() < 200


def test_p_at_a_look_is_that_of_scipy_and_of_the_worse_side_for_equivalence() -> None:
    value_S = noise(1, 12)[0]
    found = p_at_looks(value_S, DESIGN, above=0.1)
    known = [stats.ttest_1samp(value_S[:n], 0.1, alternative="greater").pvalue for n in LOOKS]
    assert found == pytest.approx(known)
    sides = [p_at_looks(value_S, DESIGN, above=-1.0), p_at_looks(value_S, DESIGN, below=1.0)]
    both = p_at_looks(value_S, DESIGN, above=-1.0, below=1.0)
    assert both == pytest.approx(np.maximum(*sides))
    assert np.isnan(p_at_looks(np.full(5, 0.1), DESIGN, above=0.0)).all()


def test_holm_over_sequences_holds_the_family_over_all_looks() -> None:
    wrong = 0
    studies = 400
    for value_CS in np.random.default_rng(5).normal(size=(studies, 4, 12)):
        p_C = [sequential_p(p_at_looks(row, DESIGN, above=0.0), DESIGN) for row in value_CS]
        wrong += bool((holm(np.array(p_C)) <= 0.1).any())
    assert wrong / studies <= 0.1 + 3.5 * np.sqrt(0.09 / studies)
    assert wrong / studies > 0.04


def test_the_p_of_a_sequence_at_its_ends() -> None:
    assert sequential_p(np.array([0.9, 0.8]), DESIGN) == 1.0
    assert np.isnan(sequential_p(np.array([np.nan]), DESIGN))
    assert sequential_p(np.array([0.0]), DESIGN) == 0.0
    # the first look spends a fixed share of any rate
    assert sequential_p(np.array([1e-12]), DESIGN) == pytest.approx(1e-12 / 0.53997, rel=1e-3)
    # the last digits, found by Student's t for any degrees of freedom and all rates at once
    for look, p, known in (
        (1, 1e-12, 4.894923861148784e-12),
        (1, 0.003, 0.009652350438503482),
        (2, 0.003, 0.009069661487019551),
        (2, 0.4, 0.498041840115864),
    ):
        wanted = pytest.approx(known, rel=1e-9, abs=0.0)
        assert sequential_p(np.array([np.nan] * look + [p]), DESIGN) == wanted
        assert sequential_p(np.array([np.nan] * (3 - look) + [p]), DESIGN) != wanted
    with_nan = sequential_p(np.array([np.nan, 0.001]), DESIGN)
    assert with_nan == sequential_p(np.array([0.5, 0.001]), DESIGN)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"seeds": (5, 5)}, "rising"),
        ({"seeds": (1, 5)}, "rising"),
        ({"seeds": ()}, "rising"),
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 0.6}, "alpha"),
    ],
)
def test_what_is_no_design_is_refused(words, told) -> None:
    with pytest.raises(ValueError, match=told):
        Design(**words)


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(ValueError, match="condition"):
        first_crossings(np.zeros((2, 5)), DESIGN)
    with pytest.raises(ValueError, match="condition"):
        p_at_looks(np.zeros(5), DESIGN)
    with pytest.raises(ValueError, match="p values"):
        sequential_p(np.array([0.1] * 4), DESIGN)
    with pytest.raises(ValueError, match="claim"):
        DESIGN.for_step(0)
    with pytest.raises(ValueError, match="seeds"):
        standing(DESIGN, -1)
