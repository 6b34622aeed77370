"""How often would a fresh study of the same size say the same word?

From the observed differences by seed: what truths they leave open is drawn first, then a study of
that truth, then the rule's word. Beside it, a check that assumes nothing: halves of the stored
seeds.

Axis letters: ``C`` compared quantities of one rule, ``S`` training seeds, ``B`` made-up studies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.stats.intervals import are_equal

Decide = Callable[[np.ndarray], np.ndarray]
"""The rule: quantities of many studies, shape (studies, quantities, seeds) -> a word for each,
shape (studies,). It sees seeds in their order, so that it may judge at looks."""

STUDIES = 4000
"""Made-up studies: a chance of one half then has a standard error of 0.008."""

MOST_HALVED = 12
"""Seeds of the last look, which can be halved in 462 ways."""

_LEAST_STUDIES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Replication:
    """What fresh studies would say.

    Attributes:
        word: what the rule says of the observed differences.
        chance: share of fresh studies that say the same, in [0, 1]; NaN if nothing can be drawn.
        error: standard error of the chance by the number of made-up studies alone.
        words: word -> share of fresh studies that say it.
        studies: made-up studies.
        note: "" or what a reader must know.
    """

    word: str
    chance: float
    error: float
    words: Mapping[str, float]
    studies: int
    note: str


def replication_chance(
    difference_CS: np.ndarray,
    decide: Decide,
    *,
    rng: np.random.Generator,
    studies: int = STUDIES,
) -> Replication:
    """Chance that a fresh study of as many seeds says the same word.

    Args:
        difference_CS: observed quantities by seed, shape (seeds,) or (quantities, seeds), finite;
            quantities of one seed belong together and are drawn together.
        decide: the rule.
        rng: source of the made-up studies; the caller owns the seed.
        studies: how many to make up, at least 100.

    Returns:
        The chance with its Monte-Carlo error, for studies that differ in their seeds alone, with
        normal noise of unknown mean and spread: fresh values are distributed as Student's t.

    Raises:
        ValueError: not one or two axes, values that are not finite, or too few studies.

    Source:
        Geisser 1993, Predictive Inference, section 2.1, for the model; Goodman 1992, Statistics in
        Medicine 11:875, for the question.
    """
    difference_CS = _checked(difference_CS)
    if studies < _LEAST_STUDIES:
        raise ValueError(f"need at least {_LEAST_STUDIES} studies, got {studies}")
    word = str(decide(difference_CS[None])[0])
    objection = _objection(difference_CS)
    if objection:
        nan = float("nan")
        return Replication(word=word, chance=nan, error=nan, words={}, studies=0, note=objection)
    words = shares_of(decide(_drawn_normal(difference_CS, rng, studies)))
    chance = words.get(word, 0.0)
    return Replication(
        word=word,
        chance=chance,
        error=float(np.sqrt(chance * (1.0 - chance) / studies)),
        words=words,
        studies=studies,
        note="",
    )


def _checked(difference_CS: np.ndarray) -> np.ndarray:
    difference_CS = np.atleast_2d(np.asarray(difference_CS, dtype=float))
    if difference_CS.ndim != 2 or not difference_CS.size or not np.isfinite(difference_CS).all():
        raise ValueError(f"expected finite values of shape (quantities, seeds): {difference_CS!r}")
    return difference_CS


def _objection(difference_CS: np.ndarray) -> str:
    if difference_CS.shape[1] < 2:
        return "one seed: nothing is known of the noise between seeds"
    if any(are_equal(value_S) for value_S in difference_CS):
        return "all seeds agree in a quantity: the noise between seeds cannot be estimated"
    return ""


def _drawn_normal(difference_CS: np.ndarray, rng: np.random.Generator, studies: int) -> np.ndarray:
    """Return fresh values, shape (studies, quantities, seeds), normal with an unknown covariance.

    The degrees of freedom are those at which each quantity by itself is distributed as Student's t,
    whatever the number of quantities.
    """
    seeds = difference_CS.shape[1]
    mean_C = difference_CS.mean(axis=1)
    axes, spread_R, _ = np.linalg.svd(difference_CS - mean_C[:, None], full_matrices=False)
    # quantities may depend on each other (a - b, a - c, b - c): draw along the axes that vary
    is_used_R = spread_R > 1e-9 * spread_R[0]
    root_CR = axes[:, is_used_R] * spread_R[is_used_R]
    rank = root_CR.shape[1]
    chaos_BNR = rng.normal(size=(studies, seeds + rank - 2, rank))
    lower_BRR = np.linalg.cholesky(np.swapaxes(chaos_BNR, 1, 2) @ chaos_BNR)
    fresh_BRS = rng.normal(size=(studies, rank, seeds))
    fresh_BRS += rng.normal(size=(studies, rank, 1)) / np.sqrt(seeds)
    away_BRS = np.linalg.solve(np.swapaxes(lower_BRR, 1, 2), fresh_BRS)
    return np.asarray(mean_C[:, None] + root_CR @ away_BRS)


def shares_of(word_B: np.ndarray) -> dict[str, float]:
    """Return word -> share, the most frequent first."""
    words, counts = np.unique(np.asarray(word_B, dtype=str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(words[i]): float(counts[i] / len(word_B)) for i in order}


def split_agreement(difference_CS: np.ndarray, decide: Decide) -> float:
    """Share of all ways to halve the seeds in which both halves say what all seeds say, in [0, 1].

    A half decides less often than the whole, and halves of one study share its seeds: a low share
    says that the word hangs on the number of seeds, not that it is wrong. Of an odd number of seeds
    each split leaves one out.

    Args:
        difference_CS: observed quantities by seed, shape (quantities, seeds), finite.
        decide: the rule; it must be able to judge half of the seeds.

    Raises:
        ValueError: fewer than two seeds, more than `MOST_HALVED`, or values that are not finite.
    """
    difference_CS = _checked(difference_CS)
    seeds = difference_CS.shape[1]
    if not 2 <= seeds <= MOST_HALVED:
        raise ValueError(f"can halve 2 to {MOST_HALVED} seeds, got {seeds}")
    splits = list(_halves(seeds))
    word = decide(difference_CS[None])[0]
    agree = [
        decide(np.moveaxis(difference_CS[:, half_PS], 1, 0)) == word
        for half_PS in (np.array([split[side] for split in splits]) for side in (0, 1))
    ]
    return float((agree[0] & agree[1]).mean())


def _halves(seeds: int) -> Iterator[tuple[list[int], list[int]]]:
    for kept in combinations(range(seeds), seeds - seeds % 2):
        # the first of the kept seeds in the first half: no split comes twice
        for others in combinations(kept[1:], len(kept) // 2 - 1):
            first = [kept[0], *others]
            yield first, [seed for seed in kept if seed not in first]
