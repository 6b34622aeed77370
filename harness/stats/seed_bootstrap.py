"""Three bootstraps of a mean over training seeds, for the study of what they cover.

None covers with 3 seeds, and two of them not with 20 (docs/statistics.md): that is why every
interval over seeds is the t interval of `harness.stats.paired`.

Axis letters: ``R`` data sets, ``S`` training seeds, ``B`` bootstrap draws.
"""

from __future__ import annotations

import numpy as np
from scipy import special

_ROUNDING = 1e-30
"""Least variance of a draw: equal values leave a rounding error, of either sign."""


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
        "percentile", "BCa" and "studentised" -> lower and upper bounds, shape (2, data sets), in
        the unit of the values.

    Source:
        Efron 1987 (J. Amer. Statist. Assoc. 82:171) for BCa; Efron and Tibshirani 1993, An
        Introduction to the Bootstrap, section 12.5, for the studentised one.
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
