"""Scores of a question from several samples of it: pass@k, avg@k and maj@k.

Axis letters: ``Q`` questions. The seed is the replicate: make these numbers per seed, then give
one number per seed to `harness.stats.intervals`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from math import comb

import numpy as np

MOST_SAMPLES = 1000
"""Samples of a question that `maj_at_k` takes: beyond, the numbers of draws leave the floats."""


def pass_at_k(correct_Q: np.ndarray, total_Q: np.ndarray, k: int) -> np.ndarray:
    """Chance that at least one of k samples is right, unbiased, per question.

    1 - C(n - c, k) / C(n, k) for c right of n: k samples drawn from the n without putting back.

    Args:
        correct_Q: right samples, whole numbers, shape (questions,).
        total_Q: samples, whole numbers, shape (questions,), or one number for all.
        k: samples that a user would draw, at least 1.

    Returns:
        Shape (questions,), in [0, 1]; NaN for a question with fewer than k samples, which nothing
        unbiased can be said of.

    Raises:
        ValueError: not whole numbers, more right samples than samples, or k below 1.

    Source:
        Chen et al. 2021 (arXiv:2107.03374), equation 1.
    """
    correct_Q, total_Q = _counts(correct_Q, total_Q, k)
    failed_Q = np.ones(correct_Q.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        for drawn in range(k):
            failed_Q *= np.maximum(total_Q - correct_Q - drawn, 0) / (total_Q - drawn)
    return np.where(total_Q >= k, 1.0 - failed_Q, np.nan)


def avg_at_k(correct_Q: np.ndarray, total_Q: np.ndarray, k: int) -> np.ndarray:
    """Expected share of right ones among k samples, per question.

    The share among all samples, whatever k: more samples make it steadier, not higher. k says only
    which questions have enough of them.

    Args:
        correct_Q: right samples, whole numbers, shape (questions,).
        total_Q: samples, whole numbers, shape (questions,), or one number for all.
        k: samples that the name of the metric promises, at least 1.

    Returns:
        Shape (questions,), in [0, 1]; NaN for a question with fewer than k samples.

    Raises:
        ValueError: see `pass_at_k`.
    """
    correct_Q, total_Q = _counts(correct_Q, total_Q, k)
    share_Q = correct_Q / np.maximum(total_Q, 1)
    return np.where(total_Q >= k, share_Q, np.nan)


def maj_at_k(
    answers: Sequence[Sequence[Hashable | None]], is_right: Sequence[Sequence[bool]], k: int
) -> np.ndarray:
    """Chance that the most frequent answer of k samples is right, per question.

    Exact: the mean over all draws of k from the samples at hand without putting back. Of answers
    that tie for the lead one is taken at random, so that a right one among t leaders earns 1 / t.
    A sample without an answer (None) has no vote; if none of the k has one, the vote is wrong.

    Args:
        answers: for each question the final answer of each of its samples; answers that are equal
            vote together, so bring them into one form first.
        is_right: the same shape; whether the sample was graded right.
        k: samples that vote, at least 1.

    Returns:
        Shape (questions,), in [0, 1]; NaN for a question with fewer than k samples.

    Raises:
        ValueError: lengths differ, k below 1, more than `MOST_SAMPLES` samples, or an answer that
            is right in one sample and wrong in another.

    Source:
        Wang et al. 2022 (arXiv:2203.11171) for the vote; the expectation is counted here.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if len(answers) != len(is_right):
        raise ValueError(f"{len(answers)} questions have answers and {len(is_right)} have grades")
    pairs = zip(answers, is_right, strict=True)
    return np.array([_majority(given, grades, k) for given, grades in pairs], dtype=float)


def _majority(given: Sequence[Hashable | None], grades: Sequence[bool], k: int) -> float:
    if len(given) != len(grades):
        raise ValueError(f"a question has {len(given)} answers and {len(grades)} grades")
    if len(given) > MOST_SAMPLES:
        raise ValueError(f"a question has {len(given)} samples, at most {MOST_SAMPLES} are counted")
    if len(given) < k:
        return float("nan")
    right = {a for a, good in zip(given, grades, strict=True) if good and a is not None}
    wrong = {a for a, good in zip(given, grades, strict=True) if not good}
    if right & wrong:
        raise ValueError(f"the answers {sorted(map(repr, right & wrong))} are both right and wrong")
    votes = Counter(given)
    silent = votes.pop(None, 0)
    # equal numbers of votes lead equally often: right answers of one size are counted once
    sizes = Counter(votes[answer] for answer in right)
    total = comb(len(given), k)
    won = sum(times * _leads(size, votes, silent, k) for size, times in sizes.items())
    return float(won / total)


def _leads(size: int, votes: Counter[Hashable], silent: int, k: int) -> float:
    """Return in how many draws of k an answer with `size` votes leads; a tie counts its share."""
    others = sorted(votes.values())
    others.remove(size)
    won = 0.0
    for lead in range(1, min(size, k) + 1):
        rest = k - lead
        # ways[t, s]: draws of s samples of the others with t of them tied at `lead`, none above
        ways = np.zeros((rest // lead + 1, rest + 1))
        silences = [comb(silent, drawn) for drawn in range(min(silent, rest) + 1)]
        ways[0, : len(silences)] = silences
        for other in others:
            ways = _add_answer(ways, other, lead)
        shares = 1.0 / np.arange(1, len(ways) + 1)
        won += comb(size, lead) * float(shares @ ways[:, rest])
    return won


def _add_answer(ways: np.ndarray, other: int, lead: int) -> np.ndarray:
    """Return the ways with one more answer that has `other` votes and gets at most `lead`."""
    added = np.zeros_like(ways)
    for drawn in range(min(other, lead, ways.shape[1] - 1) + 1):
        shifted = ways[:, : ways.shape[1] - drawn] * comb(other, drawn)
        if drawn < lead:
            added[:, drawn:] += shifted
        else:
            added[1:, drawn:] += shifted[:-1]
    return added


def _counts(
    correct_Q: np.ndarray, total_Q: np.ndarray | int, k: int
) -> tuple[np.ndarray, np.ndarray]:
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    correct_Q, total_Q = np.asarray(correct_Q), np.asarray(total_Q)
    if correct_Q.ndim != 1 or total_Q.shape not in ((), correct_Q.shape):
        raise ValueError(
            f"expected counts of shape (questions,), got {correct_Q.shape} and {total_Q.shape}"
        )
    for count in (correct_Q, total_Q):
        if not np.all(np.isfinite(count) & (count == np.floor(count)) & (count >= 0)):
            raise ValueError("counts of samples must be whole numbers of 0 or more")
    if (correct_Q > total_Q).any():
        raise ValueError("a question has more right samples than samples")
    return correct_Q.astype(np.int64), np.broadcast_to(total_Q, correct_Q.shape).astype(np.int64)
