"""The t statistics of one growing study: how likely each look is the first to cross its bound.

With normal noise and no difference, the cosine between the first n differences and the all-ones
vector is t / sqrt(t^2 + n - 1). It depends on their direction alone, which is independent of their
length, so that the cosines of successive looks form a Markov chain in one dimension: it is
integrated here, without a normal approximation of t.

Axis letters: ``L`` looks, ``N`` cells of the chain's state, ``B`` nodes of the inner integral.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

CELLS = 160
"""Cells of the state: with twice as many a bound's p changes by less than half a per cent, at an
error rate of 0.003 or more by a fifth of one."""

_NODES = 24
_LOWEST = -7.5
"""Left end of the state, as a normal deviate: what lies below is lost, 3e-14."""

_GRADED = 2.0
"""Cells are finer towards the bound, where the next look's chance changes fastest."""

_SLACK = 0.1
"""By how much the log of p may leave its limits: the integral is not exact."""


@lru_cache(maxsize=512)
def first_crossing_bounds(
    seeds: tuple[int, ...], spent: tuple[float, ...], cells: int = CELLS
) -> tuple[float, ...]:
    """Return the one-sided nominal p of each look that spends the stated error.

    Args:
        seeds: seeds at each look, rising, from 2.
        spent: error rate spent up to and at each look, strictly rising, in (0, 1).
        cells: how finely the chain's state is cut.

    Returns:
        For each look the p value of Student's t at or below which it crosses: the chance that it is
        the first to do so is what `spent` adds there, with normal noise and no difference.

    Source:
        Lan and DeMets 1983, Biometrika 70:659, for the spending; Jennison and Turnbull 2000, Group
        Sequential Methods, section 11.5, for t statistics. The recursion is derived above.
    """
    if len(seeds) == 1:
        return spent
    *_, before, now = seeds
    earlier = first_crossing_bounds(seeds[:-1], spent[:-1], cells)
    z_N, weight_N = _still_open(seeds[:-1], spent[:-1], cells)
    return (*earlier, _solve(_cosine(z_N, before), weight_N, (before, now), spent[-2:]))


