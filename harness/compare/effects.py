"""By how much a metric differs at the end of training, and what that says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from harness.compare.pairing import Pairing
from harness.compare.sides import Side, common_end
from harness.metrics.column import Better
from harness.metrics.columns import column_of
from harness.report.effects import effect_seed
from harness.schema import UsageError
from harness.stats.paired import Difference, compare_paired, compare_unpaired
from harness.stats.permutation import Permutation, permutation_paired

Word = Literal["better", "worse", "higher", "lower", "no difference shown", "cannot tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a comparison is asked for.

    Attributes:
        level: two-sided coverage of the intervals, in (0, 1).
        margin: for the gate's metric, in its unit; None takes the convention.
        metric: that the gate judges.
        allow_partial: compare a candidate that lacks seeds or steps of the baseline.
    """

    level: float
    margin: float | None
    metric: str
    allow_partial: bool = False

    def __post_init__(self) -> None:
        """Refuse a level or margin that means nothing.

        Raises:
            UsageError: the level does not lie between 0 and 1, or the margin is not above 0.
        """
        if not 0.0 < self.level < 1.0:
            raise UsageError(f"level={self.level:g} is no coverage: give a number between 0 and 1")
        if self.margin is not None and not (math.isfinite(self.margin) and self.margin > 0.0):
            raise UsageError(f"margin={self.margin:g} is no margin: give a number above 0")

    def margin_of(self, metric: str, baseline_mean: float) -> float | None:
        """Return the margin of a metric in its unit; None if it has none."""
        if self.margin is not None and metric == self.metric:
            return self.margin
        margin = column_of(metric).margin
        return None if margin is None else margin.at(baseline_mean)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Candidate minus baseline in one metric at the end of training.

    Attributes:
        metric: full name.
        unit: of the values.
        better: direction that is good.
        end: step taken for the end on both sides; None if there is no common one.
        candidate / baseline: mean over the seeds that are compared; NaN is undefined.
        seeds: (candidate's, baseline's) seeds that are compared.
        rows: row ids of the values, the candidate's first.
        difference: with interval and p values.
        swaps: the test by swaps of the sides within pairs; None if the sides are not paired.
        lacking: the candidate's seeds, of those compared, that have no value at the end.
        gaps: "" or that the values are not all means of as many steps.
    """

    metric: str
    unit: str
    better: Better
    end: int | None
    candidate: float
    baseline: float
    seeds: tuple[tuple[int, ...], tuple[int, ...]]
    rows: tuple[str, ...]
    difference: Difference
    lacking: tuple[int, ...] = ()
    gaps: str = ""
    swaps: Permutation | None = None

    @property
    def p_differs(self) -> float:
        """Two-sided p of the t test of the difference; NaN without one."""
        return 2.0 * min(self.difference.p_superior, self.difference.p_inferior)

    @property
    def note(self) -> str:
        """What a reader must know of the numbers; "" if nothing."""
        return "; ".join(filter(None, [self.difference.note, self.gaps]))

    @property
    def superiority(self) -> Word:
        """What the two-sided interval says about 0, in words of the metric's good direction."""
        _, low, high = self.difference.interval
        if not (math.isfinite(low) and math.isfinite(high)):
            return "cannot tell"
        if low <= 0.0 <= high:
            return "no difference shown"
        is_higher = low > 0.0
        if self.better == "neither":
            return "higher" if is_higher else "lower"
        return "better" if is_higher == (self.better == "higher") else "worse"

    @property
    def equivalence(self) -> str:
        """Whether it is shown to lie inside the margin, by two one-sided tests."""
        if self.difference.margin is None:
            return "no margin"
        if not math.isfinite(self.difference.p_equivalent):
            return "cannot tell"
        # both tests at (1 - level) / 2: then the interval itself lies inside the margin
        is_inside = self.difference.p_equivalent <= (1.0 - self.difference.level) / 2.0
        return "the same within the margin" if is_inside else "not shown to be the same"


def effect_of(
    candidate: Side, baseline: Side, pairing: Pairing, metric: str, settings: Settings
) -> Effect:
    """Compare one metric at the end of training.

    Args:
        candidate: one side.
        baseline: the other.
        pairing: whether seeds are paired, and which.
        metric: that both sides have.
        settings: level and margin; the margin counts for the metric that it is given for.
    """
    end = common_end(candidate, baseline, metric)
    found = [
        _ends(side, metric, end, seeds)
        for side, seeds in zip((candidate, baseline), pairing.seeds, strict=True)
    ]
    values = [dict(zip(f["seed"].astype(int), f["value"], strict=True)) for f in found]
    treat_S, control_S = (
        np.array([of_seed.get(seed, math.nan) for seed in seeds], dtype=float)
        for of_seed, seeds in zip(values, pairing.seeds, strict=True)
    )
    means = [_mean(treat_S), _mean(control_S)]
    if pairing.is_paired:
        # over the pairs that the difference is made of, so that the means differ by it
        is_pair_S = np.isfinite(treat_S) & np.isfinite(control_S)
        means = [_mean(treat_S[is_pair_S]), _mean(control_S[is_pair_S])]
    column = column_of(metric)
    compare = compare_paired if pairing.is_paired else compare_unpaired
    margin = settings.margin_of(metric, means[1])
    difference = compare(treat_S, control_S, level=settings.level, margin=margin)
    return Effect(
        metric=metric,
        unit=column.unit,
        better=column.better,
        end=end,
        candidate=means[0],
        baseline=means[1],
        seeds=pairing.seeds,
        rows=tuple(str(name) for frame in found for name in frame["row_id"]),
        difference=difference,
        lacking=tuple(
            seed for seed, v in zip(pairing.seeds[0], treat_S, strict=True) if not math.isfinite(v)
        ),
        gaps=_gaps(pd.concat(found)),
        swaps=swaps_of(treat_S, control_S, metric) if pairing.is_paired else None,
    )


def swaps_of(treat_S: np.ndarray, control_S: np.ndarray, metric: str) -> Permutation:
    """Return the permutation test of pairs; more than a few take random swaps, decided by name."""
    rng = np.random.default_rng(effect_seed(f"swaps/{metric}"))
    return permutation_paired(treat_S, control_S, rng=rng)


def _ends(side: Side, metric: str, end: int | None, seeds: Sequence[int]) -> pd.DataFrame:
    """Return row_id, seed, value and points of each seed's value at the end."""
    columns = ["row_id", "seed", "value", "points"]
    if end is None:
        return pd.DataFrame(columns=columns)
    rows = side.ends(metric, end)
    # the id of a value at a run's own end does not say the step
    rows["row_id"] += "" if end == side.steps else f"@{end}"
    return rows.loc[rows["seed"].isin(seeds), columns].sort_values("seed")


def _gaps(rows: pd.DataFrame) -> str:
    """Say that the values that are there are means of unequal numbers of steps."""
    points = rows.loc[rows["value"].notna(), "points"]
    if points.empty or points.min() == points.max():
        return ""
    return (
        f"a value at the end is a mean of {int(points.min())} to {int(points.max())} steps, since"
        " some are missing"
    )


def _mean(value_S: np.ndarray) -> float:
    finite_S = value_S[np.isfinite(value_S)]
    return float(finite_S.mean()) if finite_S.size else math.nan
