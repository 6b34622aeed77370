"""Simulation study: what bootstraps of seeds cover, by method and number of seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from calibration import DRAWS, LEVEL, Row, generator, share

from harness.stats.seed_bootstrap import bootstrap_bounds

COUNTS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 30)
NOISE: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape) - 1.0,
}
STUDY = "bootstrap by seeds"
SHARED = 500
"""Data sets that share their draws: the draws' own error must average out too."""

MORE = 4
"""Data sets per figure, in those of other studies: the figures stand in notes of the suite."""


def bootstraps(world: str, seeds: int, repeats: int) -> list[Row]:
    """Return how often nominal 95 % bootstrap intervals of a mean hold the true one."""
    rng = generator(STUDY, world, seeds)
    parts = []
    for start in range(0, repeats, SHARED):
        value_RS = NOISE[world](rng, (min(SHARED, repeats - start), seeds))
        parts.append(bootstrap_bounds(value_RS, rng, draws=DRAWS, level=LEVEL))
    found = {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}
    if seeds == 2:
        # every draw of two with a spread has the same t, which is 0
        del found["studentised"]
    return [
        Row(STUDY, world, f"{method} bootstrap", seeds, LEVEL, share(low, high, 0.0), repeats)
        for method, (low, high) in found.items()
    ]


def all_bootstraps(repeats: int) -> Iterator[Row]:
    """Yield the rows of both kinds of noise at each number of seeds."""
    for world in NOISE:
        for seeds in COUNTS:
            yield from bootstraps(world, seeds, MORE * repeats)
