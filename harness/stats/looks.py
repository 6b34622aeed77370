"""Seeds may be added, and the data looked at, at a few numbers of seeds that were written down.

A group-sequential design for one-sided t tests of differences by seed: at each look an error rate
is spent, and all looks together err in at most `alpha`. Error is spent by Lan and DeMets' function
of Pocock's kind: of the usual ones it leaves the first look enough to decide by, and what it spends
at a look is a fixed share of alpha, so that Holm's steps (alpha / m) keep their order.

At a look every statement of a rule is judged by the interval at that look's level: "the lower bound
is above x", "the upper bound is below x", or both, which is equivalence inside a margin. Each of
them errs in at most `alpha` over all looks; an interval errs in 2 alpha. Between looks nothing is
decided; the anytime-valid interval is shown.

Axis letters: ``S`` training seeds, in the order of the fixed list; ``L`` looks; ``R`` data sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy import special

from harness.stats.intervals import Interval, are_equal, mean_interval, rounding
from harness.stats.look_bounds import first_crossing_bounds
from harness.stats.sequential import monitor_normal

LOOKS = (5, 8, 12)
"""Numbers of seeds at which a study is judged."""

MOST_ALPHA = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look of a design.

    Attributes:
        seeds: at which it is taken.
        spent: error rate spent up to and at it, in (0, alpha].
        p: one-sided p of Student's t at or below which it decides.
        t: the same as a critical value.
        level: two-sided level of the interval whose bounds decide: 1 - 2 p.
    """

    seeds: int
    spent: float
    p: float
    t: float
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Looks and the error rate that they share.

    Attributes:
        seeds: seeds at each look, strictly rising, from 2.
        alpha: one-sided error rate over all looks, in (0, 0.5]. For Holm's first step of m claims
            this is alpha / m.
    """

    seeds: tuple[int, ...] = LOOKS
    alpha: float = 0.025

    def __post_init__(self) -> None:
        """Raise ValueError for looks or a rate that make no design."""
        counts = self.seeds
        if not counts or counts[0] < 2 or any(b <= a for a, b in pairwise(counts)):
            raise ValueError(f"looks must be rising numbers of seeds from 2, got {counts!r}")
        if not 0.0 < self.alpha <= MOST_ALPHA:
            raise ValueError(f"alpha is one-sided and in (0, {MOST_ALPHA}], got {self.alpha!r}")

    @property
    def looks(self) -> tuple[Look, ...]:
        """The looks with their critical values, made once for each design."""
        return _looks(self.seeds, self.alpha)

    def for_step(self, claims: int) -> Design:
        """Return the design of Holm's step at which so many claims are still open.

        Raises:
            ValueError: fewer than one claim.
        """
        if claims < 1:
            raise ValueError(f"a family has at least 1 claim, got {claims}")
        return Design(seeds=self.seeds, alpha=self.alpha / claims)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a study with some seeds stands in a design.

    Attributes:
        seeds: how many there are.
        look: the last look that was reached; it is judged by its own first seeds. None before the
            first.
        is_look: whether the seeds are exactly those of a look.
        next_seeds: seeds at the next look; None after the last.
        advice: one sentence: what is judged, what is shown, what comes next.
    """

    seeds: int
    look: Look | None
    is_look: bool
    next_seeds: int | None
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The interval to show for the seeds that there are.

    Attributes:
        interval: point and bounds in the unit of the input; NaN is undefined, inf not yet known.
        level: two-sided, of this look alone or (`kind` "anytime") of all numbers of seeds together.
        kind: "look", whose bounds decide, or "anytime", whose bounds decide nothing.
        note: "" or what the interval assumes.
    """

    interval: Interval
    level: float
    kind: Literal["look", "anytime"]
    note: str


def standing(design: Design, seeds: int) -> Standing:
    """Return where a study with so many seeds stands.

    Raises:
        ValueError: a negative number of seeds.
    """
    if seeds < 0:
        raise ValueError(f"a study has 0 or more seeds, got {seeds}")
    reached = [look for look in design.looks if look.seeds <= seeds]
    coming = [count for count in design.seeds if count > seeds]
    look = reached[-1] if reached else None
    is_look = look is not None and look.seeds == seeds
    next_seeds = coming[0] if coming else None
    return Standing(
        seeds=seeds,
        look=look,
        is_look=is_look,
        next_seeds=next_seeds,
        advice=_advice(seeds, look, is_look, next_seeds),
    )


def look_intervals(
    value_S: np.ndarray, design: Design, *, size: float = 0.0
) -> list[tuple[Look, Interval]]:
    """Return the interval at each look that was reached, in order: the first that decides counts.

    Args:
        value_S: differences by seed in the order of the fixed list, shape (seeds,), finite. Each
            look takes the first of them: which seeds these are must not depend on the results.
        design: the looks.
        size: see `intervals.mean_interval`.

    Returns:
        Pairs of look and t interval at its level; bounds are NaN for equal values. Intervals that
        follow a decision are no evidence: the study was over.

    Raises:
        ValueError: see `intervals.mean_interval`.

    Source:
        Jennison and Turnbull 1989, J. R. Statist. Soc. B 51:305 (repeated confidence intervals).
    """
    return [
        (look, mean_interval(value_S[: look.seeds], level=look.level, size=size))
        for look in design.looks
        if look.seeds <= value_S.size
    ]


def shown_interval(value_S: np.ndarray, design: Design, *, size: float = 0.0) -> Shown:
    """Return the interval to print: of the look if the seeds are one, else the anytime-valid one.

    Args:
        value_S: differences by seed in the order of the fixed list, shape (seeds,), finite.
        design: the looks.
        size: see `intervals.mean_interval`.

    Raises:
        ValueError: see `intervals.mean_interval` and `sequential.monitor_normal`.
    """
    where = standing(design, value_S.size)
    if where.look is not None and where.is_look:
        look = where.look
        interval = mean_interval(value_S, level=look.level, size=size)
        return Shown(interval=interval, level=look.level, kind="look", note="")
    level = 1.0 - 2.0 * design.alpha
    if value_S.size < 2 or are_equal(value_S, size):
        interval = mean_interval(value_S, level=level, size=size)
        return Shown(interval=interval, level=level, kind="anytime", note="")
    monitor = monitor_normal(value_S, level=level)
    bounds = [float(end_S[-1]) for end_S in (monitor.point_S, monitor.low_S, monitor.high_S)]
    note = f"decides nothing; assumes {monitor.assumption}"
    return Shown(interval=Interval(*bounds), level=level, kind="anytime", note=note)


def first_crossings(
    value_RS: np.ndarray,
    design: Design,
    *,
    above: float | None = None,
    below: float | None = None,
    size: float = 0.0,
) -> np.ndarray:
    """Return at how many seeds each of many data sets first decides; 0 is never.

    For operating curves: thousands of made-up studies at once.

    Args:
        value_RS: differences, shape (data sets, seeds), finite; looks beyond them are not taken.
        design: the looks.
        above: decides if the lower bound is above this number; None does not ask.
        below: decides if the upper bound is below this number. With both, both must hold: with
            above = -margin and below = margin it is equivalence.
        size: see `intervals.mean_interval`.

    Returns:
        Whole numbers, shape (data sets,).

    Raises:
        ValueError: neither condition, or not two axes.
    """
    if value_RS.ndim != 2 or (above is None and below is None):
        raise ValueError(
            f"expected values of shape (data sets, seeds) and a condition, got {value_RS.shape}"
        )
    found_R = np.zeros(len(value_RS), dtype=int)
    for look in design.looks:
        if look.seeds > value_RS.shape[1]:
            break
        part_RS = value_RS[:, : look.seeds]
        mean_R, error_R = look_moments(part_RS, size)
        holds_R = np.isfinite(error_R)
        if above is not None:
            holds_R &= mean_R - look.t * error_R > above
        if below is not None:
            holds_R &= mean_R + look.t * error_R < below
        found_R = np.where((found_R == 0) & holds_R, look.seeds, found_R)
    return found_R


def spent_at(seeds: tuple[int, ...], alpha: float) -> tuple[float, ...]:
    """Return the error rate that is spent up to and at each look, in (0, alpha]."""
    return tuple(float(alpha * np.log1p((np.e - 1.0) * count / seeds[-1])) for count in seeds)


@lru_cache(maxsize=256)
def _looks(seeds: tuple[int, ...], alpha: float) -> tuple[Look, ...]:
    spent = spent_at(seeds, alpha)
    bounds = first_crossing_bounds(seeds, spent)
    return tuple(
        Look(
            seeds=count,
            spent=used,
            p=p,
            t=float(-special.stdtrit(count - 1, p)),
            level=1.0 - 2.0 * p,
        )
        for count, used, p in zip(seeds, spent, bounds, strict=True)
    )


def look_moments(part_RS: np.ndarray, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard error of each data set; the error is NaN if it is but rounding."""
    error_R = part_RS.std(axis=1, ddof=1) / np.sqrt(part_RS.shape[1])
    largest_R = np.maximum(np.abs(part_RS).max(axis=1), size)
    is_noise_R = np.ptp(part_RS, axis=1) > rounding(largest_R)
    return part_RS.mean(axis=1), np.where(is_noise_R, error_R, np.nan)


def _advice(seeds: int, look: Look | None, is_look: bool, next_seeds: int | None) -> str:
    coming = f"the next look is at {next_seeds}" if next_seeds else "there is no further look"
    if look is None:
        return f"{seeds} seeds decide nothing: {coming}; until then the anytime-valid interval"
    if is_look:
        return f"{seeds} seeds are a look: its bounds decide; {coming}"
    return (
        f"{seeds} seeds are no look: the first {look.seeds} decide, the anytime-valid interval"
        f" shows all of them; {coming}"
    )
