"""What a metric is: its source, unit, direction, margin, and the field of the samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Source = Literal["training", "evaluation"]
Better = Literal["higher", "lower", "neither"]
Over = Literal["samples", "questions", "best", "rows"]

FINAL_TRAINING_STEPS = 10
"""A training metric's final window: the mean of the last 10 steps, since one batch is noisy."""

OUTCOMES = ("correct", "wrong", "unparsable", "truncated")
"""What a sample can be, exactly one of the four."""


@dataclass(frozen=True, slots=True)
class Field:
    """What is kept of every evaluated sample: one column of the samples table.

    Attributes:
        name: of the column.
        dtype: of the column, as pandas names it.
        key: of a row of generations/<step>.jsonl, where it is read.
        read: from the whole row to the value; what it raises is told as a damaged row.
    """

    name: str
    dtype: str
    key: str
    read: Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Margin:
    """How large a difference counts as none: a convention, stated before any comparison.

    Attributes:
        size: half-width of the region, > 0.
        is_relative: it is a share of the baseline's mean, not in the metric's unit.
    """

    size: float
    is_relative: bool = False

    def at(self, baseline_mean: float) -> float | None:
        """Return the half-width in the metric's unit; None where the baseline's mean gives none."""
        width = self.size * (abs(baseline_mean) if self.is_relative else 1.0)
        return width if math.isfinite(width) and width > 0.0 else None


POINTS = Margin(0.03)
"""Three points of accuracy: the margin of the paper's claims (baselines/papers/)."""

TENTH = Margin(0.10, is_relative=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One metric.

    Attributes:
        name: in the tables; for an evaluation metric without the split.
        unit: of the value; its decimals are those of the unit.
        help: one line for the glossary.
        key: of metrics.jsonl, or of an evaluation row where there is no `field`.
        source: which file it is read from.
        field: of the samples that an evaluation metric is computed from.
        equals: the metric is the share of the samples whose field has this value; "" averages the
            field itself.
        over: mean over samples, mean over questions of the mean over samples or of the best one,
            or number of rows.
        better: direction that is good.
        margin: that a comparison takes for none; None has to be given one.
        is_required: a finished run without it is an error.
        label: for figure axes, without the unit.
    """

    name: str
    unit: str
    help: str
    key: str = ""
    source: Source = "training"
    field: Field | None = None
    equals: str = ""
    over: Over = "samples"
    better: Better = "neither"
    margin: Margin | None = None
    is_required: bool = False
    label: str = ""

    @property
    def path(self) -> str:
        """Key of metrics.jsonl, or of an evaluation row and the value that counts."""
        key = self.key if self.field is None else self.field.key
        return f"{key}={self.equals}" if self.equals else key

    @property
    def window(self) -> str:
        """What "at the end of training" means for it."""
        if self.source == "evaluation":
            return "last evaluation"
        return f"mean of the last {FINAL_TRAINING_STEPS} training steps"
