"""Percentile intervals from resamples: how they are planned, what they say, when not to trust them.

Axis letters: ``T`` points of a curve, ``B`` bootstrap draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.stats.bootstrap import DRAWS, LEAST_DRAWS
from harness.stats.few_seeds import coverage_note
from harness.stats.intervals import Interval, rounding
from harness.stats.resampling import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How resamples are made.

    Attributes:
        draws: number of resamples, at least 200.
        level: two-sided coverage, in (0, 1).
        unit: "seed" draws whole runs, "cell" seeds within each question.
    """

    draws: int = DRAWS
    level: float = 0.95
    unit: Unit = "seed"

    def __post_init__(self) -> None:
        """Refuse what makes no interval.

        Raises:
            ValueError: too few draws, a level outside (0, 1) or an unknown unit.
        """
        if self.draws < LEAST_DRAWS:
            raise ValueError(f"need at least {LEAST_DRAWS} draws, got {self.draws}")
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"the level must lie between 0 and 1, got {self.level!r}")
        if self.unit not in ("seed", "cell"):
            raise ValueError(f"the unit is seed or cell, got {self.unit!r}")

    @property
    def tails(self) -> list[float]:
        """The two quantiles that bound the interval."""
        return [(1.0 - self.level) / 2.0, (1.0 + self.level) / 2.0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """One aggregate with its interval.

    Attributes:
        interval: point, low and high in the unit of the scores; undefined bounds are NaN.
        method: how it was made.
        seeds: seeds it rests on (of the smaller arm where there are two).
        note: "" or what a reader must know.
    """

    interval: Interval
    method: str
    seeds: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointwise:
    """A curve of aggregates with an interval at each of its points, each point for itself.

    Attributes:
        point_T: aggregate at each point, shape (points,).
        low_T: lower bounds; NaN where undefined.
        high_T: upper bounds.
        method: how it was made.
        seeds: seeds it rests on.
        note: "" or what a reader must know.
    """

    point_T: np.ndarray
    low_T: np.ndarray
    high_T: np.ndarray
    method: str
    seeds: int
    note: str


def pointwise(point_T: np.ndarray, drawn_TB: np.ndarray, seeds: int, plan: Plan) -> Pointwise:
    """Percentile intervals of many resampled numbers at once.

    Args:
        point_T: the numbers themselves, shape (points,).
        drawn_TB: the same of every resample, shape (points, draws).
        seeds: seeds that were resampled.
        plan: how resamples were made.

    Returns:
        Points with bounds; where all resamples agree (a share of 0 or 1, equal scores) the bounds
        are the point itself, which the note counts: no noise was seen there, not that there is
        none. With one seed there are no bounds.
    """
    low_T, high_T = np.quantile(drawn_TB, plan.tails, axis=1)
    if seeds < 2:
        low_T, high_T = np.full((2, len(point_T)), np.nan)
    return Pointwise(
        point_T=point_T,
        low_T=low_T,
        high_T=high_T,
        method=method_name(plan),
        seeds=seeds,
        note="; ".join(filter(None, (few_seeds(seeds), _agreeing(drawn_TB) if seeds > 1 else ""))),
    )


def _agreeing(drawn_TB: np.ndarray) -> str:
    """Say at how many points all resamples agree."""
    is_flat_T = np.ptp(drawn_TB, axis=1) <= rounding(np.abs(drawn_TB).max(axis=1))
    if not is_flat_T.any():
        return ""
    return f"at {is_flat_T.sum()} of {is_flat_T.size} points all resamples agree: no noise was seen"


def method_name(plan: Plan) -> str:
    """Return how the interval is made, in words."""
    what = "whole seeds" if plan.unit == "seed" else "seeds within questions"
    return f"percentile bootstrap of {what}"


def few_seeds(seeds: int) -> str:
    """Return what a reader must know of a bootstrap of so few seeds, or ""."""
    if seeds < 2:
        return "1 seed: an interval needs at least 2"
    return coverage_note(seeds)


def summary(point: float, drawn_B: np.ndarray, seeds: int, plan: Plan) -> Aggregate:
    """Percentile interval of one resampled number.

    Args:
        point: the number itself.
        drawn_B: the same of every resample, shape (draws,).
        seeds: seeds that were resampled.
        plan: how resamples were made.

    Returns:
        The number with bounds; NaN with one seed or if all resamples agree, and the note says so.
    """
    note = few_seeds(seeds)
    low, high = np.quantile(drawn_B, plan.tails)
    if seeds < 2:
        low = high = np.nan
    elif np.ptp(drawn_B) <= rounding(max(np.abs(drawn_B).max(), abs(point))):
        low = high = np.nan
        note = "all resamples agree: the noise between seeds cannot be estimated"
    interval = Interval(point, float(low), float(high))
    return Aggregate(interval=interval, method=method_name(plan), seeds=seeds, note=note)
