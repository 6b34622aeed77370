"""Whole curves: where along training the two sides differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.compare.pairing import Pairing
from harness.compare.sides import Side
from harness.compare.summaries import Summary, summaries_of
from harness.metrics.columns import column_of
from harness.stats.bands import Band, band_paired


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
        rows = side.curves[side.curves["metric"].astype(str) == metric]
        table = rows.pivot_table(index="seed", columns="step", values="value", aggfunc="first")
        tables.append(table.reindex(index=list(seeds)))
    steps = tuple(sorted(set(map(int, tables[0].columns)) & set(map(int, tables[1].columns))))
    treat_ST, control_ST = (
        table.reindex(columns=list(steps)).to_numpy(dtype=float) for table in tables
    )
    return steps, (treat_ST, control_ST)
