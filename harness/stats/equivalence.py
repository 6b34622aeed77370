"""Equivalence: "the same" means inside a stated margin, never "no difference was found"."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from harness.stats.intervals import rounding


class Equivalence(NamedTuple):
    """Two one-sided tests; each p is in [0, 1], NaN where there is no spread to judge by.

    Attributes:
        p_above: of "the difference is at or below -margin"; small = it lies above.
        p_below: of "the difference is at or above +margin"; small = it lies below.
        p: of "the difference is not inside the margin": the larger of the two.
    """

    p_above: float
    p_below: float
    p: float


def tost(point: float, error: float, dof: float, margin: float) -> Equivalence:
    """Two one-sided t tests of an estimate with a standard error.

    It is the same as asking whether the interval at level 1 - 2 alpha lies inside the margin: at
    alpha = 0.05 the 90 % interval.

    Args:
        point: estimated difference, in the unit of `margin`.
        error: its standard error, >= 0.
        dof: degrees of freedom of the error, > 0.
        margin: half-width of the region that counts as the same, > 0.

    Returns:
        The p values; NaN if the point is not finite or the error is 0 but for rounding.

    Raises:
        ValueError: the margin is not a finite number above 0.

    Source:
        Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657.
    """
    check_margin(margin)
    is_noise = error > rounding(max(abs(point), margin))
    if not (np.isfinite(point) and is_noise and dof > 0.0):
        return Equivalence(np.nan, np.nan, np.nan)
    above = float(special.stdtr(dof, -(point + margin) / error))
    below = float(special.stdtr(dof, (point - margin) / error))
    return Equivalence(above, below, max(above, below))


def check_margin(margin: float) -> None:
    """Raise ValueError unless the margin is a finite number above 0."""
    if not (np.isfinite(margin) and margin > 0.0):
        raise ValueError(f"the margin must be a finite number above 0, got {margin!r}")
