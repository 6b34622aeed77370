"""Before the run: what a design can see, and how many seeds, questions or samples it takes.

From a stored `VarianceSplit` of a difference. The test that is planned for is the paired t test
over seeds (`harness.stats.paired`). Axis letters: ``D`` designs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import optimize, special

from harness.stats.variance import VarianceSplit

MOST_SEEDS, MOST_QUESTIONS, MOST_SAMPLES = 1000, 20_000, 1024
"""Where the search for a sufficient number ends; beyond it the answer is None."""

_SPREADS = 400
"""Spreads between seeds over which the power of an equivalence test is averaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a study is to find out.

    Attributes:
        effect: difference to be found, or the margin to be shown, in the unit of the scores, > 0.
        power: chance of finding it, in (alpha, 1): a study that looks at nothing has alpha.
        alpha: false-positive rate, in (0, 1).
        kind: "difference" (two-sided, the true difference is `effect`) or "equivalence" (two
            one-sided tests, the true difference is 0 and the margin is `effect`).
        questions_are: "fixed", the claim is about these questions; or "sampled", about all of their
            kind, so that which ones were drawn is noise too.
    """

    effect: float
    power: float = 0.8
    alpha: float = 0.05
    kind: Literal["difference", "equivalence"] = "difference"
    questions_are: Literal["fixed", "sampled"] = "fixed"

    def __post_init__(self) -> None:
        """Raise ValueError for a number outside its range."""
        if not (np.isfinite(self.effect) and self.effect > 0.0):
            raise ValueError(f"the effect must be a finite number above 0, got {self.effect!r}")
        for name, value in (("power", self.power), ("alpha", self.alpha)):
            if not 0.0 < value < 1.0:
                raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")
        if self.power <= self.alpha:
            raise ValueError(
                f"power must be above alpha, which no data are needed for: got {self.power!r} and"
                f" {self.alpha!r}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Numbers of seeds per arm, questions, and samples of each question, all >= 1 (seeds >= 2)."""

    seeds: int
    questions: int
    samples: int


def power_of(split: VarianceSplit, goal: Goal, design: Design) -> float:
    """Return the chance that a design reaches its goal, in [0, 1].

    Raises:
        ValueError: the split is not one of a difference, or has no estimate of training noise.
    """
    sizes = [np.array([n]) for n in (design.seeds, design.questions, design.samples)]
    return float(powers(split, goal, *sizes)[0])


def seeds_needed(split: VarianceSplit, goal: Goal, *, questions: int, samples: int) -> int | None:
    """Return the fewest seeds per arm that reach the goal, or None up to `MOST_SEEDS`.

    Raises:
        ValueError: see `power_of`.
    """
    count_D = np.arange(2, MOST_SEEDS + 1)
    return _first(count_D, goal, powers(split, goal, count_D, questions, samples))


def questions_needed(split: VarianceSplit, goal: Goal, *, seeds: int, samples: int) -> int | None:
    """Return the fewest questions that reach the goal, or None: more seeds are needed.

    Raises:
        ValueError: see `power_of`.
    """
    count_D = np.arange(1, MOST_QUESTIONS + 1)
    return _first(count_D, goal, powers(split, goal, seeds, count_D, samples))


def samples_needed(split: VarianceSplit, goal: Goal, *, seeds: int, questions: int) -> int | None:
    """Return the fewest samples of each question that reach the goal, or None.

    Raises:
        ValueError: see `power_of`.
    """
    count_D = np.arange(1, MOST_SAMPLES + 1)
    return _first(count_D, goal, powers(split, goal, seeds, questions, count_D))


def detectable_effect(split: VarianceSplit, goal: Goal, design: Design) -> float:
    """Return the smallest effect (or margin) that a design reaches at the goal's power.

    `goal.effect` is not used. The result is in the unit of the scores; 0 if nothing varies.

    Raises:
        ValueError: see `power_of`.
    """
    error_D, _ = _errors(split, goal, *(np.array([n]) for n in _sizes(design)))
    error = float(error_D[0])
    if error == 0.0:
        return 0.0

    def lacking(effect: float) -> float:
        return power_of(split, replace(goal, effect=effect), design) - goal.power

    high = error
    while lacking(high) < 0.0:
        high *= 2.0
    return float(optimize.brentq(lacking, high * 1e-6, high, rtol=1e-10))


