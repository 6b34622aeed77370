"""One p value for a whole sequence of looks: what Holm's correction of a family needs.

Axis letters: ``S`` training seeds, in the order of the fixed list; ``L`` looks; ``A`` error rates.
"""

from __future__ import annotations

from bisect import bisect

import numpy as np
from scipy import special

from harness.stats.look_bounds import first_crossing_bounds
from harness.stats.looks import MOST_ALPHA, Design, look_moments, spent_at

_RATES = tuple(map(float, np.geomspace(1e-8, MOST_ALPHA, 20)))
"""Error rates between which the p value of a whole sequence is interpolated."""


def p_at_looks(
    value_S: np.ndarray,
    design: Design,
    *,
    above: float | None = None,
    below: float | None = None,
    size: float = 0.0,
) -> np.ndarray:
    """Return the one-sided p of a condition at each look that was reached, for `sequential_p`.

    At a look `p <= look.p` says the same as the interval at the look's level does.

    Args:
        value_S: differences by seed in the order of the fixed list, shape (seeds,), finite.
        design: the looks.
        above: p of "the mean is this number or less"; None does not ask.
        below: p of "the mean is this number or more". With both, the larger: equivalence.
        size: see `intervals.mean_interval`.

    Returns:
        Shape (looks reached,), in [0, 1]; NaN for equal values.

    Raises:
        ValueError: neither condition, not one axis, or a value that is not finite.
    """
    if value_S.ndim != 1 or not np.isfinite(value_S).all() or (above is None and below is None):
        raise ValueError(f"expected finite values of shape (seeds,) and a condition: {value_S!r}")
    found = []
    for look in design.looks:
        if look.seeds > value_S.size:
            break
        mean_R, error_R = look_moments(value_S[None, : look.seeds], size)
        sides = [(mean_R - above) / error_R] if above is not None else []
        sides += [(below - mean_R) / error_R] if below is not None else []
        found.append(special.stdtr(look.seeds - 1, -np.min(sides)))
    return np.array(found)


def sequential_p(p_L: np.ndarray, design: Design) -> float:
    """Return one p value for a whole sequence of looks, for Holm's correction.

    At each look: the error rate at which a design with the same looks would just have decided
    there. The smallest so far counts. A claim decides at `alpha` if and only if this p is at most
    alpha, and Holm over a family of such p values holds its rate over all looks.

    Args:
        p_L: one-sided p of Student's t at each look that was taken, in order, in [0, 1]; NaN is a
            look without a p. Shape (looks,), at most as many as the design has.
        design: the looks; its alpha is not used.

    Returns:
        In (0, 1]; NaN without any p. Rates above 0.5 are not told apart: they are 1.

    Raises:
        ValueError: more p values than looks, or one outside [0, 1].

    Source:
        Liu and Anderson 2008, Biostatistics 9:133; Maurer and Bretz 2013, Stat. Biopharm. Res.
        5:311, for families.
    """
    p_L = np.asarray(p_L, dtype=float)
    there_L = p_L[~np.isnan(p_L)]
    if p_L.ndim != 1 or p_L.size > len(design.seeds) or ((there_L < 0) | (there_L > 1)).any():
        raise ValueError(f"expected up to {len(design.seeds)} p values in [0, 1], got {p_L!r}")
    rates = [_rate(float(p), look, design.seeds) for look, p in enumerate(p_L) if not np.isnan(p)]
    return min(rates) if rates else float("nan")


def _rate(p: float, look: int, seeds: tuple[int, ...]) -> float:
    """Return the error rate at which a nominal p just decides at a look."""
    if look == 0:
        # nothing is spent before the first look: its nominal p is its share of the rate
        alpha = p / spent_at(seeds, 1.0)[0]
        return alpha if alpha <= MOST_ALPHA * (1.0 + 1e-12) else 1.0
    from scipy import interpolate  # a sixth of a second to import, and the first look needs none

    log_p, log_alpha_A = np.log(max(p, 1e-300)), np.log(_RATES)
    taken = slice(look + 1)

    def log_p_at(place: int) -> float:
        bounds = first_crossing_bounds(seeds[taken], spent_at(seeds, _RATES[place])[taken])
        return float(np.log(bounds[-1]))

    if log_p > log_p_at(len(_RATES) - 1) + 1e-12:
        return 1.0
    above = bisect(range(len(_RATES)), log_p, key=log_p_at)
    if above == 0:
        return float(p * np.exp(log_alpha_A[0] - log_p_at(0)))
    # a cubic between two places depends on one more on either side, and each costs a design
    near = range(max(above - 2, 0), min(above + 2, len(_RATES)))
    cubic = interpolate.PchipInterpolator([log_p_at(at) for at in near], log_alpha_A[near])
    return float(np.exp(cubic(log_p)))
