"""The verdict as an exit code: passes, worse, or cannot tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.compare.effects import Effect
from harness.schema import ExitCode
from harness.text import interval, number


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a comparison says about one metric.

    Attributes:
        code: OK, WORSE or CANNOT_TELL.
        word: the same as a word.
        reason: one sentence.
    """

    code: ExitCode
    word: str
    reason: str


def judge(effect: Effect, *, is_same: bool, unfinished: Sequence[str] = ()) -> Gate:
    """Judge the gate's metric.

    It passes if the interval excludes a loss as large as the margin; is worse if the interval
    excludes 0 on the bad side and not such a loss; else nobody can tell. A metric without a good
    direction passes if its interval lies inside the margin, and differs ("worse") if it lies
    outside of it. A candidate does not pass by its survivors: a run of it that is not done, or has
    no value at the end, may be missing because of what is compared.

    Args:
        effect: of the metric.
        is_same: both sides are the very same runs, which no interval is needed to judge.
        unfinished: the candidate's runs that are not done, in words.
    """
    margin = effect.difference.margin
    point, low, high = effect.difference.interval
    unit = effect.unit
    said = f"{effect.metric}: {number(point, unit, sign=True)} {interval(low, high, unit)}"
    if is_same and math.isfinite(effect.candidate):
        return Gate(code=ExitCode.OK, word="passes", reason="both sides are the same runs")
    if margin is None:
        return _untold(f"{effect.metric} has no margin by convention: give margin=<number>")
    if not (math.isfinite(low) and math.isfinite(high)):
        return _untold(f"{said}: {effect.difference.note or 'there is no interval'}")
    bound = f"margin {number(margin, unit)}"
    if effect.better == "neither":
        is_inside, is_worse = -margin < low and high < margin, high < -margin or low > margin
        passes, fails = "lies inside the margin", "lies outside the margin"
    else:
        worst, best = (low, high) if effect.better == "higher" else (-high, -low)
        is_inside, is_worse = worst > -margin, best < 0.0
        passes = "excludes a loss as large as the margin"
        fails = "excludes 0 and not a loss as large as the margin"
    lacking = [*unfinished, *(f"seed {seed} (no value)" for seed in effect.lacking)]
    if is_inside and lacking:
        return _untold(
            f"{said} {passes} ({bound}), but not every run of the candidate is complete:"
            f" {', '.join(lacking)}"
        )
    if is_inside:
        return Gate(code=ExitCode.OK, word="passes", reason=f"{said} {passes} ({bound})")
    if is_worse:
        return Gate(code=ExitCode.WORSE, word="worse", reason=f"{said} {fails} ({bound})")
    return _untold(f"{said} excludes neither 0 nor a loss as large as the margin ({bound})")


def _untold(reason: str) -> Gate:
    return Gate(code=ExitCode.CANNOT_TELL, word="cannot tell", reason=reason)