@lru_cache(maxsize=512)
def _still_open(
    seeds: tuple[int, ...], spent: tuple[float, ...], cells: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the state after the last of some looks, as normal deviates, and how likely each is.

    Only what no look has stopped is in it: the weights add up to 1 - spent[-1].
    """
    bound = _deviate(first_crossing_bounds(seeds, spent, cells)[-1])
    if len(seeds) == 1:
        return _first_state(bound, cells)
    *_, before, now = seeds
    z_N, weight_N = _still_open(seeds[:-1], spent[:-1], cells)
    edge_E = _edges(bound, cells)
    above_NE = _above(_cosine(edge_E, now)[None, :], _cosine(z_N, before)[:, None], before, now)
    above_NE[:, 0] = 1.0
    return (edge_E[1:] + edge_E[:-1]) / 2.0, weight_N @ (above_NE[:, :-1] - above_NE[:, 1:])


def _solve(
    state_N: np.ndarray, weight_N: np.ndarray, counts: tuple[int, int], spent: Sequence[float]
) -> float:
    """Return the nominal p at which the chance to cross now, and not before, is what is spent."""
    before, now = counts
    wanted = spent[1] - spent[0]

    def surplus(log_p: float) -> float:
        at = _cosine(np.array(_deviate(float(np.exp(log_p)))), now)
        crossing = float(weight_N @ _above(at, state_N, before, now))
        return crossing - wanted

    # crossing first is rarer than crossing at all, and no more often than what was spent so far
    low, high = np.log(wanted), np.log(spent[1])
    return float(np.exp(optimize.brentq(surplus, low - _SLACK, high + _SLACK, xtol=1e-9)))


def _above(x: np.ndarray, state: np.ndarray, before: int, now: int) -> np.ndarray:
    """Return P(cosine of `now` seeds >= x) given that of the first `before`, broadcast.

    Averaged over the share of the old seeds in the spread. Given that share, and x >= 0, the cosine
    is `reach` sin(angle + turn) / sqrt(now), where the angle of the new mean has the density
    cos^(now - 2): Student's t with now - 1 degrees of freedom.
    """
    more = now - before
    # below 0 it is one minus the chance that the mirrored state reaches the mirrored x
    side, above = np.where(x >= 0.0, 1.0, -1.0), np.zeros(np.broadcast(x, state).shape)
    # share by share: the arrays of one stay in the processor's cache
    for share, weight in zip(*_shares(before, more), strict=True):
        old = np.sqrt(before * share) * state
        reach = np.sqrt(old**2 + more)
        first = _Angle.of_sine(np.minimum(np.abs(x) * (np.sqrt(now) / reach), 1.0))
        turn_sine, turn = old / reach, np.arctan2(old, np.sqrt(more))
        turned = _Angle(side * turn_sine, np.sqrt(more) / reach, side * turn)
        # of a sine of 1, which cannot be crossed, both ends of the interval are the same
        inside = _share_below(first.supplement().minus(turned), now)
        above += weight * (inside - _share_below(first.minus(turned), now))
    return np.asarray(np.where(x >= 0.0, above, 1.0 - above))


class _Angle(NamedTuple):
    """Angles with their sines and cosines: those of a sum are cheaper than new ones."""

    sine: np.ndarray
    cosine: np.ndarray
    radians: np.ndarray

    @classmethod
    def of_sine(cls, sine: np.ndarray) -> _Angle:
        return cls(sine, np.sqrt(1.0 - sine**2), np.arcsin(sine))

    def minus(self, other: _Angle) -> _Angle:
        return _Angle(
            self.sine * other.cosine - self.cosine * other.sine,
            self.cosine * other.cosine + self.sine * other.sine,
            self.radians - other.radians,
        )

    def supplement(self) -> _Angle:
        return _Angle(self.sine, -self.cosine, np.pi - self.radians)


def _share_below(angle: _Angle, now: int) -> np.ndarray:
    """Return how much of the density cos^(now - 2) lies below angles from -pi / 2 on.

    For a whole power the integral is a polynomial in sine and cosine, which costs a fraction of
    Student's t for any degrees of freedom.

    Source:
        Abramowitz and Stegun 1964, formulas 26.7.3 and 26.7.4.
    """
    power = now - 2
    is_odd = power % 2
    square, total = angle.cosine**2, np.ones(angle.sine.shape)
    for j in range((power + is_odd) // 2 - 1, 0, -1):
        total *= square * ((2.0 * j - is_odd) / (2.0 * j + 1.0 - is_odd))
        total += 1.0
    if is_odd:
        below = 0.5 + angle.sine * total / 2.0
    else:
        below = 0.5 + (angle.radians + angle.sine * angle.cosine * total) / np.pi
    return np.where(angle.cosine > 0.0, below, 1.0)


@lru_cache(maxsize=64)
def _shares(before: int, more: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of Beta(before / 2, (more - 1) / 2); with one new seed it is 1."""
    if more == 1:
        return np.ones(1), np.ones(1)
    node, weight = special.roots_jacobi(_NODES, (more - 1) / 2.0 - 1.0, before / 2.0 - 1.0)
    return (1.0 + node) / 2.0, weight / weight.sum()


def _first_state(top: float, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Return normal deviates below `top` and their weights: the law of the first look's t."""
    node, weight = np.polynomial.legendre.leggauss(cells)
    place, width = (1.0 + node) / 2.0, top - _LOWEST
    z_N = top - width * place**_GRADED
    stretch_N = width * _GRADED * place ** (_GRADED - 1.0) * weight / 2.0
    return z_N, stretch_N * np.exp(-(z_N**2) / 2.0) / np.sqrt(2.0 * np.pi)


def _edges(top: float, cells: int) -> np.ndarray:
    return np.asarray(top - (top - _LOWEST) * np.linspace(1.0, 0.0, cells + 1) ** _GRADED)


def _deviate(p: float) -> float:
    return float(-special.ndtri(p))


def _cosine(z: np.ndarray, seeds: int) -> np.ndarray:
    """Return the cosine of the t whose tail is that of a normal deviate."""
    t = np.where(z < 0.0, 1.0, -1.0) * special.stdtrit(seeds - 1, special.ndtr(-np.abs(z)))
    return np.asarray(t / np.sqrt(t**2 + seeds - 1.0))
