"""A monitor that may be looked at after every seed, and stopped at any look.

Looking again and again at an ordinary 95 % interval finds a difference sooner or later where there
is none. The intervals here hold at all looks together. Axis letters: ``S`` training seeds, in the
order in which they finished; ``M`` candidate means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.stats.equivalence import check_margin
from harness.stats.intervals import rounding

Decision = Literal["superior", "inferior", "equivalent", "go on"]

EFFECT_SCALE = 3.0
"""Width of the mixture over effects, in standard deviations between seeds: a setting that makes the
interval narrow at 4 to 10 seeds; whether it covers does not depend on it."""

MEASURED = {
    "normal": 2.8,
    "Laplace": 1.5,
    "uniform": 5.1,
    "skewness 1": 9.0,
    "exponential": 14.0,
}
"""Noise -> studies of 64 looks in which the normal monitor at level 0.95 errs, in per cent: from
the calibration of docs/statistics.md, to which a test holds these."""

SKEWED = 1.0
"""Skewness of the differences from which the note warns that the promised rate does not hold."""

_SKEW_SEEDS = 5
"""With fewer differences their skewness says nothing."""

CANDIDATES = 2001
"""Candidate means of the bounded monitor: its interval is known to a thousandth of its range."""

_SHARES = np.array([0.1, 0.25, 0.5, 0.75, 0.95])
_BETS = np.concatenate([-_SHARES, _SHARES])
"""Bets of the bounded monitor, as shares of what could lose everything, on either side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """What is known after each seed, at an error rate for all looks together.

    Attributes:
        point_S: mean of the differences so far, in the unit of the input, shape (seeds,).
        low_S: lower end after each seed; -inf (unbounded) or the range's end while nothing is
            known.
        high_S: upper end.
        p_S: anytime-valid p of "no difference" after each seed, never rising, in [0, 1].
        level: chance that the true mean lies inside at every look.
        margin: half-width of the region that counts as the same, or None.
        decision: "superior" or "inferior" (0 is excluded), "equivalent" (all inside the margin), or
            "go on"; the first that was reached, "equivalent" if two are reached at once.
        decided_after: number of seeds at which it was reached, or None.
        method: how it was made.
        assumption: what must be true of the seeds.
        note: "" or what a reader must know.
    """

    point_S: np.ndarray
    low_S: np.ndarray
    high_S: np.ndarray
    p_S: np.ndarray
    level: float
    margin: float | None
    decision: Decision
    decided_after: int | None
    method: str
    assumption: str
    note: str


def monitor_normal(
    difference_S: np.ndarray,
    *,
    level: float = 0.95,
    margin: float | None = None,
    effect_scale: float = EFFECT_SCALE,
) -> Monitor:
    """Monitor paired differences that are about normal, of unknown spread, by a mixture of t tests.

    The likelihood ratio of t, averaged over effects of `effect_scale` spreads, is a fair bet
    against "the mean is m"; what it does not refute stays inside. Finite from 3 seeds on.

    It holds for symmetric noise, not for skewed (`MEASURED`): there use `monitor_bounded`.

    Args:
        difference_S: treat minus control per seed in the order of arrival, shape (seeds,); NaN is
            a seed without a value.
        level: chance of covering at every look, in (0, 1).
        margin: half-width of the region that counts as the same, > 0, or None.
        effect_scale: width of the mixture, in standard deviations between seeds, > 0.

    Returns:
        The monitor over the seeds with a value.

    Raises:
        ValueError: not one axis, an infinite value, or a bad level, margin or scale.

    Source:
        Lai 1976, Ann. Statist. 4:265; Wang and Ramdas 2025 (arXiv:2310.03722).
    """
    values_S, missing = _arrived(difference_S, level, margin)
    if not effect_scale > 0.0:
        raise ValueError(f"the effect scale must be above 0, got {effect_scale!r}")
    count_S = np.arange(1, values_S.size + 1)
    mean_S = values_S.cumsum() / count_S
    square_S = _squares(values_S, mean_S)
    stretch_S = 1.0 + count_S * effect_scale**2
    is_known_S = (count_S > 1) & (square_S > 0.0)
    half_S = _half_widths(square_S, stretch_S, is_known_S, level)
    ratio_S = count_S * mean_S**2 / np.where(is_known_S, square_S, 1.0)
    log_S = 0.5 * count_S * (np.log1p(ratio_S) - np.log1p(ratio_S / stretch_S))
    log_S = np.where(is_known_S, log_S - 0.5 * np.log(stretch_S), 0.0)
    decision, after = _decide(mean_S - half_S, mean_S + half_S, margin)
    return Monitor(
        point_S=mean_S,
        low_S=mean_S - half_S,
        high_S=mean_S + half_S,
        p_S=_anytime_p(log_S),
        level=level,
        margin=margin,
        decision=decision,
        decided_after=after,
        method=f"normal mixture t, effect scale {effect_scale:g}",
        assumption=_normal_assumption(),
        note=_note(values_S, missing, float(square_S[-1]) if values_S.size else np.nan),
    )


