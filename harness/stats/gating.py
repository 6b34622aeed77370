"""The operating curve of a gate: how often it passes, cannot tell, or says worse, by true loss.

The gate is the one of `harness.compare.gate`: with the two-sided t interval of a difference it
passes if that excludes a loss as large as the margin, else says worse if it excludes 0. Axis
letters: ``L`` true losses, ``K`` spreads that may be seen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from harness.stats.equivalence import check_margin

_SPREADS = 2000
"""Spreads between seeds, equally likely, over which chances are averaged: to four digits."""


class GateChances(NamedTuple):
    """Chance of each answer at each true loss, in [0, 1], shape (losses,); the three sum to 1."""

    passes_L: np.ndarray
    untold_L: np.ndarray
    worse_L: np.ndarray


def gate_chances(
    loss_L: np.ndarray,
    *,
    error: float,
    dof: float,
    margin: float,
    level: float = 0.95,
    is_two_sided: bool = False,
) -> GateChances:
    """Chance of each answer of a gate, for normal noise.

    The mean difference and the spread that is seen are independent, so the chance is exact for
    each spread, and averaged over what spreads are seen.

    Args:
        loss_L: true losses, in the unit of the margin, shape (losses,); below 0 is a gain.
        error: true standard error of the difference, > 0.
        dof: degrees of freedom of its estimate, > 0.
        margin: of the gate, > 0.
        level: two-sided coverage of the interval, in (0, 1).
        is_two_sided: neither direction is good: it passes inside the margin, and is worse outside.

    Raises:
        ValueError: a number is outside its range.
    """
    check_margin(margin)
    if not (np.isfinite(error) and error > 0.0 and dof > 0.0 and 0.0 < level < 1.0):
        raise ValueError(
            f"expected an error and a dof above 0 and a level in (0, 1), got {(error, dof, level)}"
        )
    share_K = (np.arange(_SPREADS) + 0.5) / _SPREADS
    spread_K = np.sqrt(special.chdtri(dof, share_K) / dof)
    half_K = special.stdtrit(dof, (1.0 + level) / 2.0) * spread_K * error
    shift_L1 = -np.asarray(loss_L, dtype=float)[:, None]

    def below(bound_K: np.ndarray) -> np.ndarray:
        """Chance that the mean difference lies below a bound, for each loss and spread."""
        return np.asarray(special.ndtr((bound_K - shift_L1) / error))

    if is_two_sided:
        room_K = np.maximum(margin - half_K, 0.0)
        passes_LK = below(room_K) - below(-room_K)
        worse_LK = below(-margin - half_K) + 1.0 - below(margin + half_K)
    else:
        passes_LK = 1.0 - below(half_K - margin)
        # what excludes both 0 and a loss as large as the margin passes
        worse_LK = below(np.minimum(-half_K, half_K - margin))
    passes_L, worse_L = passes_LK.mean(axis=1), worse_LK.mean(axis=1)
    return GateChances(passes_L, np.maximum(1.0 - passes_L - worse_L, 0.0), worse_L)


def spread_interval(spread: float, dof: float, *, level: float = 0.95) -> tuple[float, float]:
    """Interval of a standard deviation that was estimated from normal values.

    Args:
        spread: the estimate, > 0.
        dof: its degrees of freedom, > 0.
        level: two-sided coverage, in (0, 1).

    Source:
        The chi-squared distribution of the sum of squares; any statistics text.
    """
    tails = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    low, high = (spread * (dof / special.chdtri(dof, tail)) ** 0.5 for tail in tails)
    return float(low), float(high)
