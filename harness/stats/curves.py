"""Curves over training as one number per seed.

Axis letters: ``S`` training seeds, ``T`` steps. A number per seed goes on to
`harness.stats.paired`; where two curves differ is told by `harness.stats.bands`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """When each curve first reached a threshold.

    Attributes:
        time_S: step in the unit of the steps, interpolated, shape (seeds,); inf where the curve
            never reached it (it may later: censored at `last_S`), NaN where it has no value.
        is_reached_S: whether it did, shape (seeds,).
        last_S: last step with a value, shape (seeds,); NaN without any.
        note: "" or how many curves did not reach it.
    """

    time_S: np.ndarray
    is_reached_S: np.ndarray
    last_S: np.ndarray
    note: str


def area(curve_ST: np.ndarray, step_T: np.ndarray) -> np.ndarray:
    """Area under each curve by trapezoids, divided by the span of the steps.

    So it is the mean height, in the unit of the curve, and runs with other step numbers compare.
    A value that is missing inside is bridged by a straight line; at either end it is not.

    Args:
        curve_ST: one curve per seed, shape (seeds, steps); NaN is a value that is not there.
        step_T: steps, strictly rising, shape (steps,), at least two.

    Returns:
        Shape (seeds,); NaN for a curve without its first or last value.

    Raises:
        ValueError: shapes do not fit, an infinite value, steps that do not rise, or fewer than two.
    """
    curve_ST, step_T = _checked(curve_ST, step_T)
    if step_T.size < 2:
        raise ValueError(f"an area needs at least 2 steps, got {step_T.size}")
    is_there_ST = ~np.isnan(curve_ST)
    area_S = np.trapezoid(curve_ST, step_T, axis=1)
    for seed in np.flatnonzero(~is_there_ST.all(axis=1) & is_there_ST[:, 0] & is_there_ST[:, -1]):
        there_T = is_there_ST[seed]
        area_S[seed] = np.trapezoid(curve_ST[seed, there_T], step_T[there_T])
    return np.asarray(area_S / (step_T[-1] - step_T[0]))


def time_to_threshold(curve_ST: np.ndarray, step_T: np.ndarray, threshold: float) -> Crossing:
    """Step at which each curve first stands at or above a threshold.

    Between the value before and the first at or above it the line is straight. Noise makes a curve
    cross early: smooth it first, or ask for a threshold that is clear of the noise.

    Args:
        curve_ST: one curve per seed, shape (seeds, steps); NaN is a value that is not there.
        step_T: steps, strictly rising, shape (steps,).
        threshold: finite, in the unit of the curve.

    Returns:
        The times. A curve that starts above has crossed by its first step, which is its time. A
        mean over censored times is wrong: compare ranks or the share that got there.

    Raises:
        ValueError: a threshold that is not finite, or see `area`.
    """
    curve_ST, step_T = _checked(curve_ST, step_T)
    if not np.isfinite(threshold):
        raise ValueError(f"the threshold must be finite, got {threshold!r}")
    time_S, last_S = np.full((2, len(curve_ST)), np.nan)
    for seed, value_T in enumerate(curve_ST):
        there_T = ~np.isnan(value_T)
        if there_T.any():
            time_S[seed] = _first(value_T[there_T], step_T[there_T], threshold)
            last_S[seed] = step_T[there_T][-1]
    missed = int(np.isinf(time_S).sum())
    note = f"{missed} of {len(time_S)} curves had not reached {threshold:g} when they ended"
    return Crossing(
        time_S=time_S,
        is_reached_S=np.isfinite(time_S),
        last_S=last_S,
        note=note if missed else "",
    )


def _first(value_T: np.ndarray, step_T: np.ndarray, threshold: float) -> float:
    """Return when a curve without gaps first stands at or above the threshold; inf if never."""
    is_up_T = value_T >= threshold
    if not is_up_T.any():
        return float("inf")
    place = int(is_up_T.argmax())
    if place == 0:
        return float(step_T[0])
    share = (threshold - value_T[place - 1]) / (value_T[place] - value_T[place - 1])
    return float(step_T[place - 1] + share * (step_T[place] - step_T[place - 1]))


def _checked(curve_ST: np.ndarray, step_T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    curve_ST, step_T = np.asarray(curve_ST, dtype=float), np.asarray(step_T, dtype=float)
    if curve_ST.ndim != 2 or step_T.shape != curve_ST.shape[1:] or not step_T.size:
        raise ValueError(
            f"expected curves of shape (seeds, steps) and a step for each column, got"
            f" {curve_ST.shape} and {step_T.shape}"
        )
    if np.isinf(curve_ST).any():
        raise ValueError("a curve has an infinite value")
    if not np.isfinite(step_T).all() or (np.diff(step_T) <= 0.0).any():
        raise ValueError("steps must be finite and strictly rising: sort them, and drop repeats")
    return curve_ST, step_T
