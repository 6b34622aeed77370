"""Effects in a full design of factors with two levels: each factor alone, and each pair.

Axis letters: ``S`` training seeds, ``A`` arms, ``F`` factors.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from harness.stats.intervals import Interval, mean_interval


def is_full(level_AF: np.ndarray) -> bool:
    """Whether every combination of levels is one arm, of at least two factors.

    Args:
        level_AF: 0 or 1, the level of each factor in each arm, shape (arms, factors).
    """
    arms, factors = level_AF.shape
    return bool(factors > 1 and arms == 2**factors == len(np.unique(level_AF, axis=0)))


def factorial_effects(
    value_SA: np.ndarray, level_AF: np.ndarray, *, level: float = 0.95
) -> dict[tuple[int, ...], Interval]:
    """Return the main effects and the two-way interactions, with t intervals over seeds.

    The effect of a factor is the mean of the arms with level 1 minus the mean of those with level
    0. The interaction of two factors is the effect of one where the other has level 1, minus the
    effect where it has level 0. Each is one number per seed, so that what a seed does to all arms
    cancels; every effect uses every run.

    Args:
        value_SA: shape (seeds, arms), finite.
        level_AF: 0 or 1, shape (arms, factors); a full design, see `is_full`.
        level: two-sided coverage of each interval, in (0, 1); not corrected for their number.

    Returns:
        (factor,) or (factor, other) -> its effect, in the order of the factors, main effects first.

    Raises:
        ValueError: the design is not full, or the shapes differ.

    Source:
        Yates 1937, The design and analysis of factorial experiments.
    """
    arms, factors = level_AF.shape
    if not is_full(level_AF) or value_SA.shape[1:] != (arms,):
        raise ValueError(
            f"found values of shape {value_SA.shape} for {arms} arms of {factors} factors: expected"
            " one column per arm, and every combination of two levels once"
        )
    sign_AF = 2.0 * level_AF - 1.0
    chosen = [(f,) for f in range(factors)] + list(combinations(range(factors), 2))
    effects: dict[tuple[int, ...], Interval] = {}
    for factor in chosen:
        # half of the arms are on each side of a factor, a quarter in each cell of a pair
        weight_A = sign_AF[:, factor].prod(axis=1) * 2.0 ** len(factor) / arms
        size = float(np.abs(value_SA).max(initial=0.0))
        effects[tuple(factor)] = mean_interval(value_SA @ weight_A, level=level, size=size)
    return effects
