"""The difference between two arms over training seeds: one answer with all that it rests on.

Axis letters: ``S`` training seeds. The seed is the replicate: questions and samples are averaged
before they come here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from harness.stats.equivalence import check_margin, tost
from harness.stats.intervals import Interval, rounding

FEW_SEEDS = 5
"""With fewer seeds than this the note says how wide a trustworthy interval is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Treat minus control over training seeds.

    Attributes:
        interval: point, low and high in the unit of the input; what is undefined is NaN.
        level: two-sided coverage that the interval is made for.
        method: how it was made, for example "paired t" or "Welch t".
        seeds: pairs of seeds (unpaired: seeds of the smaller arm) with a value.
        is_paired: the same seeds on both sides.
        p_superior: one-sided p of "the difference is 0 or less"; small = treat is higher.
        p_inferior: one-sided p of "the difference is 0 or more"; small = treat is lower.
        margin: half-width of the region that counts as the same, or None.
        p_equivalent: p of "the difference is outside the margin"; NaN without a margin.
        note: "" or what a reader must know: missing seeds, too few seeds, equal differences.
    """

    interval: Interval
    level: float
    method: str
    seeds: int
    is_paired: bool
    p_superior: float
    p_inferior: float
    margin: float | None
    p_equivalent: float
    note: str


class _Estimate(NamedTuple):
    """A difference, its standard error and the error's degrees of freedom; NaN is undefined."""

    point: float
    error: float
    dof: float


def compare_paired(
    treat_S: np.ndarray, control_S: np.ndarray, *, level: float = 0.95, margin: float | None = None
) -> Difference:
    """Compare two arms that share their seeds, by Student's t of the differences.

    Arms share prompts, their order and the sampling seeds: what a seed does to both cancels.

    Args:
        treat_S: one value per seed, shape (seeds,); NaN is a seed without a value.
        control_S: same shape, entry by entry the same seeds as `treat_S`.
        level: two-sided coverage, in (0, 1).
        margin: half-width of the region that counts as the same, > 0, or None.

    Returns:
        The difference over the seeds that both arms have. With fewer than two of them, or if all
        differences are equal, bounds and p values are NaN and the note says why.

    Raises:
        ValueError: shapes differ, not one axis, an infinite value, or a bad level or margin.

    Source:
        Student 1908; equivalence by Schuirmann 1987. Why this method: docs/statistics.md.
    """
    treat_S, control_S = _checked(treat_S, level, margin), _checked(control_S, level, margin)
    if treat_S.shape != control_S.shape:
        raise ValueError(f"arms must align: got {treat_S.shape} and {control_S.shape}")
    is_there_S = ~(np.isnan(treat_S) | np.isnan(control_S))
    difference_S = (treat_S - control_S)[is_there_S]
    seeds = difference_S.size
    estimate = _Estimate(
        point=float(difference_S.mean()) if seeds else np.nan,
        error=_spread(difference_S, _size(treat_S, control_S)) / max(seeds, 1) ** 0.5,
        dof=seeds - 1,
    )
    notes = [_missing(treat_S.size - seeds, "pair"), _why_undefined(seeds, estimate, "pair")]
    return _decide(estimate, seeds, notes, is_paired=True, level=level, margin=margin)


def compare_unpaired(
    treat_S: np.ndarray, control_S: np.ndarray, *, level: float = 0.95, margin: float | None = None
) -> Difference:
    """Compare two arms that do not share their seeds, by Welch's t.

    Args:
        treat_S: one value per seed, shape (seeds of treat,); NaN is a seed without a value.
        control_S: one value per seed, shape (seeds of control,), in any order.
        level: two-sided coverage, in (0, 1).
        margin: half-width of the region that counts as the same, > 0, or None.

    Returns:
        The difference of the means. With fewer than two values in an arm, or if no arm has any
        spread, bounds and p values are NaN and the note says why.

    Raises:
        ValueError: not one axis, an infinite value, or a bad level or margin.

    Source:
        Welch 1947; equivalence by Schuirmann 1987.
    """
    arms = [_checked(value_S, level, margin) for value_S in (treat_S, control_S)]
    size = _size(*arms)
    missing = sum(int(np.isnan(value_S).sum()) for value_S in arms)
    arms = [value_S[~np.isnan(value_S)] for value_S in arms]
    seeds = min(value_S.size for value_S in arms)
    estimate = _Estimate(np.nan, np.nan, np.nan)
    if seeds:
        point = float(arms[0].mean() - arms[1].mean())
        estimate = _welch(point, [(_spread(v_S, size), v_S.size) for v_S in arms])
    notes = [_missing(missing, "seed"), _why_undefined(seeds, estimate, "seed")]
    return _decide(estimate, seeds, notes, is_paired=False, level=level, margin=margin)


