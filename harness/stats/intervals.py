"""Intervals over training seeds, from Student's t distribution.

Axis letters: ``S`` training seeds. The seed is the replicate: questions and samples are averaged
before they come here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

EQUAL = 1e-12
"""Values that agree to this share of their size are equal but for rounding."""

UNIT = 1.0
"""Least size that numbers are taken to be computed from: differences of equal scores are 0 and
1e-17, whose own size says nothing of the rounding in them."""


class Interval(NamedTuple):
    """A point estimate with a two-sided interval, in the unit of its input; NaN is undefined."""

    point: float
    low: float
    high: float


def mean_interval(value_S: np.ndarray, *, level: float = 0.95, size: float = 0.0) -> Interval:
    """Mean over seeds with a t interval.

    Exact for normal seeds. With 3 seeds the half-width is 2.5 standard deviations, with 2 it is 9:
    that is what so few seeds can say. Seeds that all agree say nothing of their noise: an interval
    without width would be a false certainty.

    Args:
        value_S: one value per seed, shape (seeds,), finite.
        level: two-sided coverage, in (0, 1).
        size: largest absolute number that the values were computed from, >= 0, if it is larger than
            they are: how large rounding may be.

    Returns:
        The mean; the bounds are NaN for fewer than two seeds or equal values, and all is NaN for
        none.

    Raises:
        ValueError: not one axis, a value that is not finite, or a level outside (0, 1).

    Source:
        Student 1908; any statistics text.
    """
    _check(value_S, level)
    count = value_S.size
    if count == 0:
        return Interval(np.nan, np.nan, np.nan)
    half = _quantile(count, level) * _noise(value_S, size) / np.sqrt(count)
    mean = float(value_S.mean())
    return Interval(mean, mean - half, mean + half)


def paired_t(treat_S: np.ndarray, control_S: np.ndarray, *, level: float = 0.95) -> Interval:
    """Mean of treat minus control over seeds that both arms have, with a t interval.

    Arms share prompts, their order and the sampling seeds: what a seed does to both cancels.

    Args:
        treat_S: one value per seed, shape (seeds,).
        control_S: same shape, entry by entry the same seeds as `treat_S`.
        level: two-sided coverage, in (0, 1).

    Returns:
        Difference in the unit of the input; bounds are NaN for fewer than two seeds, or if all
        differences are equal.

    Raises:
        ValueError: shapes differ, or see `mean_interval`.
    """
    if treat_S.shape != control_S.shape:
        raise ValueError(f"arms must align: got {treat_S.shape} and {control_S.shape}")
    size = max(np.abs(treat_S).max(initial=0.0), np.abs(control_S).max(initial=0.0))
    return mean_interval(treat_S - control_S, level=level, size=float(size))


def prediction_interval(value_S: np.ndarray, *, level: float = 0.95) -> Interval:
    """Interval that covers the value of one new seed, given the values of stored seeds.

    Wider than `mean_interval` by sqrt(seeds + 1): it holds the new seed's own noise as well.

    Args:
        value_S: one value per stored seed, shape (seeds,), finite.
        level: two-sided coverage, in (0, 1).

    Returns:
        Mean of the stored seeds; the bounds are NaN for fewer than two seeds or equal values.

    Raises:
        ValueError: see `mean_interval`.

    Source:
        Geisser 1993, Predictive Inference, section 2.1 (normal, both parameters unknown).
    """
    _check(value_S, level)
    count = value_S.size
    if count == 0:
        return Interval(np.nan, np.nan, np.nan)
    half = _quantile(count, level) * _noise(value_S) * np.sqrt(1.0 + 1.0 / count)
    mean = float(value_S.mean())
    return Interval(mean, mean - half, mean + half)


def seed_spread(value_S: np.ndarray) -> float:
    """Sample standard deviation over seeds (divisor seeds - 1); NaN for fewer than two seeds.

    0 if they are equal but for rounding.
    """
    if value_S.size < 2:
        return float("nan")
    return 0.0 if are_equal(value_S) else float(value_S.std(ddof=1))


def half_width(spread: float, seeds: int, *, level: float = 0.95) -> float:
    """Half-width of the t interval that so many seeds of a given spread would have.

    Args:
        spread: standard deviation over seeds, in any unit, >= 0.
        seeds: how many; below two there is no interval.
        level: two-sided coverage, in (0, 1).

    Returns:
        In the unit of the spread; NaN for fewer than two seeds.
    """
    return _quantile(seeds, level) * spread / float(np.sqrt(max(seeds, 1)))


def are_equal(value_S: np.ndarray, size: float = 0.0) -> bool:
    """Tell whether two or more values are all the same number but for rounding.

    Args:
        value_S: one value per seed, shape (seeds,), finite.
        size: largest absolute number that the values were computed from, >= 0.
    """
    if value_S.size < 2:
        return False
    return float(np.ptp(value_S)) <= float(rounding(max(float(np.abs(value_S).max()), size)))


def rounding(size: np.ndarray | float) -> np.ndarray:
    """Largest spread that rounding alone may leave in numbers made of such a size.

    Args:
        size: largest absolute number that they were computed from, >= 0, of any shape; what is
            below `UNIT` counts as that.
    """
    return np.asarray(EQUAL * np.maximum(size, UNIT))


def _noise(value_S: np.ndarray, size: float = 0.0) -> float:
    """Standard deviation over seeds; NaN where they are too few or too equal to show any."""
    if value_S.size < 2 or are_equal(value_S, size):
        return float("nan")
    return float(value_S.std(ddof=1))


def _quantile(count: int, level: float) -> float:
    """Two-sided t quantile for `count` seeds; NaN below two."""
    return float(special.stdtrit(count - 1, 0.5 + level / 2.0)) if count > 1 else float("nan")


def _check(value_S: np.ndarray, level: float) -> None:
    if value_S.ndim != 1:
        raise ValueError(f"expected one axis, seeds, got shape {value_S.shape}")
    if not np.isfinite(value_S).all():
        raise ValueError(f"every seed needs a finite value, got {value_S.tolist()}")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie in (0, 1), got {level}")
