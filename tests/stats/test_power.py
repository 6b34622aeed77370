import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from harness.stats.power import (
    Design,
    Goal,
    detectable_effect,
    power_of,
    questions_needed,
    samples_needed,
    seeds_needed,
)
from harness.stats.variance import VarianceSplit

SPLIT = VarianceSplit(
    training=0.0004,
    question=0.002,
    training_by_question=0.01,
    sampling=0.2,
    seeds=3,
    questions=32,
    samples=4,
    missing=0,
    is_difference=True,
    note="",
)
GOAL = Goal(effect=0.05)
SPREAD = math.sqrt(0.0004 + 0.01 / 32 + 0.2 / 128)


@pytest.mark.parametrize("seeds", [2, 3, 5, 10, 40])
def test_power_agrees_with_statsmodels_and_not_at_another_effect(seeds: int) -> None:
    known = TTestPower().power(GOAL.effect / SPREAD, seeds, 0.05)
    design = Design(seeds=seeds, questions=32, samples=4)

    assert power_of(SPLIT, GOAL, design) == pytest.approx(known, rel=1e-6)
    assert power_of(SPLIT, Goal(effect=0.055), design) != pytest.approx(known, rel=1e-6)


@pytest.mark.parametrize("kind", ["difference", "equivalence"])
def test_power_is_how_often_the_test_finds_it(kind) -> None:
    goal = replace(GOAL, kind=kind)
    rng = np.random.default_rng(0)
    truth = GOAL.effect if kind == "difference" else 0.0
    for seeds in (3, 10):
        mean, error = np.empty(20_000), np.empty(20_000)
        draws = rng.normal(truth, SPREAD, size=(20_000, seeds))
        mean, error = draws.mean(axis=1), draws.std(axis=1, ddof=1) / np.sqrt(seeds)
        if kind == "difference":
            found = np.abs(mean) > stats.t.ppf(0.975, seeds - 1) * error
        else:
            found = np.abs(mean) + stats.t.ppf(0.95, seeds - 1) * error < GOAL.effect
        design = Design(seeds=seeds, questions=32, samples=4)
        assert power_of(SPLIT, goal, design) == pytest.approx(found.mean(), abs=0.012)


def test_the_number_needed_is_the_first_that_is_enough() -> None:
    seeds = seeds_needed(SPLIT, GOAL, questions=32, samples=4) or 0
    questions = questions_needed(SPLIT, GOAL, seeds=6, samples=4) or 0
    samples = samples_needed(SPLIT, GOAL, seeds=6, questions=32) or 0

    for enough, fewer in (
        (Design(seeds=seeds, questions=32, samples=4), {"seeds": seeds - 1}),
        (Design(seeds=6, questions=questions, samples=4), {"questions": questions - 1}),
        (Design(seeds=6, questions=32, samples=samples), {"samples": samples - 1}),
    ):
        assert (
            power_of(SPLIT, GOAL, enough) >= 0.8 > power_of(SPLIT, GOAL, replace(enough, **fewer))
        )


def test_no_number_of_samples_makes_up_for_too_few_seeds() -> None:
    noisy = replace(SPLIT, training=0.01)
    assert samples_needed(noisy, GOAL, seeds=3, questions=32) is None
    assert questions_needed(noisy, GOAL, seeds=3, samples=4) is None
    assert (seeds_needed(noisy, GOAL, questions=32, samples=4) or 0) > 10
    assert seeds_needed(replace(SPLIT, training=1e9), GOAL, questions=32, samples=4) is None


@pytest.mark.parametrize("kind", ["difference", "equivalence"])
def test_the_detectable_effect_has_the_power_asked_for(kind) -> None:
    goal, design = replace(GOAL, kind=kind), Design(seeds=4, questions=32, samples=4)
    effect = detectable_effect(SPLIT, goal, design)

    assert power_of(SPLIT, replace(goal, effect=effect), design) == pytest.approx(0.8, abs=1e-6)
    nothing = replace(SPLIT, training=0.0, training_by_question=0.0, sampling=0.0)
    assert detectable_effect(nothing, goal, design) == 0.0
    assert power_of(nothing, goal, design) == pytest.approx(1.0)


def test_questions_that_were_drawn_are_noise_that_seeds_do_not_reduce() -> None:
    drawn = replace(GOAL, questions_are="sampled")
    design = Design(seeds=100, questions=32, samples=4)

    assert power_of(SPLIT, drawn, design) < power_of(SPLIT, GOAL, design)
    few = replace(SPLIT, question=0.02)
    assert seeds_needed(few, drawn, questions=32, samples=4) is None
    assert (questions_needed(few, drawn, seeds=10, samples=4) or 0) > 32
    with pytest.raises(ValueError, match="between questions"):
        power_of(replace(SPLIT, question=math.nan), drawn, design)


def test_power_rises_with_the_effect_up_to_certainty() -> None:
    for seeds in (2, 3, 10, 100):
        design = Design(seeds=seeds, questions=32, samples=4)
        effects = SPREAD / math.sqrt(seeds) * np.geomspace(0.01, 1000.0, 60)
        powers = [power_of(SPLIT, Goal(effect=effect), design) for effect in effects]
        assert (np.diff(powers) >= -1e-3).all()
        assert powers[0] == pytest.approx(0.05, abs=1e-3) and powers[-1] == pytest.approx(1.0)


def test_samples_do_not_reduce_what_one_sample_cannot_tell_apart() -> None:
    merged = replace(SPLIT, training_by_question=math.nan)
    powers = [power_of(merged, GOAL, Design(seeds=5, questions=32, samples=k)) for k in (1, 4, 64)]
    assert powers[0] == powers[1] == powers[2]


def test_bad_input_is_told() -> None:
    design = Design(seeds=3, questions=32, samples=4)
    with pytest.raises(ValueError, match="split_difference"):
        power_of(replace(SPLIT, is_difference=False), GOAL, design)
    with pytest.raises(ValueError, match="at least 2 seeds"):
        power_of(replace(SPLIT, training=math.nan), GOAL, design)
    with pytest.raises(ValueError, match="at least 2 seeds"):
        power_of(SPLIT, GOAL, replace(design, seeds=1))
    with pytest.raises(ValueError, match="effect"):
        Goal(effect=0.0)
    with pytest.raises(ValueError, match="power"):
        Goal(effect=0.1, power=80)


def test_a_power_that_needs_no_data_is_refused() -> None:
    with pytest.raises(ValueError, match="above alpha"):
        Goal(effect=0.1, power=0.05, alpha=0.05)