def _decide(
    estimate: _Estimate,
    seeds: int,
    notes: list[str],
    *,
    is_paired: bool,
    level: float,
    margin: float | None,
) -> Difference:
    point, error, dof = estimate
    method = "paired t" if is_paired else "Welch t"
    is_defined = seeds > 1 and error > 0.0
    ratio = point / error if is_defined else np.nan
    half = _quantile(dof, level) * error if is_defined else np.nan
    if is_defined and seeds < FEW_SEEDS:
        notes.append(_how_wide(seeds, half, dof, level, method))
    p_equivalent = np.nan
    if is_defined and margin is not None:
        p_equivalent = tost(point, error, dof, margin).p
    return Difference(
        interval=Interval(point, point - half, point + half),
        level=level,
        method=method,
        seeds=seeds,
        is_paired=is_paired,
        p_superior=float(special.stdtr(dof, -ratio)) if is_defined else np.nan,
        p_inferior=float(special.stdtr(dof, ratio)) if is_defined else np.nan,
        margin=margin,
        p_equivalent=p_equivalent,
        note="; ".join(note for note in notes if note),
    )


def _welch(point: float, arms: list[tuple[float, int]]) -> _Estimate:
    """Difference with Welch's error, from each arm's (spread, seeds)."""
    variances = [spread**2 / count for spread, count in arms]
    total = sum(variances)
    if not total > 0.0:
        return _Estimate(point, total, np.nan)
    below = sum(v**2 / (n - 1) for v, (_, n) in zip(variances, arms, strict=True))
    return _Estimate(point, float(np.sqrt(total)), total**2 / below)


def _how_wide(seeds: int, half: float, dof: float, level: float, method: str) -> str:
    here = _quantile(dof, level) / np.sqrt(seeds)
    at_five = _quantile(dof * (FEW_SEEDS - 1) / (seeds - 1), level) / np.sqrt(FEW_SEEDS)
    return (
        f"with {seeds} seeds a trustworthy {100 * level:g} % interval is as wide as ±{half:.3g}"
        f" ({method}); {FEW_SEEDS} seeds of the same spread would give about"
        f" ±{half * at_five / here:.2g}"
    )


def _why_undefined(seeds: int, estimate: _Estimate, unit: str) -> str:
    if seeds < 2:
        return f"{seeds} {unit}{'' if seeds == 1 else 's'}: an interval needs at least 2"
    if not estimate.error > 0.0:
        what = "differences are" if unit == "pair" else "values of each arm are"
        return (
            f"all {what} equal: the noise between seeds cannot be estimated, so nothing is tested"
        )
    return ""


def _quantile(dof: float, level: float) -> float:
    """Two-sided quantile of Student's t."""
    return float(special.stdtrit(dof, (1.0 + level) / 2.0))


def _missing(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'} without a value left out" if count else ""


def _size(*arms: np.ndarray) -> float:
    """Largest absolute value of the arms; 0 without any."""
    return max((float(np.nanmax(np.abs(a))) for a in arms if not np.isnan(a).all()), default=0.0)


def _spread(value_S: np.ndarray, size: float) -> float:
    """Standard deviation; 0 if it is rounding noise, NaN for fewer than two values."""
    if value_S.size < 2:
        return float("nan")
    spread = float(value_S.std(ddof=1))
    return spread if spread > rounding(size) else 0.0


def _checked(value_S: np.ndarray, level: float, margin: float | None) -> np.ndarray:
    if not 0.0 < level < 1.0:
        raise ValueError(f"the level must lie between 0 and 1, got {level!r}")
    if margin is not None:
        check_margin(margin)
    value_S = np.asarray(value_S, dtype=float)
    if value_S.ndim != 1 or np.isinf(value_S).any():
        raise ValueError(f"expected values of shape (seeds,) without infinities, got {value_S!r}")
    return value_S
