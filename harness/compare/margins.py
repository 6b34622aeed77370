"""For each metric: which direction is good, and how large a difference counts as none.

The one place where margins stand. They are conventions, stated before any comparison: three points
of accuracy is the margin of the paper's claims (baselines/papers/). `margin=` replaces one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from harness.metrics.columns import split_of

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, slots=True)
class Convention:
    """How differences in a metric are read.

    Attributes:
        better: direction that is good.
        margin: half-width of the region that counts as the same, > 0; NaN is none.
        is_relative: the margin is a share of the baseline's mean, not in the metric's unit.
    """

    better: Better
    margin: float
    is_relative: bool = False


CONVENTIONS = {
    "accuracy": Convention("higher", 0.03),
    "reward": Convention("higher", 0.03),
    "reward_with_kl": Convention("higher", 0.03),
    "format": Convention("higher", 0.03),
    "wrong": Convention("lower", 0.03),
    "unparsable": Convention("lower", 0.03),
    "truncated": Convention("lower", 0.03),
    "clipped_share": Convention("lower", 0.03),
    "reflection": Convention("neither", 0.05),
    "response_length": Convention("neither", 0.10, is_relative=True),
    "response_tokens": Convention("neither", 0.10, is_relative=True),
    "value_explained_variance": Convention("higher", 0.05),
    "rollout_probs_diff": Convention("lower", 0.001),
    "step_time": Convention("lower", 0.10, is_relative=True),
    "tokens": Convention("lower", 0.10, is_relative=True),
    "throughput": Convention("higher", 0.10, is_relative=True),
}
"""Column name -> convention; an evaluation metric stands here without its split."""

NO_CONVENTION = Convention("neither", math.nan)
"""Of every other metric: shown, with no margin unless one is given."""


def convention_of(metric: str) -> Convention:
    """Return how a metric's differences are read, by its full name."""
    return CONVENTIONS.get(metric) or CONVENTIONS.get(split_of(metric)[0]) or NO_CONVENTION


def margin_of(metric: str, baseline_mean: float, given: float | None = None) -> float | None:
    """Return the margin in the metric's unit; None if there is none.

    Args:
        metric: full name.
        baseline_mean: of the baseline at the end of training, for relative margins.
        given: replaces the convention, in the metric's unit.
    """
    if given is not None:
        return given
    convention = convention_of(metric)
    margin = convention.margin * (abs(baseline_mean) if convention.is_relative else 1.0)
    return margin if math.isfinite(margin) and margin > 0.0 else None
