import math
from dataclasses import replace

import numpy as np
import pytest

from harness.stats.planning import Costs, cheapest, pessimistic
from harness.stats.power import Design, Goal, between_seeds, power_of, seeds_needed
from harness.stats.variance import split_variance
from tests.stats.test_power import GOAL, SPLIT
from tests.stats.test_variance import make_scores

COSTS = Costs(seed=0.15, sample=1e-5)


def test_the_cost_of_a_design_by_hand() -> None:
    design = Design(seeds=3, questions=100, samples=2)
    assert Costs(seed=1.0, sample=0.01, arms=2).of(design) == pytest.approx(2 * 3 * (1 + 2))


def test_the_cheapest_design_is_enough_and_nothing_near_it_is_cheaper_and_enough() -> None:
    plan = cheapest(SPLIT, GOAL, COSTS)
    assert plan.power >= 0.8 and plan.cost == pytest.approx(COSTS.of(plan.design))

    for seeds in range(2, 12):
        for samples in (1, 2, 4, 8, 16):
            for questions in (16, 32, 64, 128, 256, 512, 1024, 2048):
                other = Design(seeds=seeds, questions=questions, samples=samples)
                if power_of(SPLIT, GOAL, other) >= 0.8:
                    assert COSTS.of(other) >= 0.98 * plan.cost


def test_dear_training_buys_answers_and_dear_answers_buy_seeds() -> None:
    dear_training = cheapest(SPLIT, GOAL, Costs(seed=100.0, sample=1e-5)).design
    dear_answers = cheapest(SPLIT, GOAL, Costs(seed=0.01, sample=1e-2)).design

    assert dear_training.seeds < dear_answers.seeds
    assert (
        dear_training.questions * dear_training.samples
        > dear_answers.questions * dear_answers.samples
    )


def test_few_questions_are_made_up_for_by_samples_and_too_little_is_none() -> None:
    plan = cheapest(SPLIT, GOAL, COSTS, questions=32)
    assert plan.design.questions <= 32 and plan.design.samples > 1
    assert cheapest(replace(SPLIT, training=100.0), GOAL, COSTS) is None


def test_pessimistic_plans_hold_as_often_as_they_say() -> None:
    """The spread between seeds is no larger than planned for in at least 80 % of pilot studies.

    In designs like the pilot, and in those with many or few questions and samples.
    """
    rng = np.random.default_rng(0)
    designs = [(8, 3), (64, 1), (4, 16)]
    truth = [0.04 + (0.09 + 0.16 / samples) / questions for questions, samples in designs]
    covered, as_estimated = [], []
    for _ in range(300):
        split = split_variance(make_scores(rng, 3, 8, 3))
        for found, planned in ((covered, pessimistic(split)), (as_estimated, split)):
            seen = [between_seeds(planned, np.array(q), np.array(k)) for q, k in designs]
            found.append(np.array(seen) >= truth)
    assert (np.mean(covered, axis=0) >= 0.78).all()
    assert (np.mean(as_estimated, axis=0) < 0.6).all()

    needed, hoped = (
        seeds_needed(split, GOAL, questions=32, samples=4) or 0
        for split in (pessimistic(SPLIT), SPLIT)
    )
    assert needed > hoped > 0


def test_a_plan_takes_no_component_for_known_to_be_0() -> None:
    """Training noise that few seeds estimate as 0 may be there, and costs seeds."""
    nothing = replace(SPLIT, training=0.0, training_by_question=0.0)
    planned = pessimistic(nothing)
    assert planned.training > 0.0 and planned.training_by_question > 0.0
    goal = Goal(effect=0.02)
    hoped = seeds_needed(nothing, goal, questions=2000, samples=4) or 0
    assert (seeds_needed(planned, goal, questions=2000, samples=4) or 0) > 3 * hoped
    # more pilot seeds say better that there is none
    many = pessimistic(replace(nothing, seeds=40))
    assert many.training < 0.3 * planned.training


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match="assurance"):
        pessimistic(SPLIT, assurance=1.0)
    with pytest.raises(ValueError, match="2 seeds"):
        pessimistic(replace(SPLIT, training=math.nan))