def monitor_bounded(
    difference_S: np.ndarray,
    *,
    bound: float = 1.0,
    level: float = 0.95,
    margin: float | None = None,
    candidates: int = CANDIDATES,
) -> Monitor:
    """Monitor paired differences that cannot leave [-bound, bound], by betting against each mean.

    Whatever the shape of the noise. The price: with few seeds it says little, for it must allow
    that the next seed lies anywhere in the range.

    Args:
        difference_S: treat minus control per seed in the order of arrival, shape (seeds,); NaN is
            a seed without a value.
        bound: largest absolute difference that the metric allows, > 0: 1 for accuracies. A bound
            read off the data makes the monitor invalid.
        level: chance of covering at every look, in (0, 1).
        margin: half-width of the region that counts as the same, > 0, or None.
        candidates: means that are bet against, at least 3: how finely the interval is known; the p
            values do not depend on it.

    Returns:
        The monitor over the seeds with a value; ends of the interval are rounded outwards.

    Raises:
        ValueError: not one axis, a value outside the range, or a bad level, margin or bound.

    Source:
        Waudby-Smith and Ramdas 2024, J. R. Statist. Soc. B 86:1 (arXiv:2010.09686), with a mixture
        over fixed bets.
    """
    values_S, missing = _arrived(difference_S, level, margin)
    if not (bound > 0.0 and np.isfinite(bound)):
        raise ValueError(f"the bound must be a finite number above 0, got {bound!r}")
    if (np.abs(values_S) > bound * (1.0 + 1e-9)).any():
        worst = float(np.abs(values_S).max())
        raise ValueError(f"a difference of {worst:g} lies outside the bound {bound:g}")
    unit_S = np.clip((values_S / bound + 1.0) / 2.0, 0.0, 1.0)
    candidate_M = np.linspace(0.0, 1.0, max(candidates, 3))[1:-1]
    is_left_SM = _unrefuted(_log_wealth(unit_S, candidate_M), level)
    step = candidate_M[0]
    low_S = np.where(is_left_SM, candidate_M, np.inf).min(axis=1) - step
    high_S = np.where(is_left_SM, candidate_M, -np.inf).max(axis=1) + step
    low_S, high_S = (np.clip((2.0 * end - 1.0), -1.0, 1.0) * bound for end in (low_S, high_S))
    decision, after = _decide(low_S, high_S, margin)
    return Monitor(
        point_S=values_S.cumsum() / np.arange(1, values_S.size + 1),
        low_S=low_S,
        high_S=high_S,
        p_S=_anytime_p(_log_wealth(unit_S, np.array([0.5]))[:, 0]),
        level=level,
        margin=margin,
        decision=decision,
        decided_after=after,
        method=f"mixture of bets, range ±{bound:g}",
        assumption=f"differences within ±{bound:g}, each of the same mean given those before",
        note=_note(values_S, missing),
    )


def _unrefuted(log_SM: np.ndarray, level: float) -> np.ndarray:
    """Mark the candidate means that no bet has refuted, (seeds, M) bools; never none of them.

    Where all are refuted the mean lies between two of them: about the least refuted one.
    """
    is_left_SM: np.ndarray = log_SM < -np.log1p(-level)
    is_left_SM |= log_SM <= log_SM.min(axis=1, keepdims=True)
    return is_left_SM


