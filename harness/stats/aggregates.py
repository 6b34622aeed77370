"""One number for an arm from its scores by seed and question, defined as rliable defines them.

Axis letters: ``S`` training seeds, ``Q`` questions (or tasks), ``T`` thresholds. Intervals for
these numbers: `harness.stats.resampling`.
"""

from __future__ import annotations

import numpy as np

from harness.stats.intervals import rounding

TRIM = 0.25
"""Share of the scores that the IQM leaves out at either end."""


def mean(score_SQ: np.ndarray) -> float:
    """Mean over questions of the mean over seeds.

    Args:
        score_SQ: scores in any unit, shape (seeds, questions), finite.

    Returns:
        The mean, in the unit of the scores.

    Raises:
        ValueError: not two axes, no score, or a score that is not finite.
    """
    return float(checked(score_SQ).mean(axis=0).mean())


def median(score_SQ: np.ndarray) -> float:
    """Median over questions of the mean over seeds.

    Args:
        score_SQ: scores in any unit, shape (seeds, questions), finite.

    Returns:
        The median, in the unit of the scores.

    Raises:
        ValueError: see `mean`.

    Source:
        Agarwal et al. 2021 (arXiv:2108.13264), section 2.
    """
    return float(np.median(checked(score_SQ).mean(axis=0)))


def iqm(score_SQ: np.ndarray) -> float:
    """Interquartile mean: the mean of the middle half of all scores, seeds and questions together.

    Of n scores the floor(n / 4) lowest and as many of the highest are left out, whole scores only
    (`scipy.stats.trim_mean` at 0.25). With scores that are 0 or 1 it says little: use the mean.

    Args:
        score_SQ: scores in any unit, shape (seeds, questions), finite.

    Returns:
        The interquartile mean, in the unit of the scores.

    Raises:
        ValueError: see `mean`.

    Source:
        Agarwal et al. 2021 (arXiv:2108.13264), section 4.3.
    """
    flat = checked(score_SQ).ravel()
    cut = trimmed(flat.size)
    if not cut:
        return float(flat.mean())
    return float(np.partition(flat, (cut, flat.size - cut - 1))[cut : flat.size - cut].mean())


def optimality_gap(score_SQ: np.ndarray, *, target: float = 1.0) -> float:
    """How far the scores fall short of a target on average; what is above it earns nothing.

    Args:
        score_SQ: scores in any unit, shape (seeds, questions), finite.
        target: score that counts as enough, finite, in the unit of the scores.

    Returns:
        The mean shortfall, 0 or more, in the unit of the scores; lower is better.

    Raises:
        ValueError: a target that is not finite, or see `mean`.

    Source:
        Agarwal et al. 2021 (arXiv:2108.13264), section 4.3.
    """
    if not np.isfinite(target):
        raise ValueError(f"the target must be a finite score, got {target!r}")
    return float(target - np.minimum(checked(score_SQ), target).mean())


def probability_of_improvement(treat_SQ: np.ndarray, control_SQ: np.ndarray) -> float:
    """Chance that a seed of treat beats a seed of control on a question; a tie counts one half.

    Args:
        treat_SQ: scores, shape (seeds of treat, questions), finite.
        control_SQ: scores, shape (seeds of control, questions); the same questions.

    Returns:
        Mean over questions of the chance, in [0, 1]; 0.5 is no difference.

    Raises:
        ValueError: other questions, or see `mean`.

    Source:
        Mann and Whitney 1947; Agarwal et al. 2021 (arXiv:2108.13264), section 4.3.
    """
    treat_SQ, control_SQ = checked(treat_SQ), checked(control_SQ)
    check_questions(treat_SQ, control_SQ)
    return float(wins(treat_SQ, control_SQ).mean(axis=(0, 1)).mean())


def profile(score_SQ: np.ndarray, threshold_T: np.ndarray) -> np.ndarray:
    """Share of all scores above each threshold: the performance profile.

    Args:
        score_SQ: scores in any unit, shape (seeds, questions), finite.
        threshold_T: thresholds in the unit of the scores, shape (thresholds,), finite.

    Returns:
        Shape (thresholds,), in [0, 1]; a score that equals the threshold is not above it.

    Raises:
        ValueError: thresholds that are not one axis of finite numbers, or see `mean`.

    Source:
        Agarwal et al. 2021 (arXiv:2108.13264), section 4.2 (their score distribution).
    """
    flat = np.sort(checked(score_SQ).ravel())
    below_T = np.searchsorted(flat, checked_thresholds(threshold_T), side="right")
    return np.asarray((flat.size - below_T) / flat.size)


def trimmed(count: int) -> int:
    """Count the scores, of so many, that the IQM leaves out at either end."""
    return int(TRIM * count)


def wins(treat_SQ: np.ndarray, control_SQ: np.ndarray) -> np.ndarray:
    """Compare every seed of treat with every seed of control.

    Args:
        treat_SQ: shape (seeds of treat, questions).
        control_SQ: shape (seeds of control, questions).

    Returns:
        1 where treat is higher, 0.5 at a tie, else 0: shape (seeds, seeds of control, questions).
        Scores that differ by rounding alone tie.
    """
    apart = treat_SQ[:, None, :] - control_SQ[None, :, :]
    size = max(np.abs(treat_SQ).max(initial=0.0), np.abs(control_SQ).max(initial=0.0))
    apart = np.where(np.abs(apart) <= rounding(size), 0.0, apart)
    return np.asarray(np.heaviside(apart, 0.5))


def checked(score_SQ: np.ndarray) -> np.ndarray:
    """Return scores as floats of shape (seeds, questions).

    Raises:
        ValueError: not two axes, no score, or a score that is not finite.
    """
    score_SQ = np.asarray(score_SQ, dtype=float)
    if score_SQ.ndim != 2 or not score_SQ.size:
        raise ValueError(f"expected scores of shape (seeds, questions), got {score_SQ.shape}")
    bad = int((~np.isfinite(score_SQ)).sum())
    if bad:
        raise ValueError(
            f"{bad} of {score_SQ.size} scores are not finite: leave out the seeds or questions"
            " that lack one, for a score that is missing is not a score of 0"
        )
    return score_SQ


def checked_thresholds(threshold_T: np.ndarray) -> np.ndarray:
    """Return thresholds as floats of shape (thresholds,).

    Raises:
        ValueError: not one axis, none, or one that is not finite.
    """
    threshold_T = np.asarray(threshold_T, dtype=float)
    if threshold_T.ndim != 1 or not threshold_T.size or not np.isfinite(threshold_T).all():
        raise ValueError(f"expected finite thresholds of shape (thresholds,), got {threshold_T!r}")
    return threshold_T


def check_questions(treat_SQ: np.ndarray, control_SQ: np.ndarray) -> None:
    """Refuse arms with different numbers of questions.

    Raises:
        ValueError: the second axes differ.
    """
    if treat_SQ.shape[1] != control_SQ.shape[1]:
        raise ValueError(
            f"arms must have the same questions: got {treat_SQ.shape[1]} of treat and"
            f" {control_SQ.shape[1]} of control"
        )
