"""Simultaneous bands: where along training two arms differ, with one error rate for all steps.

Axis letters: ``S`` training seeds, ``T`` steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from harness.stats.intervals import rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A difference of curves with a band that covers all of it at once.

    Attributes:
        point_T: mean difference per step, in the unit of the input, shape (steps,); NaN is a step
            without a value.
        low_T: lower edge; NaN at a step with fewer than two pairs or without spread.
        high_T: upper edge.
        seeds_T: pairs of seeds with a value at the step.
        level: chance that the whole true curve lies inside.
        method: how it was made.
        widening: half-width relative to that of the interval for one step alone, the median over
            the steps; NaN without any.
        note: "" or what a reader must know.
    """

    point_T: np.ndarray
    low_T: np.ndarray
    high_T: np.ndarray
    seeds_T: np.ndarray
    level: float
    method: str
    widening: float
    note: str

    @property
    def above_T(self) -> np.ndarray:
        """Whether treat is higher at the step, shape (steps,)."""
        return np.asarray(self.low_T > 0.0)

    @property
    def below_T(self) -> np.ndarray:
        """Whether treat is lower at the step, shape (steps,)."""
        return np.asarray(self.high_T < 0.0)


def band_paired(treat_ST: np.ndarray, control_ST: np.ndarray, *, level: float = 0.95) -> Band:
    """Band for the mean difference of two arms over all steps at once, by Bonferroni's t.

    Bands that estimate how steps hang together need more seeds than a study has: with 3 to 10
    seeds they cover far less than they say (docs/statistics.md), this one does not. Fewer
    steps (those of the evaluations) make it narrower.

    Args:
        treat_ST: one curve per seed, shape (seeds, steps); NaN is a value that is not there.
        control_ST: same shape, rows the same seeds and columns the same steps.
        level: chance that the whole true curve lies inside, in (0, 1).

    Returns:
        The band over the steps that have at least two pairs; other steps have NaN edges.

    Raises:
        ValueError: shapes differ, not two axes, an infinite value, or a level outside (0, 1).

    Source:
        Dunn 1961, J. Amer. Statist. Assoc. 56:52.
    """
    difference_ST = _differences(treat_ST, control_ST, level)
    seeds_T = (~np.isnan(difference_ST)).sum(axis=0)
    total_T = np.nansum(difference_ST, axis=0)
    point_T = np.divide(total_T, seeds_T, out=np.full(total_T.shape, np.nan), where=seeds_T > 0)
    size_T = np.fmax(*(np.nanmax(np.abs(a), axis=0, initial=0.0) for a in (treat_ST, control_ST)))
    error_T = _errors(difference_ST, point_T, seeds_T, size_T)
    is_tested_T = error_T > 0.0
    steps = int(is_tested_T.sum())
    dof_T = np.maximum(seeds_T - 1, 1)
    alone_T = special.stdtrit(dof_T, (1.0 + level) / 2.0)
    jointly_T = special.stdtrit(dof_T, 1.0 - (1.0 - level) / (2.0 * max(steps, 1)))
    half_T = np.where(is_tested_T, jointly_T * error_T, np.nan)
    ratio = (jointly_T / alone_T)[is_tested_T]
    return Band(
        point_T=point_T,
        low_T=point_T - half_T,
        high_T=point_T + half_T,
        seeds_T=seeds_T,
        level=level,
        method="Bonferroni t",
        widening=float(np.median(ratio)) if steps else float("nan"),
        note=_note(seeds_T, steps),
    )


def _errors(
    difference_ST: np.ndarray, point_T: np.ndarray, seeds_T: np.ndarray, size_T: np.ndarray
) -> np.ndarray:
    """Return the standard error per step; 0 if there is no spread but rounding, or one pair.

    `size_T` is the largest absolute value that the differences were computed from.
    """
    square_T = np.nansum((difference_ST - point_T) ** 2, axis=0)
    error_T = np.sqrt(square_T / (np.maximum(seeds_T - 1, 1) * np.maximum(seeds_T, 1)))
    return np.where((seeds_T > 1) & (error_T > rounding(size_T)), error_T, 0.0)


def _note(seeds_T: np.ndarray, steps: int) -> str:
    notes = []
    if steps < seeds_T.size:
        notes.append(
            f"{seeds_T.size - steps} of {seeds_T.size} steps have fewer than two pairs or no spread"
            " and are not covered"
        )
    if steps and seeds_T.min() != seeds_T.max():
        notes.append(f"between {seeds_T.min()} and {seeds_T.max()} pairs at a step")
    return "; ".join(notes)


def _differences(treat_ST: np.ndarray, control_ST: np.ndarray, level: float) -> np.ndarray:
    if not 0.0 < level < 1.0:
        raise ValueError(f"the level must lie between 0 and 1, got {level!r}")
    treat_ST, control_ST = np.asarray(treat_ST, dtype=float), np.asarray(control_ST, dtype=float)
    if treat_ST.shape != control_ST.shape or treat_ST.ndim != 2:
        raise ValueError(
            f"arms must align on (seeds, steps): got {treat_ST.shape} and {control_ST.shape}"
        )
    if np.isinf(treat_ST).any() or np.isinf(control_ST).any():
        raise ValueError("an infinite value cannot be averaged")
    return np.asarray(treat_ST - control_ST)
