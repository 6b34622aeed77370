"""How long responses are: growth over training, and the spread within one batch.

Growth follows a published curve. Within a batch, lengths are taken as exponential, cut off at the
longest that is allowed: the one-parameter law whose mean can be set to the curve's, with a tail, so
that the wait for the longest response is part of the plan. It is an assumption.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.references.entries import Curve

MOST_FILLED = 0.98
"""Largest mean, as a share of the longest response: above it the law has no parameter."""

WINDOW = 20
"""Steps at the end of a curve whose mean stands for everything after it."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of responses of one batch [tokens]: exponential, cut off at `longest`.

    Attributes:
        mean: after the cut, over 0.
        longest: max_response_length.
    """

    mean: float
    longest: int

    @property
    def rate(self) -> float:
        """Rate of the law before the cut [1/token]."""
        goal = min(self.mean, MOST_FILLED * self.longest)
        low, high = 1e-12, 1.0 / min(goal, 1.0)
        for _ in range(80):
            # halved on a logarithmic scale: the rate may be of any order of magnitude
            middle = math.sqrt(low * high)
            low, high = (middle, high) if _cut_mean(middle, self.longest) > goal else (low, middle)
        return high

    @property
    def truncated(self) -> float:
        """Share of responses that reach the longest length."""
        return math.exp(-self.rate * self.longest)

    @property
    def second_moment(self) -> float:
        """Mean of the squared length [tokens^2]."""
        x = self.rate * self.longest
        # nearly all are of the longest length, and the terms below cancel to rounding error
        if x < 1e-4:
            return float(self.longest) ** 2
        return 2 / self.rate**2 * -(math.expm1(-x) + x * math.exp(-x))

    def any_active(self, responses: float) -> float:
        """Return the tokens for which at least one of independent responses is still written.

        Args:
            responses: how many are written side by side, over 0.
        """
        ages = np.linspace(0.0, self.longest, 513)
        # the mean of the longest of many: the integral of the chance that not all have ended
        ended = -np.expm1(-self.rate * ages)
        return float(np.trapezoid(1.0 - ended**responses, ages))


def growth(curve: Curve, steps: int, longest: int) -> NDArray[np.float64]:
    """Return the mean length of a response at each step [tokens], shape (steps,).

    Between points of the curve it is linear; after its end it stays at the mean of the last
    `WINDOW` steps; it never exceeds what `longest` allows.
    """
    at = np.arange(steps, dtype=float)
    known, values = np.asarray(curve.steps), np.asarray(curve.values)
    last = float(values[known >= known[-1] - WINDOW].mean())
    means: NDArray[np.float64] = np.interp(at, known, values, right=last)
    return means.clip(max=MOST_FILLED * longest)


def _cut_mean(rate: float, longest: int) -> float:
    return -math.expm1(-rate * longest) / rate
