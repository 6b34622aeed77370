"""Simulation study of intervals from scores by seed, question and sample, of arms that share noise.

Axis letters: ``S`` training seeds, ``Q`` questions, ``K`` samples, ``B`` draws.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from calibration import DRAWS, LEVEL, Row, generator

from harness.stats.bootstrap import paired_bootstrap
from harness.stats.intervals import mean_interval

COUNTS = (3, 5, 8, 12)
QUESTIONS, SAMPLES = 32, 4
REQUESTS = 0.9
"""Correlation of the latent scores of two arms' samples with one sampling seed: that of the right
and wrong answers is then some 0.65, as in the stored study."""

TRAINING = {"no training noise": 0.0, "some training noise": 0.15, "much training noise": 0.5}
"""Standard deviation of what a seed does to one arm, on the latent scale; sampling has 1."""

OLD_DRAWS = 400
OLD = "seeds, questions and samples drawn"


def hierarchy(world: str, seeds: int, repeats: int) -> list[Row]:
    """Return coverage of a true difference of 0, and the median width in that of the t interval."""
    rng = generator("hierarchy", world, seeds)
    found: dict[str, list[tuple[float, float]]] = {"paired t": [], "seeds drawn": [], OLD: []}
    for _ in range(repeats):
        treat_SQK, control_SQK = _arms(rng, seeds, TRAINING[world])
        gain_S = (treat_SQK - control_SQK).mean(axis=(1, 2))
        found["paired t"].append(mean_interval(gain_S, level=LEVEL)[1:])
        new = paired_bootstrap(treat_SQK, control_SQK, rng=rng, draws=DRAWS, level=LEVEL)
        found["seeds drawn"].append(new[1:])
        found[OLD].append(_old(treat_SQK, control_SQK, rng))
    bounds = {name: np.array(ends) for name, ends in found.items()}
    usual = np.nanmedian(np.diff(bounds["paired t"]))
    rows = []
    for name, ends_RE in bounds.items():
        ends_RE = ends_RE[np.isfinite(ends_RE).all(axis=1)]
        covered = float(((ends_RE[:, 0] <= 0.0) & (ends_RE[:, 1] >= 0.0)).mean())
        width = float(np.median(np.diff(ends_RE)) / usual)
        rows.append(Row("hierarchy, coverage", world, name, seeds, LEVEL, covered, repeats))
        rows.append(Row("hierarchy, width", world, name, seeds, LEVEL, width, repeats))
    return rows


def all_hierarchies(repeats: int) -> Iterator[Row]:
    """Yield the figures of each amount of training noise and number of seeds."""
    for world in TRAINING:
        for seeds in COUNTS:
            yield from hierarchy(world, seeds, repeats)


def _arms(rng: np.random.Generator, seeds: int, training: float) -> list[np.ndarray]:
    """Return right and wrong answers of two equal arms whose requests share their seeds."""
    shape = (seeds, QUESTIONS, SAMPLES)
    together = np.sqrt(REQUESTS) * rng.normal(size=shape) + rng.normal(0.8, 1.0, (1, QUESTIONS, 1))
    arms = []
    for _ in range(2):
        own = training * rng.normal(size=(seeds, 1, 1))
        own = own + 0.3 * rng.normal(size=(seeds, QUESTIONS, 1))
        noise = np.sqrt(1.0 - REQUESTS) * rng.normal(size=shape)
        arms.append((together + own + noise > 0.0).astype(float))
    return arms


def _old(
    treat_SQK: np.ndarray, control_SQK: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the percentile interval that draws seeds, then questions, then samples of each arm.

    Samples of a cell drawn with repeats are right as often as a binomial number with its share.
    """
    seeds, questions, samples = treat_SQK.shape
    seed_BS = rng.integers(seeds, size=(OLD_DRAWS, seeds))[:, :, None]
    question_BQ = rng.integers(questions, size=(OLD_DRAWS, questions))[:, None, :]
    means = [
        rng.binomial(samples, score_SQK.mean(axis=2)[seed_BS, question_BQ]).mean(axis=(1, 2))
        for score_SQK in (treat_SQK, control_SQK)
    ]
    tails = [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0]
    low, high = np.quantile((means[0] - means[1]) / samples, tails)
    return float(low), float(high)
