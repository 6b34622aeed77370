"""The cheapest design that reaches a goal, and how sure the numbers behind a plan are.

Axis letters: ``D`` designs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.stats.power import (
    MOST_QUESTIONS,
    Design,
    Goal,
    check_split,
    power_of,
    powers,
    questions_needed,
    seeds_needed,
)
from harness.stats.variance import VarianceSplit
from harness.stats.variance_bounds import upper_bounds

_SEEDS = np.unique([*range(2, 31), *np.geomspace(30, 200, 20).round().astype(int)])
_SAMPLES = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64])
_QUESTION_CHOICES = 60
"""Numbers of questions that are tried, evenly on a log scale; the best is then refined."""

_NEAR = 1.01
"""Designs whose costs differ by less are alike: the one with fewest samples a question is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a design costs, in GPU-hours or any other unit of cost, all >= 0.

    Attributes:
        seed: of training one arm with one seed.
        sample: of one evaluated sample.
        arms: number of arms.
    """

    seed: float
    sample: float
    arms: int = 2

    def of(self, design: Design) -> float:
        """Return the cost of a design."""
        evaluated = design.questions * design.samples
        return self.arms * design.seeds * (self.seed + evaluated * self.sample)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A design, its cost in the unit of its `Costs`, and its power."""

    design: Design
    cost: float
    power: float


def cheapest(
    split: VarianceSplit, goal: Goal, costs: Costs, *, questions: int = MOST_QUESTIONS
) -> Plan | None:
    """Return the cheapest design that reaches the goal.

    Args:
        split: variance components of the difference.
        goal: what is to be found out.
        costs: of a trained seed and of an evaluated sample.
        questions: how many questions there are to ask.

    Returns:
        The plan; None if no design up to 200 seeds and 64 samples reaches the goal.

    Raises:
        ValueError: see `power_of`.
    """
    asked = np.unique(np.geomspace(1, questions, _QUESTION_CHOICES).round().astype(int))
    seeds_D, asked_D, samples_D = (
        grid.ravel() for grid in np.meshgrid(_SEEDS, asked, _SAMPLES, indexing="ij")
    )
    cost_D = costs.arms * seeds_D * (costs.seed + asked_D * samples_D * costs.sample)
    is_enough_D = powers(split, goal, seeds_D, asked_D, samples_D) >= goal.power
    if not is_enough_D.any():
        return None
    is_near_D = is_enough_D & (cost_D <= _NEAR * cost_D[is_enough_D].min())
    near = np.flatnonzero(is_near_D)
    best = int(near[np.lexsort((cost_D[near], samples_D[near]))[0]])
    samples = int(samples_D[best])
    most = int(asked_D[best])
    seeds = seeds_needed(split, goal, questions=most, samples=samples) or int(seeds_D[best])
    fewest = questions_needed(split, goal, seeds=seeds, samples=samples) or most
    design = Design(seeds=seeds, questions=fewest, samples=samples)
    return Plan(design=design, cost=costs.of(design), power=power_of(split, goal, design))


def pessimistic(split: VarianceSplit, *, assurance: float = 0.8) -> VarianceSplit:
    """Return the split with every component at its upper confidence bound.

    A spread known from 3 seeds may well be twice as large, and one that was estimated 0 is not
    known to be 0: plans made from the estimates themselves fall short about half of the time.

    Args:
        split: variance components; `seeds` says how well training noise is known.
        assurance: chance that a true component is no larger, in (0, 1).

    Raises:
        ValueError: the split has no estimate of training noise, or see `assurance`.

    Source:
        Kieser and Wassmer 1996, Biometrical Journal 38:941, for plans at an upper bound; the bounds
        are those of `variance_bounds.upper_bounds`.
    """
    check_split(split, needs_difference=False)
    return upper_bounds(split, assurance=assurance)
