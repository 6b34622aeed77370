"""Bootstrap intervals for aggregates of scores by seed and question, many draws at a time.

``unit="seed"`` draws whole training runs, which is right where one run answers all questions: what
a seed does to one question it does to the others. ``unit="cell"`` draws seeds anew within each
question, as rliable does for tasks that were trained separately; on the questions of one run
it is too narrow. With fewer than five seeds either is, and the note says so.

Axis letters: ``S`` training seeds, ``Q`` questions, ``T`` thresholds, ``B`` bootstrap draws.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from harness.stats import aggregates
from harness.stats.percentile import Aggregate, Plan, Pointwise, pointwise, summary
from harness.stats.resampling import Iqm, column_medians, count_chunks, question_means

NAMES = ("mean", "median", "iqm", "optimality_gap")
"""Aggregates that are made from the same draws."""


def aggregate_draws(
    score_SQ: np.ndarray,
    *,
    names: tuple[str, ...] = NAMES,
    rng: np.random.Generator | None = None,
    index_BSQ: np.ndarray | None = None,
    plan: Plan | None = None,
    target: float = 1.0,
) -> dict[str, np.ndarray]:
    """Aggregates of every resample.

    Args:
        score_SQ: scores in any unit, shape (seeds, questions), finite.
        names: some of `NAMES`.
        rng: source of the draws; the caller owns the seed.
        index_BSQ: indices drawn beforehand instead of `rng`, shape (draws, seeds, questions or 1).
        plan: how resamples are made.
        target: see `aggregates.optimality_gap`.

    Returns:
        Name -> shape (draws,), in the unit of the scores.

    Raises:
        ValueError: an unknown name, or see `aggregates.mean` and `resampling.count_chunks`.
    """
    score_SQ, plan = aggregates.checked(score_SQ), plan or Plan()
    unknown = sorted(set(names) - set(NAMES))
    if unknown or not names:
        raise ValueError(f"unknown aggregates {unknown}: expected some of {list(NAMES)}")
    middle = Iqm(score_SQ) if "iqm" in names else None
    capped_SQ = np.minimum(score_SQ, target)
    # where no score lies above the target the gap is what the mean lacks
    is_capped = bool((score_SQ > target).any())
    source: dict[str, Any] = {"rng": rng, "index_BSQ": index_BSQ}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for count_SQB in count_chunks(score_SQ.shape, draws=plan.draws, unit=plan.unit, **source):
        if {"mean", "median"} & set(names) or ("optimality_gap" in names and not is_capped):
            mean_QB = question_means(score_SQ, count_SQB)
            if "mean" in names:
                parts["mean"].append(mean_QB.mean(axis=0))
            if "median" in names:
                parts["median"].append(column_medians(mean_QB))
        if middle is not None:
            parts["iqm"].append(middle.of(count_SQB))
        if "optimality_gap" in names:
            earned_B = _weighted(capped_SQ, count_SQB) if is_capped else mean_QB.mean(axis=0)
            parts["optimality_gap"].append(target - earned_B)
    return {name: np.concatenate(part) for name, part in parts.items()}


def aggregate_intervals(
    score_SQ: np.ndarray,
    *,
    names: tuple[str, ...] = NAMES,
    rng: np.random.Generator | None = None,
    index_BSQ: np.ndarray | None = None,
    plan: Plan | None = None,
    target: float = 1.0,
) -> dict[str, Aggregate]:
    """Aggregates with percentile bootstrap intervals, all from the same draws.

    Args:
        score_SQ: scores in any unit, shape (seeds, questions), finite.
        names: some of `NAMES`.
        rng: source of the draws; the caller owns the seed.
        index_BSQ: indices drawn beforehand instead of `rng`, shape (draws, seeds, questions or 1).
        plan: how resamples are made.
        target: see `aggregates.optimality_gap`.

    Returns:
        Name -> aggregate. With one seed, or if all resamples agree, bounds are NaN and the note
        says why.

    Raises:
        ValueError: see `aggregate_draws`.

    Source:
        Agarwal et al. 2021 (arXiv:2108.13264), section 4.1.
    """
    plan = plan or Plan()
    drawn = aggregate_draws(
        score_SQ, names=names, rng=rng, index_BSQ=index_BSQ, plan=plan, target=target
    )
    score_SQ = aggregates.checked(score_SQ)
    point: dict[str, Callable[[np.ndarray], float]] = {
        "mean": aggregates.mean,
        "median": aggregates.median,
        "iqm": aggregates.iqm,
        "optimality_gap": partial(aggregates.optimality_gap, target=target),
    }
    return {
        name: summary(point[name](score_SQ), drawn[name], len(score_SQ), plan) for name in names
    }


def improvement_interval(
    treat_SQ: np.ndarray,
    control_SQ: np.ndarray,
    *,
    rng: np.random.Generator | None = None,
    indices: tuple[np.ndarray, np.ndarray] | None = None,
    plan: Plan | None = None,
) -> Aggregate:
    """Probability of improvement, the arms resampled independently of each other.

    Args:
        treat_SQ: scores, shape (seeds of treat, questions), finite.
        control_SQ: scores, shape (seeds of control, questions); the same questions.
        rng: source of the draws; the caller owns the seed.
        indices: indices drawn beforehand for (treat, control) instead of `rng`, each of shape
            (draws, seeds of the arm, questions or 1).
        plan: how resamples are made.

    Returns:
        The probability with its interval, in [0, 1].

    Raises:
        ValueError: see `aggregates.probability_of_improvement` and `resampling.count_chunks`.
    """
    plan = plan or Plan()
    treat_SQ, control_SQ = aggregates.checked(treat_SQ), aggregates.checked(control_SQ)
    point = aggregates.probability_of_improvement(treat_SQ, control_SQ)
    win_SRQ = aggregates.wins(treat_SQ, control_SQ)
    counts = [
        np.concatenate(
            list(
                count_chunks(
                    score_SQ.shape,
                    draws=plan.draws,
                    unit=plan.unit,
                    rng=rng,
                    index_BSQ=None if indices is None else indices[arm],
                )
            ),
            axis=-1,
        )
        for arm, score_SQ in enumerate((treat_SQ, control_SQ))
    ]
    if counts[0].shape[-1] != counts[1].shape[-1]:
        raise ValueError("the indices of treat and control must be as many draws")
    total_B = np.zeros(counts[0].shape[-1])
    for question in range(treat_SQ.shape[1]):
        treat_SB, control_RB = (c[:, min(question, c.shape[1] - 1)].astype(float) for c in counts)
        total_B += (treat_SB * (win_SRQ[:, :, question] @ control_RB)).sum(axis=0)
    size = len(treat_SQ) * len(control_SQ) * treat_SQ.shape[1]
    return summary(point, total_B / size, min(len(treat_SQ), len(control_SQ)), plan)


def profile_intervals(
    score_SQ: np.ndarray,
    threshold_T: np.ndarray,
    *,
    rng: np.random.Generator | None = None,
    index_BSQ: np.ndarray | None = None,
    plan: Plan | None = None,
) -> Pointwise:
    """Performance profile with an interval at each threshold.

    Args:
        score_SQ: scores in any unit, shape (seeds, questions), finite.
        threshold_T: thresholds in the unit of the scores, shape (thresholds,).
        rng: source of the draws; the caller owns the seed.
        index_BSQ: indices drawn beforehand instead of `rng`, shape (draws, seeds, questions or 1).
        plan: how resamples are made.

    Returns:
        Shares of the scores above each threshold, with their bounds, in [0, 1].

    Raises:
        ValueError: see `aggregates.profile` and `resampling.count_chunks`.
    """
    plan, score_SQ = plan or Plan(), aggregates.checked(score_SQ)
    point_T = aggregates.profile(score_SQ, threshold_T)
    above_SQT = (score_SQ[:, :, None] > np.asarray(threshold_T, dtype=float)).astype(float)
    parts = []
    source: dict[str, Any] = {"rng": rng, "index_BSQ": index_BSQ}
    for count_SQB in count_chunks(score_SQ.shape, draws=plan.draws, unit=plan.unit, **source):
        weight_SQT = above_SQT if count_SQB.shape[1] > 1 else above_SQT.sum(axis=1, keepdims=True)
        flat_NB = count_SQB.reshape(-1, count_SQB.shape[-1]).astype(float)
        parts.append(weight_SQT.reshape(len(flat_NB), -1).T @ flat_NB / score_SQ.size)
    return pointwise(point_T, np.concatenate(parts, axis=1), len(score_SQ), plan)


def _weighted(value_SQ: np.ndarray, count_SQB: np.ndarray) -> np.ndarray:
    """Return the mean of each resample, shape (draws,)."""
    weight_SQ = value_SQ if count_SQB.shape[1] > 1 else value_SQ.sum(axis=1, keepdims=True)
    count_NB = count_SQB.reshape(-1, count_SQB.shape[-1])
    return np.asarray(weight_SQ.ravel() @ count_NB.astype(float) / value_SQ.size)
