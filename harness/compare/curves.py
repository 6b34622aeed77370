"""Whole curves: where along training the two sides differ, and each curve as one number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.compare.pairing import Pairing
from harness.compare.sides import Side
from harness.metrics.columns import column_of
from harness.stats.bands import Band, band_paired
from harness.stats.curves import area, time_to_threshold
from harness.stats.paired import Difference, compare_paired, compare_unpaired

REACH = 0.9
"""The threshold lies at this share of the way from the baseline's first to its last mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One number of each curve, on both sides.

    Attributes:
        name: what it is.
        unit: of the number.
        candidate / baseline: mean over the seeds; NaN if one never gets there, or none has it.
        difference: candidate minus baseline; None if a seed never gets there, since leaving it out
            would flatter its side.
        note: "" or what a reader must know.
    """

    name: str
    unit: str
    candidate: float
    baseline: float
    difference: Difference | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveComparison:
    """One metric along training.

    Attributes:
        metric: full name.
        unit: of the values.
        steps: common steps, in order.
        band: candidate minus baseline with a simultaneous band; None if the sides are not paired.
        summaries: each curve as one number.
        note: "" or what a reader must know.
    """

    metric: str
    unit: str
    steps: tuple[int, ...]
    band: Band | None
    summaries: tuple[Summary, ...]
    note: str

    def stretches(self) -> list[str]:
        """Return in words where the band excludes 0."""
        if self.band is None or not np.isfinite(self.band.low_T).any():
            return []
        found = []
        for word, is_there_T in (("higher", self.band.above_T), ("lower", self.band.below_T)):
            steps = [step for step, flag in zip(self.steps, is_there_T, strict=True) if flag]
            if steps:
                where = f"{len(steps)} of {len(self.steps)} steps ({steps[0]} to {steps[-1]})"
                found.append(f"{word} at {where}")
        return found or ["0 lies inside the band wherever there is one"]


def compare_curves(
    candidate: Side, baseline: Side, pairing: Pairing, metric: str, level: float
) -> CurveComparison:
    """Compare a metric at every step that both sides have.

    Args:
        candidate: one side.
        baseline: the other.
        pairing: which seeds; an unpaired comparison has no band.
        metric: full name.
        level: chance that the whole true curve lies inside the band.
    """
    steps, arrays = common_curves(candidate, baseline, pairing, metric)
    band, note = None, "no band: the sides are not paired"
    if pairing.is_paired and steps:
        band = band_paired(*arrays, level=level)
        note = band.note
    return CurveComparison(
        metric=metric,
        unit=column_of(metric).unit,
        steps=steps,
        band=band,
        summaries=summaries_of(metric, steps, arrays, is_paired=pairing.is_paired, level=level),
        note=note if steps else "no common step",
    )


def common_curves(
    candidate: Side, baseline: Side, pairing: Pairing, metric: str
) -> tuple[tuple[int, ...], tuple[np.ndarray, np.ndarray]]:
    """Return the common steps, and both sides' curves, (seeds, steps) each; NaN is no value."""
    tables = []
    for side, seeds in zip((candidate, baseline), pairing.seeds, strict=True):
        rows = side.curves[side.curves["metric"] == metric]
        table = rows.pivot_table(index="seed", columns="step", values="value", aggfunc="first")
        tables.append(table.reindex(index=list(seeds)))
    steps = tuple(sorted(set(map(int, tables[0].columns)) & set(map(int, tables[1].columns))))
    treat_ST, control_ST = (
        table.reindex(columns=list(steps)).to_numpy(dtype=float) for table in tables
    )
    return steps, (treat_ST, control_ST)


def summaries_of(
    metric: str,
    steps: Sequence[int],
    curves: tuple[np.ndarray, np.ndarray],
    *,
    is_paired: bool,
    level: float,
) -> tuple[Summary, ...]:
    """Return the summaries of curves: the mean height, and for evaluations when they get there.

    A training metric is too noisy for a first crossing: the noisier side would cross first.

    Args:
        metric: full name.
        steps: common steps, in order.
        curves: candidate's and baseline's, (seeds, steps) each; NaN is no value.
        is_paired: the rows of both are the same seeds.
        level: of the intervals, in (0, 1).
    """
    if len(steps) < 2:
        return ()
    step_T = np.asarray(steps, dtype=float)
    column = column_of(metric)
    heights = [area(curve_ST, step_T) for curve_ST in curves]
    found = [_summary("mean height of the curve", column.unit, heights, is_paired, level)]
    threshold = _threshold(curves[1])
    if column.source == "evaluation" and np.isfinite(threshold):
        times = [time_to_threshold(curve_ST, step_T, threshold).time_S for curve_ST in curves]
        name = f"step at which {threshold:.3g} is reached"
        found.append(_summary(name, "steps", times, is_paired, level))
    return tuple(found)


def _threshold(baseline_ST: np.ndarray) -> float:
    """Return the threshold; NaN if the baseline does not rise."""
    if np.isnan(baseline_ST[:, [0, -1]]).any():
        return float("nan")
    first, last = baseline_ST[:, [0, -1]].mean(axis=0)
    return float(first + REACH * (last - first)) if last > first else float("nan")


def _summary(
    name: str, unit: str, values: Sequence[np.ndarray], is_paired: bool, level: float
) -> Summary:
    lacking = [int((~np.isfinite(v_S)).sum()) for v_S in values]
    is_used = [np.isfinite(v_S) for v_S in values]
    if is_paired:
        # over the pairs that the difference is made of, so that the means differ by it
        is_used = [is_used[0] & is_used[1]] * 2
    means = [
        float(v_S[used_S].mean()) if used_S.any() else np.nan
        for v_S, used_S in zip(values, is_used, strict=True)
    ]
    note, difference = "", None
    if unit == "steps" and any(lacking):
        # the mean of those that got there would flatter the side with fewer of them
        means = [np.nan if n else mean for n, mean in zip(lacking, means, strict=True)]
        sides = zip(("candidate", "baseline"), lacking, values, strict=True)
        note = ", ".join(
            f"{n} of {v_S.size} seeds of the {side} do not reach it" for side, n, v_S in sides if n
        )
    else:
        compare = compare_paired if is_paired else compare_unpaired
        difference = compare(values[0], values[1], level=level)
        note = difference.note if difference.seeds < 2 or any(lacking) else ""
    return Summary(
        name=name,
        unit=unit,
        candidate=means[0],
        baseline=means[1],
        difference=difference,
        note=note,
    )
