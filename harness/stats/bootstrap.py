"""Bootstrap of a gain over scores by training seed, question and sample.

Axis letters: ``S`` training seeds, ``Q`` questions, ``K`` samples of a question, ``B`` draws.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import special

from harness.stats.intervals import Interval, are_equal, rounding

DRAWS = 2000
"""Default number of resamples: a 95 % bound then moves by about 1 % of the width with the draws."""

LEAST_DRAWS = 200
"""Fewer draws leave fewer than five beyond each 95 % bound and are refused."""

METHOD = "bootstrap of seeds, percentile, widened for few seeds"
"""What `paired_bootstrap` does by default, in words."""

Questions = Literal["fixed", "sampled"]


def paired_bootstrap(
    treat_SQK: np.ndarray,
    control_SQK: np.ndarray,
    *,
    rng: np.random.Generator,
    draws: int = DRAWS,
    level: float = 0.95,
    questions_are: Questions = "fixed",
) -> Interval:
    """Gain of treat over control, with an interval from resampled seeds.

    The gain of a seed already holds what its samples and its questions did to it, in both arms and
    with what the arms share. Drawing samples again would count that noise twice: seeds alone are
    drawn. Draws of few seeds spread too little by sqrt((n - 1) / n) and have no tails: their
    distance from the point is stretched by the ratio of the t to the normal quantile as well.

    If questions are "sampled", a draw of question effects is added. These are shrunk to the
    variance that is between questions alone, for the means over few seeds hold seed noise too.

    Args:
        treat_SQK: scores, shape (seeds, questions, samples); NaN is a sample that is not there. A
            number per seed (training reward) has shape (seeds, 1, 1).
        control_SQK: same shape, seeds and questions aligned with `treat_SQK`.
        rng: source of the resampling indices; the caller owns the seed.
        draws: number of resamples, at least 200.
        level: two-sided coverage, in (0, 1).
        questions_are: "fixed", the gain is on these questions; "sampled", on all of their kind.

    Returns:
        Gain in the unit of the scores; the bounds are NaN if all seeds have the same gain, since no
        noise can then be estimated.

    Raises:
        ValueError: shapes differ or have other than three axes, fewer than two seeds, too few
            draws, a level outside (0, 1), or a seed without any scored question.

    Source:
        Hesterberg 2015, The American Statistician 69:371, section 4.2, for the stretch of few
        values; what it covers is measured in docs/statistics.md.
    """
    _check(treat_SQK, control_SQK, draws, level)
    gain_SQ = _mean(treat_SQK, axis=2) - _mean(control_SQK, axis=2)
    gain_S = _mean(gain_SQ, axis=1)
    point = float(gain_S.mean())
    if not np.isfinite(point):
        raise ValueError("a seed has no question that was scored in both arms")
    size = max(np.nanmax(np.abs(treat_SQK)), np.nanmax(np.abs(control_SQK)))
    if are_equal(gain_S, float(size)):
        return Interval(point, np.nan, np.nan)
    away_B = _stretch(gain_S.size, level) * (_drawn_means(gain_S, rng, draws) - point)
    if questions_are == "sampled":
        away_B = away_B + _drawn_means(_question_effects(gain_SQ), rng, draws)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(away_B, [tail, 1.0 - tail])
    if high - low <= rounding(size):
        return Interval(point, np.nan, np.nan)
    return Interval(point, point + float(low), point + float(high))


def _drawn_means(value_N: np.ndarray, rng: np.random.Generator, draws: int) -> np.ndarray:
    """Return the means of resamples, shape (draws,)."""
    count_BN = rng.multinomial(value_N.size, np.full(value_N.size, 1.0 / value_N.size), size=draws)
    return np.asarray(count_BN @ value_N / value_N.size)


def _stretch(seeds: int, level: float) -> float:
    quantile = (1.0 + level) / 2.0
    ratio = special.stdtrit(seeds - 1, quantile) / special.ndtri(quantile)
    return float(ratio * np.sqrt(seeds / (seeds - 1.0)))


def _question_effects(gain_SQ: np.ndarray) -> np.ndarray:
    """Return effects of the questions about 0, with the variance that is theirs alone."""
    apart_SQ = gain_SQ - _mean(gain_SQ, axis=1)[:, None]
    effect_Q = _mean(apart_SQ, axis=0)
    effect_Q = effect_Q[~np.isnan(effect_Q)]
    if effect_Q.size < 2:
        raise ValueError("sampled questions need at least 2 that were scored in both arms")
    effect_Q = effect_Q - effect_Q.mean()
    seen = float((effect_Q**2).sum() / (effect_Q.size - 1))
    rest_SQ = apart_SQ - _mean(apart_SQ, axis=0)
    there = int((~np.isnan(rest_SQ)).sum())
    dof = max((gain_SQ.shape[0] - 1) * (effect_Q.size - 1), 1)
    # a question's mean over seeds holds this much that seeds alone have shown already
    noise = float(np.nansum(rest_SQ**2)) / dof / max(there / effect_Q.size, 1.0)
    own = max(seen - noise, 0.0)
    return np.asarray(effect_Q * np.sqrt(own / seen)) if seen > 0.0 else effect_Q


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
