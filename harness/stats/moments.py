"""Step moments: does one stretch of training lift several curves together more than chance would?

Axis letters: ``K`` curves, ``T`` steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import savgol_filter

DRAWS = 1000
_SPAN = 4
"""Widths on each side over which the trend is a straight line; a surge is shorter than that."""
_MAD = 1.4826
"""Makes the median absolute deviation of a normal sample its standard deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Where curves surge together, and how large a joint surge chance gives.

    Attributes:
        places: (points,) int, index of the first step after each surge.
        joint: (points,) the smallest of the curves' standardised surges: all rise at least so much.
        bound: that the largest joint surge of a run exceeds with probability `alpha` where nothing
            links the curves.
        p: share of the draws whose largest joint surge is at least that of the run, in (0, 1].
    """

    places: np.ndarray
    joint: np.ndarray
    bound: float
    p: float

    @property
    def largest(self) -> int:
        """Index of the step at which the largest joint surge begins to be over."""
        return int(self.places[self.joint.argmax()])


def joint_moments(
    value_KT: np.ndarray,
    *,
    width: int,
    rng: np.random.Generator,
    draws: int = DRAWS,
    alpha: float = 0.05,
) -> Moments:
    """Look for a place where all curves rise together, beyond their trends.

    The trend of each curve (local lines, Savitzky and Golay 1964) is taken away. A curve's surge at
    a step is the mean of the next `width` steps minus that of the last `width`, over the robust
    deviation of all its surges; the joint surge is the smallest over the curves. Chance is what is
    found after each curve is turned around its end by an amount of its own: each keeps its shape
    and its memory of itself, and nothing but coincidence is left of their timing.

    Args:
        value_KT: curves at the same steps, shape (curves, steps), finite.
        width: steps before and after, >= 2; at least eight widths of steps are needed.
        rng: of the draws.
        draws: turns of the curves, >= 1.
        alpha: of the bound, in (0, 1).

    Raises:
        ValueError: too few steps, one curve alone, a constant curve, or values that are not finite.
    """
    curves, steps = value_KT.shape
    if curves < 2 or width < 2 or steps < 2 * _SPAN * width or not np.isfinite(value_KT).all():
        raise ValueError(
            f"found {curves} curves of {steps} steps at width {width}: expected two or more finite"
            f" curves, and {2 * _SPAN * width} steps or more"
        )
    window = min(2 * (_SPAN * width // 2) + 1, steps - 1 + steps % 2)
    rest_KT = value_KT - savgol_filter(value_KT, window, 1, axis=1, mode="interp")
    joint_P = _joint(rest_KT, width)
    offset_DK = rng.integers(width, steps - width, size=(draws, curves), endpoint=True)
    step_T = np.arange(steps)
    largest_D = np.empty(draws)
    for draw, offset_K in enumerate(offset_DK):
        turned_KT = np.take_along_axis(rest_KT, (step_T + offset_K[:, None]) % steps, axis=1)
        largest_D[draw] = _joint(turned_KT, width).max()
    return Moments(
        places=np.arange(width, steps - width + 1),
        joint=joint_P,
        bound=float(np.quantile(largest_D, 1 - alpha)),
        # as large as chance counts against it, and the run itself is one of the draws
        p=float((1 + (largest_D >= joint_P.max()).sum()) / (1 + draws)),
    )


def _joint(rest_KT: np.ndarray, width: int) -> np.ndarray:
    """Return the smallest standardised surge of the curves, shape (points,)."""
    total_KT = np.cumsum(np.pad(rest_KT, ((0, 0), (1, 0))), axis=1)
    mean_KP = (total_KT[:, width:] - total_KT[:, :-width]) / width
    surge_KP = mean_KP[:, width:] - mean_KP[:, :-width]
    away_KP = np.abs(surge_KP - np.median(surge_KP, axis=1, keepdims=True))
    scale_K = _MAD * np.median(away_KP, axis=1)
    if not (scale_K > 0).all():
        raise ValueError(
            "found a curve that hardly changes: expected curves with noise of their own"
        )
    return np.asarray((surge_KP / scale_K[:, None]).min(axis=0))