def _log_wealth(unit_S: np.ndarray, candidate_M: np.ndarray) -> np.ndarray:
    """Log of the mixed wealth of betting against each mean, shape (seeds, means)."""
    # what a bet could lose most; 0 at the ends of the range, which are no candidates
    room_M = np.where(_BETS[:, None] > 0.0, candidate_M, 1.0 - candidate_M)
    gain = 1.0 + _BETS[:, None] / room_M * (unit_S[:, None, None] - candidate_M)
    logs = np.log(gain).cumsum(axis=0)
    return np.asarray(np.logaddexp.reduce(logs, axis=1) - np.log(_BETS.size))


def _anytime_p(log_S: np.ndarray) -> np.ndarray:
    """1 / the largest evidence so far, at most 1."""
    return np.asarray(np.exp(-np.maximum.accumulate(np.maximum(log_S, 0.0))))


def _decide(
    low_S: np.ndarray, high_S: np.ndarray, margin: float | None
) -> tuple[Decision, int | None]:
    """Find the first decision that was reached, and after how many seeds."""
    for index, (low, high) in enumerate(zip(low_S, high_S, strict=True)):
        if margin is not None and -margin < low and high < margin:
            return "equivalent", index + 1
        if low > 0.0:
            return "superior", index + 1
        if high < 0.0:
            return "inferior", index + 1
    return "go on", None


def _squares(values_S: np.ndarray, mean_S: np.ndarray) -> np.ndarray:
    """Sum of squares about the mean after each seed; 0 if it is rounding noise."""
    # Welford's update: the sum of squares less the squared sum would cancel
    added = (values_S[1:] - mean_S[:-1]) * (values_S[1:] - mean_S[1:])
    square_S = np.concatenate([np.zeros(min(1, values_S.size)), added.cumsum()])
    size_S = np.maximum.accumulate(np.abs(values_S))
    return np.where(square_S > rounding(size_S) ** 2, square_S, 0.0)


def _half_widths(
    square_S: np.ndarray, stretch_S: np.ndarray, is_known_S: np.ndarray, level: float
) -> np.ndarray:
    """Distance from the mean within which nothing is refuted after each seed; inf at first."""
    count_S = np.arange(1, square_S.size + 1)
    # a mean is refuted where t^2 / (seeds - 1) against it exceeds `limit`
    refuted_S = np.exp((np.log(stretch_S) - 2.0 * np.log1p(-level)) / count_S)
    is_finite_S = is_known_S & (refuted_S < stretch_S)
    limit_S = (refuted_S - 1.0) / np.where(is_finite_S, 1.0 - refuted_S / stretch_S, 1.0)
    return np.where(is_finite_S, np.sqrt(limit_S * square_S / count_S), np.inf)


def _normal_assumption() -> str:
    rates = ", ".join(f"{noise} {rate:g} %" for noise, rate in MEASURED.items())
    return (
        "differences independent between seeds, with one mean and one spread, and about normal or"
        f" symmetric: at level 0.95 (5 % promised) it errs in 64 looks as follows: {rates}"
    )


def _note(values_S: np.ndarray, missing: int, square: float = np.nan) -> str:
    """Say what is missing and, given the squares about the mean, whether normal noise is likely."""
    notes = [f"{missing} seeds without a value left out"] if missing else []
    if square == 0.0 and values_S.size > 1:
        notes.append("all differences are equal: the noise between seeds cannot be estimated")
    if square > 0.0 and values_S.size >= _SKEW_SEEDS:
        cubes = float(((values_S - values_S.mean()) ** 3).mean())
        skewness = cubes / (square / values_S.size) ** 1.5
        if abs(skewness) > SKEWED:
            notes.append(
                f"the differences are skewed ({skewness:.1f}): the promised rate does not hold for"
                " such noise; use the bounded monitor or level 0.995"
            )
    return "; ".join(notes)


def _arrived(
    difference_S: np.ndarray, level: float, margin: float | None
) -> tuple[np.ndarray, int]:
    """Take the differences that are there, in order, and count those that are not."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"the level must lie between 0 and 1, got {level!r}")
    if margin is not None:
        check_margin(margin)
    difference_S = np.asarray(difference_S, dtype=float)
    if difference_S.ndim != 1 or np.isinf(difference_S).any():
        raise ValueError(
            f"expected differences of shape (seeds,) without infinities, got {difference_S!r}"
        )
    values_S = difference_S[~np.isnan(difference_S)]
    return values_S, difference_S.size - values_S.size
