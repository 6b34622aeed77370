"""Three bootstraps of a mean over training seeds: percentile, BCa and studentised.

For a report that must state one. None covers with 3 seeds, and two of them not with 20
(docs/statistics.md): the t interval of `harness.stats.paired` is the default. The studentised one
is the least wrong with few seeds.

Axis letters: ``R`` data sets, ``S`` training seeds, ``B`` bootstrap draws.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from scipy import special

from harness.stats.bootstrap import DRAWS, LEAST_DRAWS
from harness.stats.few_seeds import coverage_note
from harness.stats.intervals import Interval, are_equal
from harness.stats.percentile import Aggregate

Method = Literal["percentile", "BCa", "studentised"]
METHODS: tuple[Method, ...] = get_args(Method)

_LEAST: dict[Method, int] = {"percentile": 2, "BCa": 2, "studentised": 3}
"""Seeds that a method needs: every draw of two that has a spread has the same t, which is 0."""

_ROUNDING = 1e-30
"""Least variance of a draw: equal values leave a rounding error, of either sign."""


def bootstrap_mean(
    value_S: np.ndarray,
    *,
    rng: np.random.Generator,
    method: Method = "studentised",
    draws: int = DRAWS,
    level: float = 0.95,
) -> Aggregate:
    """Mean over seeds with a bootstrap interval.

    Args:
        value_S: one value per seed (or one difference per pair), shape (seeds,), in any unit; NaN
            is a seed without a value.
        rng: source of the draws; the caller owns the seed.
        method: how bounds are made of the draws.
        draws: number of resamples, at least 200.
        level: two-sided coverage, in (0, 1).

    Returns:
        The mean over the seeds with a value. With fewer than two (studentised: three), or if all
        are equal, the bounds are NaN and the note says why; the note says what the method covers
        up to the number of seeds from which it holds.

    Raises:
        ValueError: not one axis, an infinite value, an unknown method, too few draws, or a level
            outside (0, 1).

    Source:
        Efron 1987 (J. Amer. Statist. Assoc. 82:171) for BCa; Efron and Tibshirani 1993, An
        Introduction to the Bootstrap, section 12.5, for the studentised one.
    """
    value_S = np.asarray(value_S, dtype=float)
    if value_S.ndim != 1 or np.isinf(value_S).any():
        raise ValueError(f"expected values of shape (seeds,) without infinities, got {value_S!r}")
    if method not in METHODS:
        raise ValueError(f"the method is one of {', '.join(METHODS)}, got {method!r}")
    if draws < LEAST_DRAWS or not 0.0 < level < 1.0:
        raise ValueError(
            f"need at least {LEAST_DRAWS} draws and a level between 0 and 1, got {draws} and"
            f" {level!r}"
        )
    there_S = value_S[~np.isnan(value_S)]
    low = high = np.nan
    if there_S.size >= _LEAST[method] and not are_equal(there_S):
        bounds = bootstrap_bounds(there_S[None, :], rng, draws=draws, level=level)
        low, high = bounds[method][:, 0]
    point = float(there_S.mean()) if there_S.size else np.nan
    return Aggregate(
        interval=Interval(point, float(low), float(high)),
        method=f"{method} bootstrap of seeds",
        seeds=int(there_S.size),
        note=_note(there_S, value_S.size - there_S.size, method),
    )


def bootstrap_bounds(
    value_RS: np.ndarray, rng: np.random.Generator, *, draws: int, level: float
) -> dict[str, np.ndarray]:
    """Return bounds of the mean of many data sets by every method, all from the same draws.

    Args:
        value_RS: one value per seed, shape (data sets, seeds), finite, at least two seeds.
        rng: source of the draws; one matrix product makes them for all data sets.
        draws: number of resamples.
        level: two-sided coverage, in (0, 1).

    Returns:
        Method -> lower and upper bounds, shape (2, data sets), in the unit of the values.
    """
    seeds = value_RS.shape[1]
    weight_BS = rng.multinomial(seeds, np.full(seeds, 1.0 / seeds), size=draws) / seeds
    point_R = value_RS.mean(axis=1)
    apart_RS = value_RS - point_R[:, None]
    mean_RB = apart_RS @ weight_BS.T
    tails = np.array([(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return {
        "percentile": np.quantile(mean_RB, tails, axis=1) + point_R,
        "BCa": _bca(apart_RS, mean_RB, tails) + point_R,
        "studentised": _studentised(apart_RS, mean_RB, weight_BS, tails) + point_R,
    }


def _studentised(
    apart_RS: np.ndarray, mean_RB: np.ndarray, weight_BS: np.ndarray, tails: np.ndarray
) -> np.ndarray:
    """Return bounds about the mean; draws of one seed alone have no spread and are left out."""
    seeds = apart_RS.shape[1]
    is_flat_B = (weight_BS > 0.0).sum(axis=1) == 1
    # a draw of equal values counts as infinitely far
    square_RB = np.maximum(apart_RS**2 @ weight_BS.T - mean_RB**2, _ROUNDING)
    t_RB = mean_RB[:, ~is_flat_B] / np.sqrt(square_RB[:, ~is_flat_B] / (seeds - 1))
    error_R = apart_RS.std(axis=1, ddof=1) / np.sqrt(seeds)
    return np.asarray(-np.quantile(t_RB, tails[::-1], axis=1) * error_R)


def _bca(apart_RS: np.ndarray, mean_RB: np.ndarray, tails: np.ndarray) -> np.ndarray:
    """Return bounds about the mean, corrected for bias and for a spread that follows the mean."""
    draws = mean_RB.shape[1]
    below_R = ((mean_RB < 0.0).mean(axis=1) + (mean_RB <= 0.0).mean(axis=1)) / 2.0
    shift_R = special.ndtri(np.clip(below_R, 1e-3, 1.0 - 1e-3))
    cubes_R, squares_R = (apart_RS**3).sum(axis=1), (apart_RS**2).sum(axis=1)
    bend_R = cubes_R / (6.0 * np.maximum(squares_R, 1e-100) ** 1.5)
    ordered_RB = np.sort(mean_RB, axis=1)
    bounds = []
    for tail in tails:
        reach_R = shift_R + special.ndtri(tail)
        at_R = special.ndtr(shift_R + reach_R / (1.0 - bend_R * reach_R))
        index_R = np.clip((at_R * draws).astype(int), 0, draws - 1)
        bounds.append(np.take_along_axis(ordered_RB, index_R[:, None], axis=1)[:, 0])
    return np.array(bounds)


def _note(there_S: np.ndarray, missing: int, method: Method) -> str:
    notes = [f"{missing} seeds without a value left out"] if missing else []
    if there_S.size < 2:
        notes.append(f"{there_S.size} seeds: an interval needs at least 2")
    elif are_equal(there_S):
        notes.append("all values are equal: the noise between seeds cannot be estimated")
    else:
        notes.append(coverage_note(method, there_S.size))
    return "; ".join(filter(None, notes))
