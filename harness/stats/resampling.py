"""Resamples of a score matrix as counts, and aggregates of them: a thousand at a time.

A resample is told by how often each score was drawn; the order of all scores is the same in
every resample, so that they are sorted once and trimmed means are sums over cumulated counts.

Axis letters: ``S`` training seeds, ``Q`` questions, ``N`` all scores (seeds times questions),
``B`` bootstrap draws.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

import numpy as np

from harness.stats.aggregates import trimmed

Unit = Literal["seed", "cell"]
"""What is drawn: "seed", whole training runs; "cell", seeds anew within each question."""

_PACKED = 15
"""Up to this many seeds the counts of all of them fit one 64-bit word, 4 bits each."""

_TABLE = 1 << 17
"""Entries of a table of packed counts at most: it then fits the cache."""

_CHUNK = 1 << 19
"""Scores per chunk: long enough rows that their number costs little, small enough for the cache."""


_BLOCK = 1 << 8
"""Draws that are turned to floats at a time: so many of a side's scores fit the cache."""


def count_chunks(
    shape: tuple[int, int],
    *,
    draws: int,
    unit: Unit,
    rng: np.random.Generator | None,
    index_BSQ: np.ndarray | None,
) -> Iterator[np.ndarray]:
    """Yield how often each score was drawn, some resamples at a time.

    Args:
        shape: (seeds, questions).
        draws: number of resamples; of no account if `index_BSQ` is given.
        unit: what is drawn; of no account if `index_BSQ` is given.
        rng: source of the draws.
        index_BSQ: indices drawn beforehand, shape (draws, seeds, questions or 1), instead of `rng`.

    Yields:
        Shape (seeds, questions or 1, draws of the chunk), whole numbers that sum to `seeds`.

    Raises:
        ValueError: not exactly one of `rng` and `index_BSQ`, or indices of another shape or range.
    """
    if (rng is None) == (index_BSQ is None):
        raise ValueError("give either a generator or indices that were drawn, not both or none")
    if index_BSQ is not None:
        index_BSQ = _checked_index(index_BSQ, shape)
        draws = len(index_BSQ)
    chunk = max(_CHUNK // (shape[0] * shape[1]), 4)
    for start in range(0, draws, chunk):
        if index_BSQ is not None:
            part = index_BSQ[start : start + chunk]
            yield _counts(np.moveaxis(part, 0, -1), shape[0])
        elif rng is not None:
            questions = shape[1] if unit == "cell" else 1
            yield _drawn_counts(rng, shape[0], (questions, min(chunk, draws - start)))


class Iqm:
    """Interquartile means of resamples of one score matrix."""

    def __init__(self, score_SQ: np.ndarray) -> None:
        """Sort the scores once.

        Args:
            score_SQ: scores, shape (seeds, questions), finite.
        """
        flat = score_SQ.ravel()
        self.order_N = np.argsort(flat)
        value_N = flat[self.order_N]
        self.cut = trimmed(flat.size)
        self.middle = flat.size // 2
        self.centre = float(value_N[self.middle])
        self.gap_N = np.diff(value_N)

    def of(self, count_SQB: np.ndarray) -> np.ndarray:
        """Return the IQM of each resample.

        Args:
            count_SQB: from `count_chunks`, shape (seeds, questions or 1, draws).

        Returns:
            Shape (draws,), in the unit of the scores.
        """
        size = self.order_N.size
        count_NB = count_SQB.reshape(-1, count_SQB.shape[-1])
        if size == 1:
            return np.full(count_NB.shape[1], self.centre)
        row_N = self.order_N // (size // len(count_NB))
        # distances are taken from the middle, so that a far outlier is multiplied by an exact 0
        below_B = self._distance(count_NB, row_N[: self.middle], self.gap_N[: self.middle])
        above_B = self._distance(
            count_NB, row_N[: self.middle : -1], self.gap_N[: self.middle - 1 : -1]
        )
        return np.asarray(self.centre + (above_B - below_B) / (size - 2 * self.cut))

    def _distance(self, count_NB: np.ndarray, row_N: np.ndarray, gap_N: np.ndarray) -> np.ndarray:
        """Sum how far the scores that are not cut off lie to one side of the middle.

        Args:
            count_NB: how often each score was drawn, in one row for all or for each question.
            row_N: the row of each score of that side, from the outermost inwards.
            gap_N: from each of them to the next one inwards.

        Returns:
            Shape (draws,).
        """
        if not row_N.size:
            return np.zeros(count_NB.shape[1])
        size = self.order_N.size
        up_to_NB = _cumulate(count_NB, row_N, size, size - self.cut)
        # sums grow from row to row: before the first that exceeds the cut all scores are cut off
        first = bisect(range(len(row_N)), self.cut, key=lambda row: int(up_to_NB[row].max()))
        kept_NB = np.clip(up_to_NB[first:], self.cut, size - self.cut, out=up_to_NB[first:])
        kept_NB -= up_to_NB.dtype.type(self.cut)
        total_B = np.empty(kept_NB.shape[1])
        for start in range(0, total_B.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            total_B[part] = gap_N[first:] @ kept_NB[:, part].astype(float)
        return total_B


def question_means(score_SQ: np.ndarray, count_SQB: np.ndarray) -> np.ndarray:
    """Mean over seeds of each question in each resample.

    Args:
        score_SQ: scores, shape (seeds, questions).
        count_SQB: from `count_chunks`, shape (seeds, questions or 1, draws).

    Returns:
        Shape (questions, draws), in the unit of the scores.
    """
    seeds, questions = score_SQ.shape
    if count_SQB.shape[1] == 1:
        return np.asarray(score_SQ.T @ count_SQB[:, 0].astype(float) / seeds)
    mean_QB = np.empty((questions, count_SQB.shape[2]))
    # one at a time: the counts of a question as floats fit the cache
    for question, out_B in enumerate(mean_QB):
        np.dot(score_SQ[:, question], count_SQB[:, question].astype(float), out=out_B)
    mean_QB /= seeds
    return mean_QB


def column_medians(value_QB: np.ndarray) -> np.ndarray:
    """Median over the first axis.

    Args:
        value_QB: finite numbers, shape (questions, draws).

    Returns:
        Shape (draws,).
    """
    sorted_BQ = np.sort(np.ascontiguousarray(value_QB.T), axis=1)
    count = len(value_QB)
    return np.asarray((sorted_BQ[:, (count - 1) // 2] + sorted_BQ[:, count // 2]) / 2.0)


def _cumulate(count_NB: np.ndarray, row_N: np.ndarray, size: int, most: int) -> np.ndarray:
    """Return cumulated counts of the rows named by `row_N`, in the smallest type that holds them.

    A row at a time: numpy's own cumsum along the first axis walks down the columns.

    Args:
        count_NB: whole numbers.
        row_N: places of rows, in the order of summing.
        size: what a sum cannot exceed.
        most: what the type must hold at least; a sum beyond it may be told by a larger type.
    """
    if count_NB.dtype == np.uint8 and most < 2**8:
        total_NB = _running_sums(count_NB, row_N, np.dtype(np.uint8))
        # a sum of 256 or more has begun again at 0, from where it cannot have come far
        if size < 2**8 or (total_NB[-1] > size - 2**8).all():
            return total_NB
    return _running_sums(count_NB, row_N, np.dtype(np.int16 if size < 2**15 else np.int64))


def _running_sums(count_NB: np.ndarray, row_N: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    if count_NB.shape[1] < 64:
        return np.cumsum(count_NB[row_N], axis=0, dtype=dtype)
    total_NB: np.ndarray = np.empty((row_N.size, count_NB.shape[1]), dtype=dtype)
    total_NB[0] = count_NB[row_N[0]]
    rows = [count_NB[row] for row in row_N[1:].tolist()]
    # lists of rows: looking each of them up takes as long as adding it
    for before_B, row_B, total_B in zip(total_NB[:-1], rows, total_NB[1:], strict=True):
        np.add(before_B, row_B, out=total_B)
    return total_NB


def _drawn_counts(rng: np.random.Generator, seeds: int, size: tuple[int, int]) -> np.ndarray:
    """Draw as many seeds as there are, with replacement; return how often each was drawn.

    With few seeds several are drawn by one number, the place in a table that holds the counts of
    all combinations of so many draws, each as likely as the others.

    Args:
        rng: source of the draws.
        seeds: number of seeds, and of draws.
        size: (questions or 1, resamples).

    Returns:
        Shape (seeds, questions or 1, resamples), whole numbers that sum to `seeds`.
    """
    if seeds > _PACKED:
        return _counts(rng.integers(seeds, size=(seeds, *size), dtype=_small(seeds)), seeds)
    tables = [_packed_counts(seeds, length) for length in _lengths(seeds)]
    drawn = (t.take(rng.integers(t.size, size=size, dtype=np.uint32)) for t in tables)
    word_QB: np.ndarray = next(drawn)
    for more_QB in drawn:
        word_QB += more_QB
    count_SQB = np.empty((seeds, *size), dtype=np.uint8)
    byte_QB8 = word_QB.astype("<u8", copy=False).view(np.uint8).reshape(*size, 8)
    for seed in range(0, seeds, 2):
        # a byte holds the counts of two seeds
        both_QB = byte_QB8[..., seed // 2].copy()
        np.bitwise_and(both_QB, 15, out=count_SQB[seed])
        if seed + 1 < seeds:
            np.right_shift(both_QB, 4, out=count_SQB[seed + 1])
    return count_SQB


def _lengths(seeds: int) -> list[int]:
    """Numbers of draws that the tables stand for: as many as fit one, then the rest."""
    longest = seeds if seeds == 1 else max(1, int(math.log(_TABLE, seeds)))
    whole, rest = divmod(seeds, longest)
    return [longest] * whole + [rest] * bool(rest)


@cache
def _packed_counts(seeds: int, length: int) -> np.ndarray:
    """Return the counts of each combination of so many draws, packed: shape (seeds ** length,)."""
    one_S = np.uint64(1) << np.arange(seeds, dtype=np.uint64) * np.uint64(4)
    word = np.zeros(1, dtype=np.uint64)
    for _ in range(length):
        word = np.add.outer(word, one_S).ravel()
    return word


def _counts(index_SQB: np.ndarray, seeds: int) -> np.ndarray:
    """Count how often each seed was drawn, shape (seeds, questions or 1, draws)."""
    columns = index_SQB[0].size
    # one bincount for all resamples: a slot for each pair of drawn seed and column
    slot = index_SQB.reshape(seeds, -1) * np.int64(columns) + np.arange(columns)
    counted = np.bincount(slot.ravel(), minlength=seeds * columns)
    return counted.astype(_small(seeds)).reshape(index_SQB.shape)


def _small(seeds: int) -> type:
    """Smallest unsigned type that holds a count of so many seeds."""
    return np.uint8 if seeds < 2**8 else np.uint16 if seeds < 2**16 else np.uint32


def _checked_index(index_BSQ: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    index_BSQ = np.asarray(index_BSQ)
    if index_BSQ.ndim != 3 or index_BSQ.shape[1:] not in (shape, (shape[0], 1)):
        raise ValueError(
            f"expected indices of shape (draws, {shape[0]}, {shape[1]} or 1), got {index_BSQ.shape}"
        )
    if index_BSQ.dtype.kind not in "iu" or not index_BSQ.size:
        raise ValueError(f"expected whole numbers as indices, got {index_BSQ.dtype}")
    if index_BSQ.min() < 0 or index_BSQ.max() >= shape[0]:
        raise ValueError(f"an index lies outside 0 .. {shape[0] - 1}")
    return index_BSQ
