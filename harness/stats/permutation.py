"""Paired permutation test: no shape of the noise is assumed, only that the arms could be swapped.

Axis letters: ``S`` training seeds, ``B`` draws of signs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.stats.intervals import rounding

EXACT_SEEDS = 16
"""Up to this many pairs every one of the 2^pairs swaps is looked at (65,536 for 16)."""

DRAWS = 10_000
"""Random swaps with more pairs than `EXACT_SEEDS`; a p of 0.05 then has an error of 0.002."""

_TIE = 1e-9
"""Sums that agree to this share of the largest sum are ties, whatever the order of addition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permutation:
    """What swapping the arms within pairs says about the mean difference.

    Attributes:
        point: mean difference, treat minus control, in the unit of the input.
        p_superior: one-sided p against "treat is higher", in (0, 1].
        p_inferior: one-sided p against "treat is lower".
        p_differs: two-sided p, of the absolute mean difference.
        smallest: the smallest one-sided p that these pairs could have reached.
        smallest_differs: the smallest two-sided p that they could have reached.
        is_exact: every swap was looked at.
        seeds: pairs with a value on both sides.
        note: "" or what a reader must know, for example that 0.05 cannot be reached.
    """

    point: float
    p_superior: float
    p_inferior: float
    p_differs: float
    smallest: float
    smallest_differs: float
    is_exact: bool
    seeds: int
    note: str


def permutation_paired(
    treat_S: np.ndarray,
    control_S: np.ndarray,
    *,
    rng: np.random.Generator | None = None,
    draws: int = DRAWS,
) -> Permutation:
    """Test the mean difference by swapping the arms within pairs of seeds.

    Exact in size for any noise that is symmetric between the arms. With 3 pairs the smallest
    one-sided p is 1/8, with 5 it is 1/32: fewer than 5 pairs cannot reach 0.05.

    Args:
        treat_S: one value per seed, shape (seeds,); NaN is a seed without a value.
        control_S: same shape, entry by entry the same seeds as `treat_S`.
        rng: source of the random swaps, needed for more than `EXACT_SEEDS` pairs only; the caller
            owns the seed.
        draws: number of random swaps when not every one is looked at, at least 1,000.

    Returns:
        The p values; NaN without any pair.

    Raises:
        ValueError: shapes differ, not one axis, an infinite value, too few draws, or no `rng`
            where one is needed.

    Source:
        Fisher 1935, The Design of Experiments, section 21; random swaps by Phipson and Smyth 2010.
    """
    difference_S = _differences(treat_S, control_S)
    seeds = difference_S.size
    if seeds == 0:
        nan = float("nan")
        return Permutation(
            point=nan,
            p_superior=nan,
            p_inferior=nan,
            p_differs=nan,
            smallest=nan,
            smallest_differs=nan,
            is_exact=True,
            seeds=0,
            note="no pair of seeds has a value on both sides",
        )
    is_exact = seeds <= EXACT_SEEDS
    sums_B = _every_sum(difference_S) if is_exact else _drawn_sums(difference_S, rng, draws)
    return _summary(difference_S, sums_B, is_exact, np.size(treat_S) - seeds)


def _summary(
    difference_S: np.ndarray, sums_B: np.ndarray, is_exact: bool, missing: int
) -> Permutation:
    seen, most = float(difference_S.sum()), float(np.abs(difference_S).sum())
    tie = _TIE * most
    # the observed swap counts among the random ones, so that no p is 0 (Phipson and Smyth)
    seeds, added = difference_S.size, 0 if is_exact else 1

    def share(count: int) -> float:
        return float((count + added) / (sums_B.size + added))

    zeros = int((difference_S == 0.0).sum())
    smallest = 2.0 ** (zeros - seeds) if is_exact else 1.0 / (sums_B.size + 1.0)
    smallest_differs = min(1.0, 2.0 * smallest) if is_exact else smallest
    return Permutation(
        point=seen / seeds,
        p_superior=share(int((sums_B >= seen - tie).sum())),
        p_inferior=share(int((sums_B <= seen + tie).sum())),
        p_differs=share(int((np.abs(sums_B) >= abs(seen) - tie).sum())),
        smallest=smallest,
        smallest_differs=smallest_differs,
        is_exact=is_exact,
        seeds=seeds,
        note=_note(seeds, missing, smallest, smallest_differs),
    )


def _note(seeds: int, missing: int, smallest: float, smallest_differs: float) -> str:
    notes = [f"{missing} seeds without a value left out"] if missing else []
    if smallest_differs > 0.05:
        notes.append(
            f"{seeds} pairs can reach p = {smallest:.3g} on one side and {smallest_differs:.3g} on"
            " two, no less, whatever the difference"
        )
    return "; ".join(notes)


def _every_sum(difference_S: np.ndarray) -> np.ndarray:
    """Sums under all sign patterns, shape (2^seeds,)."""
    sums_B = np.zeros(1)
    for difference in difference_S:
        sums_B = np.concatenate([sums_B + difference, sums_B - difference])
    return sums_B


def _drawn_sums(
    difference_S: np.ndarray, rng: np.random.Generator | None, draws: int
) -> np.ndarray:
    """Sums under random sign patterns, shape (draws,)."""
    if rng is None:
        raise ValueError(f"{difference_S.size} pairs need random swaps: pass rng")
    if draws < 1000:
        raise ValueError(f"need at least 1000 draws, got {draws}")
    sign_BS = rng.integers(2, size=(draws, difference_S.size), dtype=np.int8) * 2.0 - 1.0
    return np.asarray(sign_BS @ difference_S)


def _differences(treat_S: np.ndarray, control_S: np.ndarray) -> np.ndarray:
    """Treat minus control of the pairs that have both."""
    treat_S, control_S = np.asarray(treat_S, dtype=float), np.asarray(control_S, dtype=float)
    if treat_S.shape != control_S.shape or treat_S.ndim != 1:
        raise ValueError(
            f"arms must align on one axis, seeds: got {treat_S.shape} and {control_S.shape}"
        )
    if np.isinf(treat_S).any() or np.isinf(control_S).any():
        raise ValueError("an infinite value cannot be averaged")
    difference_S = treat_S - control_S
    difference_S = difference_S[~np.isnan(difference_S)]
    size = max(np.abs(np.nan_to_num(a)).max(initial=0.0) for a in (treat_S, control_S))
    # a difference by rounding alone has no sign to swap
    return np.where(np.abs(difference_S) <= rounding(size), 0.0, difference_S)
