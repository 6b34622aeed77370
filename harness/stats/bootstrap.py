"""Hierarchical bootstrap: training seed > question > sample.

Axis letters: ``S`` training seeds, ``Q`` questions, ``K`` samples of a question, ``B`` draws.
"""

from __future__ import annotations

import numpy as np

from harness.stats.intervals import Interval, rounding

DRAWS = 2000
"""Default number of resamples: a 95 % bound then moves by about 1 % of the width with the draws."""

_CHUNK = 200
"""Draws that are made at once: bounds the memory at some 10 MB for 3 x 128 x 4 scores."""

LEAST_DRAWS = 200
"""Fewer draws leave fewer than five beyond each 95 % bound and are refused."""


def accuracy(score_SQK: np.ndarray) -> np.ndarray:
    """Mean over questions of the mean over samples, per seed.

    Args:
        score_SQK: scores in any unit, shape (seeds, questions, samples); NaN is a sample that is
            not there.

    Returns:
        Shape (seeds,); a question without any sample is left out, a seed without any is NaN.
    """
    score_SQ = _mean(score_SQK, axis=2)
    return _mean(score_SQ, axis=1)


def paired_bootstrap(
    treat_SQK: np.ndarray,
    control_SQK: np.ndarray,
    *,
    rng: np.random.Generator,
    draws: int = DRAWS,
    level: float = 0.95,
) -> Interval:
    """Gain of treat over control, resampling seeds, questions and samples.

    Seeds and questions are drawn with the same indices in both arms, so that what a pair of
    seed and question does to both cancels; samples are drawn within each question of each arm. For
    a number per seed (training reward), pass shape (seeds, 1, 1): seeds alone are then resampled.

    With 3 seeds this is known to be too narrow (3 values have 10 distinct resamples): it is the
    second number of a report, `harness.stats.intervals.paired_t` the first.

    Args:
        treat_SQK: scores, shape (seeds, questions, samples); NaN is a sample that is not there.
        control_SQK: same shape, seeds and questions aligned with `treat_SQK`.
        rng: source of the resampling indices; the caller owns the seed.
        draws: number of resamples, at least 200.
        level: two-sided coverage, in (0, 1).

    Returns:
        Gain in the unit of the scores with a percentile interval; the bounds are NaN if all
        resamples agree, since no noise can then be estimated.

    Raises:
        ValueError: shapes differ or have other than three axes, fewer than two seeds, too few
            draws, a level outside (0, 1), or a seed without any scored question.

    Source:
        Two-way bootstrap of Agarwal et al. 2021 (arXiv:2108.13264), with a level for samples.
    """
    _check(treat_SQK, control_SQK, draws, level)
    gain_SQ = _mean(treat_SQK, axis=2) - _mean(control_SQK, axis=2)
    point = float(_mean(gain_SQ, axis=1).mean())
    if not np.isfinite(point):
        raise ValueError("a seed has no question that was scored in both arms")
    parts = [min(_CHUNK, draws - start) for start in range(0, draws, _CHUNK)]
    gain_B = np.concatenate([_gains(treat_SQK, control_SQK, rng, part) for part in parts])
    tail = (1.0 - level) / 2.0
    low, high = np.nanquantile(gain_B, [tail, 1.0 - tail])
    size = max(np.nanmax(np.abs(treat_SQK)), np.nanmax(np.abs(control_SQK)))
    if np.nanmax(gain_B) - np.nanmin(gain_B) <= rounding(size):
        # every resample agrees: there is no noise to judge by, and a width of 0 is no certainty
        low = high = np.nan
    return Interval(point, float(low), float(high))


def _gains(
    treat_SQK: np.ndarray, control_SQK: np.ndarray, rng: np.random.Generator, draws: int
) -> np.ndarray:
    """Return the gains of some resamples, shape (draws,)."""
    seeds, questions, samples = treat_SQK.shape
    seed_BS = rng.integers(seeds, size=(draws, seeds))[:, :, None, None]
    question_BQ = rng.integers(questions, size=(draws, questions))[:, None, :, None]
    means = []
    for score_SQK in (treat_SQK, control_SQK):
        sample_BSQK = rng.integers(samples, size=(draws, seeds, questions, samples))
        means.append(_mean(score_SQK[seed_BS, question_BQ, sample_BSQK], axis=3))
    gain_BS = _mean(means[0] - means[1], axis=2)
    return _mean(gain_BS, axis=1)


def _mean(array: np.ndarray, *, axis: int) -> np.ndarray:
    """Mean without the NaNs; NaN where there is nothing else (and no warning about it)."""
    there = ~np.isnan(array)
    count = there.sum(axis=axis)
    total = np.where(there, array, 0.0).sum(axis=axis)
    mean = np.full(count.shape, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def _check(treat_SQK: np.ndarray, control_SQK: np.ndarray, draws: int, level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ValueError(f"the level must lie between 0 and 1, got {level!r}")
    if treat_SQK.shape != control_SQK.shape or treat_SQK.ndim != 3:
        raise ValueError(
            f"arms must align on (seeds, questions, samples): got {treat_SQK.shape} "
            f"and {control_SQK.shape}"
        )
    if treat_SQK.shape[0] < 2:
        raise ValueError(f"need at least 2 seeds for an interval, got {treat_SQK.shape[0]}")
    if draws < LEAST_DRAWS:
        raise ValueError(f"need at least {LEAST_DRAWS} draws, got {draws}")
