"""How often would a fresh study of the same size say the same word?

From the observed differences by seed: what truths they leave open is drawn first, then a study of
that truth, then the rule's word. Beside it, a check on stored seeds: split them into halves and
count how often both say the same.

Axis letters: ``C`` compared quantities of one rule, ``S`` training seeds, ``B`` made-up studies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Literal, get_args

import numpy as np

from harness.stats.intervals import are_equal

Model = Literal["normal", "resampled"]

Decide = Callable[[np.ndarray], np.ndarray]
"""The rule: quantities of many studies, shape (studies, quantities, seeds) -> a word for each,
shape (studies,). It sees seeds in their order, so that it may judge at looks."""

STUDIES = 4000
"""Made-up studies: a chance of one half then has a standard error of 0.008."""

MOST_SPLITS = 2000
"""Every way to halve the seeds is tried up to this many (12 seeds have 462); else so many random
ones."""

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
        model: "normal" or "resampled".
        note: "" or what a reader must know.
    """

    word: str
    chance: float
    error: float
    words: Mapping[str, float]
    studies: int
    model: Model
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCheck:
    """How often two halves of the stored seeds say the same word.

    Attributes:
        agreement: share of the splits in which both halves say the same, in [0, 1].
        same_as_all: share of the halves that say what all seeds say.
        words: word -> share of the halves that say it.
        splits: how many were tried; they share seeds, so this is no sample size.
        seeds: seeds in each half.
        is_every: every way to halve the seeds was tried.
    """

    agreement: float
    same_as_all: float
    words: Mapping[str, float]
    splits: int
    seeds: int
    is_every: bool


def replication_chance(
    difference_CS: np.ndarray,
    decide: Decide,
    *,
    rng: np.random.Generator,
    studies: int = STUDIES,
    model: Model = "normal",
) -> Replication:
    """Return how often a fresh study of as many seeds would say the same word.

    Args:
        difference_CS: observed quantities by seed, shape (seeds,) or (quantities, seeds), finite;
            quantities of one seed belong together and are drawn together.
        decide: the rule.
        rng: source of the made-up studies; the caller owns the seed.
        studies: how many to make up, at least 100.
        model: "normal", mean and spread unknown (the fresh values are then distributed as t); or
            "resampled": no shape is assumed, the seeds get random weights and are drawn by them,
            which knows no value beyond the observed ones and is too sure with fewer than 8.

    Returns:
        The chance with its Monte-Carlo error, for studies that differ in their seeds alone.

    Raises:
        ValueError: not one or two axes, values that are not finite, too few studies, or an unknown
            model.

    Source:
        Geisser 1993, Predictive Inference, section 2.1, for the normal model; Rubin 1981, Ann.
        Statist. 9:130, for random weights; Goodman 1992, Statistics in Medicine 11:875, for the
        question.
    """
    difference_CS = _checked(difference_CS)
    if studies < _LEAST_STUDIES or model not in get_args(Model):
        raise ValueError(
            f"need at least {_LEAST_STUDIES} studies and one of the models {get_args(Model)}, got"
            f" {studies} and {model!r}"
        )
    word = str(decide(difference_CS[None])[0])
    objection = _objection(difference_CS)
    if objection:
        nan = float("nan")
        return Replication(
            word=word, chance=nan, error=nan, words={}, studies=0, model=model, note=objection
        )
    draw = _drawn_normal if model == "normal" else _drawn_again
    words = shares_of(decide(draw(difference_CS, rng, studies)))
    chance = words.get(word, 0.0)
    few = model == "resampled" and difference_CS.shape[1] < 8
    return Replication(
        word=word,
        chance=chance,
        error=float(np.sqrt(chance * (1.0 - chance) / studies)),
        words=words,
        studies=studies,
        model=model,
        note="fewer than 8 seeds: resampled studies vary too little" if few else "",
    )


def split_check(
    difference_CS: np.ndarray, decide: Decide, *, rng: np.random.Generator | None = None
) -> SplitCheck:
    """Split the stored seeds into halves again and again and count how often both agree.

    Half a study decides less often than a whole one: agreement on "inconclusive" is agreement too,
    see `words`. Of an odd number of seeds each split leaves one out.

    Args:
        difference_CS: quantities by seed, shape (seeds,) or (quantities, seeds), finite.
        decide: the rule; it must be able to judge half of the seeds.
        rng: source of random splits, needed for more than 12 seeds; the caller owns the
            seed.

    Raises:
        ValueError: fewer than 4 seeds, values that are not finite, or no `rng` where one is needed.
    """
    difference_CS = _checked(difference_CS)
    seeds = difference_CS.shape[1]
    if seeds < 4:
        raise ValueError(f"halves need at least 4 seeds, got {seeds}")
    half = seeds // 2
    # with seed 0 of the kept ones in the first half, no split is counted twice
    is_every = comb(2 * half - 1, half) * (1 if seeds % 2 == 0 else seeds) <= MOST_SPLITS
    pairs = _every_split(seeds) if is_every else _random_splits(seeds, rng)
    said = [decide(np.moveaxis(difference_CS[:, index_PS], 1, 0)) for index_PS in pairs]
    both = np.concatenate(said)
    return SplitCheck(
        agreement=float((said[0] == said[1]).mean()),
        same_as_all=float((both == decide(difference_CS[None])[0]).mean()),
        words=shares_of(both),
        splits=len(pairs[0]),
        seeds=half,
        is_every=is_every,
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


def _drawn_again(difference_CS: np.ndarray, rng: np.random.Generator, studies: int) -> np.ndarray:
    """Return observed seeds drawn by random weights, shape (studies, quantities, seeds)."""
    seeds = difference_CS.shape[1]
    weight_BS = rng.exponential(size=(studies, seeds))
    upto_BS = weight_BS.cumsum(axis=1) / weight_BS.sum(axis=1, keepdims=True)
    at_BS = rng.random((studies, seeds))
    index_BS = (at_BS[:, :, None] > upto_BS[:, None, :]).sum(axis=2)
    drawn_CBS = difference_CS[:, np.minimum(index_BS, seeds - 1)]
    return np.asarray(np.moveaxis(drawn_CBS, 1, 0))


def _every_split(seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return both halves of every split, shape (splits, half) each, seeds in their order."""
    halves: tuple[list[list[int]], list[list[int]]] = ([], [])
    for left_out in range(seeds) if seeds % 2 else [seeds]:
        kept = [seed for seed in range(seeds) if seed != left_out]
        for others in combinations(kept[1:], len(kept) // 2 - 1):
            first = [kept[0], *others]
            halves[0].append(first)
            halves[1].append([seed for seed in kept if seed not in first])
    return np.array(halves[0]), np.array(halves[1])


def _random_splits(seeds: int, rng: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray]:
    if rng is None:
        raise ValueError(f"{seeds} seeds are halved at random: pass rng")
    half = seeds // 2
    order_PS = rng.permuted(np.tile(np.arange(seeds), (MOST_SPLITS, 1)), axis=1)
    return np.sort(order_PS[:, :half]), np.sort(order_PS[:, half : 2 * half])


def shares_of(word_B: np.ndarray) -> dict[str, float]:
    """Return word -> share, the most frequent first."""
    words, counts = np.unique(np.asarray(word_B, dtype=str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(words[i]): float(counts[i] / len(word_B)) for i in order}