def powers(
    split: VarianceSplit,
    goal: Goal,
    seeds: np.ndarray | int,
    questions: np.ndarray | int,
    samples: np.ndarray | int,
) -> np.ndarray:
    """Return the power of each design, shape (designs,)."""
    error_D, dof_D = _errors(split, goal, *map(np.asarray, (seeds, questions, samples)))
    with np.errstate(divide="ignore"):
        away_D = np.minimum(goal.effect / error_D, 1e4)
    if goal.kind == "equivalence":
        return _equivalence_powers(away_D, dof_D, goal.alpha)
    critical_D = special.stdtrit(dof_D, 1.0 - goal.alpha / 2.0)
    above_D = 1.0 - _noncentral(dof_D, away_D, critical_D)
    return np.asarray(above_D + _noncentral(dof_D, away_D, -critical_D))


def _equivalence_powers(away_D: np.ndarray, dof_D: np.ndarray, alpha: float) -> np.ndarray:
    """Power of two one-sided t tests at no difference, averaged over the spread that is seen."""
    share = (np.arange(_SPREADS) + 0.5) / _SPREADS
    critical_D = special.stdtrit(dof_D, 1.0 - alpha)
    power_D = np.zeros(np.broadcast(away_D, dof_D).shape)
    for part in share:
        spread_D = np.sqrt(special.chdtri(dof_D, part) / dof_D)
        room_D = np.maximum(away_D - critical_D * spread_D, 0.0)
        power_D += (2.0 * special.ndtr(room_D) - 1.0) / _SPREADS
    return power_D


def _noncentral(dof_D: np.ndarray, away_D: np.ndarray, at_D: np.ndarray) -> np.ndarray:
    """Return P(T <= at) of the noncentral t; approximately where it is past doubt."""
    exact_D = special.nctdtr(dof_D, np.minimum(away_D, 30.0), at_D)
    scale_D = np.sqrt(1.0 + at_D**2 / (2.0 * dof_D))
    rough_D = special.ndtr((at_D * (1.0 - 1.0 / (4.0 * dof_D)) - away_D) / scale_D)
    return np.where(away_D > 30.0, rough_D, np.nan_to_num(exact_D))


def _errors(
    split: VarianceSplit, goal: Goal, seeds: np.ndarray, questions: np.ndarray, samples: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return standard error and degrees of freedom of the difference for each design."""
    check_split(split, needs_difference=True)
    if (seeds < 2).any() or (questions < 1).any() or (samples < 1).any():
        raise ValueError("a design needs at least 2 seeds, 1 question and 1 sample")
    by_seed_D = between_seeds(split, questions, samples) / seeds
    if goal.questions_are == "fixed":
        return np.sqrt(by_seed_D), np.asarray(seeds - 1.0) + 0.0 * by_seed_D
    if not np.isfinite(split.question):
        raise ValueError("nothing is known of the noise between questions: at least 2 are needed")
    by_question_D = by_seed_D * 0.0 + split.question / questions
    # the freedom stays that of the seeds: noise between questions must not make a plan look surer
    return np.sqrt(by_seed_D + by_question_D), np.asarray(seeds - 1.0) + 0.0 * by_question_D


def between_seeds(split: VarianceSplit, questions: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Return the variance of one seed's mean, the same questions being asked again."""
    if np.isnan(split.training_by_question):
        # `sampling` holds what more samples do not reduce: it counts in full
        return np.asarray(split.training + np.nan_to_num(split.sampling) / questions)
    by_question_D = split.training_by_question + split.sampling / samples
    return np.asarray(split.training + by_question_D / questions)


def _first(count_D: np.ndarray, goal: Goal, power_D: np.ndarray) -> int | None:
    is_enough_D = power_D >= goal.power
    return int(count_D[is_enough_D.argmax()]) if is_enough_D.any() else None


def _sizes(design: Design) -> tuple[int, int, int]:
    return design.seeds, design.questions, design.samples


def check_split(split: VarianceSplit, *, needs_difference: bool) -> None:
    """Raise ValueError unless a plan can be made from the split."""
    if needs_difference and not split.is_difference:
        raise ValueError("power needs the split of a difference: use split_difference")
    if not np.isfinite(split.training):
        raise ValueError("nothing is known of training noise: at least 2 seeds are needed")
