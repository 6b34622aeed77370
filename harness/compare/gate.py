"""The verdict as an exit code: passes, worse, or cannot tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.compare.effects import Effect
from harness.compare.operating import OperatingCurve
from harness.schema import ExitCode
from harness.stats.multiplicity import holm
from harness.text import interval, number


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a comparison says about one metric, and about the others beside it.

    Attributes:
        code: OK, WORSE or CANNOT_TELL.
        word: the same as a word.
        reason: why, with every metric that is worse.
        worse: metrics that are worse, the judged one first.
        operating: how often a gate like this one passes what is worse; None if nobody can say.
    """

    code: ExitCode
    word: str
    reason: str
    worse: tuple[str, ...] = ()
    operating: OperatingCurve | None = None


def judge(
    effect: Effect,
    *,
    is_same: bool,
    repeats: str = "",
    unfinished: Sequence[str] = (),
    shortfalls: Sequence[str] = (),
    others: Sequence[Effect] = (),
) -> Gate:
    """Judge the gate's metric, and say which others are worse.

    It passes if the interval excludes a loss as large as the margin; is worse if the interval
    excludes 0 on the bad side and not such a loss; else nobody can tell. A metric without a good
    direction passes if its interval lies inside the margin, and differs ("worse") if it lies
    outside of it. A candidate does not pass by its survivors: a run of it that is not done, or has
    no value at the end, may be missing because of what is compared.

    Another metric makes the gate worse as well if its loss is at least its margin and differs from
    0 after a correction (Holm) for the number of the others.

    Args:
        effect: of the judged metric.
        is_same: both sides are the very same runs, which no interval is needed to judge.
        repeats: metrics that are equal number by number, in words; "" if the judged one is not.
        unfinished: the candidate's runs that are not done, in words.
        shortfalls: what else keeps the candidate from passing, in words.
        others: effects of the other metrics.
    """
    own = _judge_one(effect, is_same, repeats)
    if own.code is ExitCode.OK:
        known = tuple(text.partition(" (")[0] for text in unfinished)
        seeds = [seed for seed in effect.lacking if f"seed {seed}" not in known]
        lacking = [*unfinished, *(f"seed {seed} (no value)" for seed in seeds)]
        missing = f"not every run of the candidate is complete: {', '.join(lacking)}"
        because = [*([missing] if lacking else []), *shortfalls]
        own = _untold(f"{own.reason}, but {'; '.join(because)}") if because else own
    if is_same:
        return own
    lost = [other for other in others if _is_worse(other)]
    decisive = _decisive(others)
    names = (*((effect.metric,) if own.code is ExitCode.WORSE else ()), *(e.metric for e in lost))
    besides = [*(_loss(e, e in decisive) for e in lost), *map(_shift, filter(_is_outside, others))]
    reason = own.reason + (f". Besides: {'; '.join(besides)}" if besides else "")
    if decisive and own.code is not ExitCode.WORSE:
        listed = ", ".join(e.metric for e in decisive)
        reason = f"{listed} lost at least the margin. The judged metric {own.word}: {reason}"
        return Gate(code=ExitCode.WORSE, word="worse", reason=reason, worse=names)
    return Gate(code=own.code, word=own.word, reason=reason, worse=names)


def _judge_one(effect: Effect, is_same: bool, repeats: str) -> Gate:
    margin = effect.difference.margin
    _, low, high = effect.difference.interval
    said = _said(effect)
    if is_same and math.isfinite(effect.candidate):
        return _passes("both sides are the same runs")
    if repeats:
        return _passes(f"the same result under another id: {repeats}")
    if margin is None:
        return _untold(f"{effect.metric} has no margin by convention: give margin=<number>")
    if not (math.isfinite(low) and math.isfinite(high)):
        return _untold(f"{said}: {effect.difference.note or 'there is no interval'}")
    bound = f"margin {number(margin, effect.unit)}"
    if effect.better == "neither":
        is_inside, is_worse = -margin < low and high < margin, high < -margin or low > margin
        passes, fails = "lies inside the margin", "lies outside the margin"
    else:
        worst, best = (low, high) if effect.better == "higher" else (-high, -low)
        is_inside, is_worse = worst > -margin, best < 0.0
        passes = "excludes a loss as large as the margin"
        fails = "excludes 0 and not a loss as large as the margin"
    if is_inside:
        return _passes(f"{said} {passes} ({bound})")
    if is_worse:
        return Gate(code=ExitCode.WORSE, word="worse", reason=f"{said} {fails} ({bound})")
    return _untold(f"{said} excludes neither 0 nor a loss as large as the margin ({bound})")


def _decisive(others: Sequence[Effect]) -> list[Effect]:
    """Find the other metrics that lost their margin, and not by chance."""
    judged = [e for e in others if e.better != "neither" and math.isfinite(_chance_of_loss(e))]
    if not judged:
        return []
    chances = holm(np.array([_chance_of_loss(e) for e in judged]))
    # one side of the interval: the rate at which the judged metric is called worse, too
    alpha = (1.0 - judged[0].difference.level) / 2.0
    return [
        effect
        for effect, chance in zip(judged, chances, strict=True)
        if chance <= alpha
        and effect.difference.margin is not None
        and _loss_of(effect) >= effect.difference.margin
    ]


def _chance_of_loss(effect: Effect) -> float:
    """Return the one-sided p of "there is no loss"."""
    difference = effect.difference
    return difference.p_inferior if effect.better == "higher" else difference.p_superior


def _loss_of(effect: Effect) -> float:
    point = effect.difference.interval.point
    return -point if effect.better == "higher" else point


_DECIDES = ", which decides"


def _is_worse(effect: Effect) -> bool:
    return effect.better != "neither" and effect.superiority == "worse"


def _is_outside(effect: Effect) -> bool:
    """Tell whether a metric without a good direction differs by more than its margin."""
    margin, (_, low, high) = effect.difference.margin, effect.difference.interval
    return effect.better == "neither" and margin is not None and (high < -margin or low > margin)


def _loss(effect: Effect, is_decisive: bool) -> str:
    margin = effect.difference.margin
    bound = "no margin" if margin is None else f"margin {number(margin, effect.unit)}"
    return f"{effect.metric} is worse, {_way(effect)} ({bound}){_DECIDES if is_decisive else ''}"


def _shift(effect: Effect) -> str:
    margin = number(effect.difference.margin or math.nan, effect.unit)
    return f"{effect.metric} is {_way(effect)} (margin {margin}; neither direction is worse)"


def _way(effect: Effect) -> str:
    """Return direction and size of a difference, with its interval."""
    point, low, high = effect.difference.interval
    way = "higher" if point > 0.0 else "lower"
    return f"{way} by {number(abs(point), effect.unit)} {interval(low, high, effect.unit)}"


def _said(effect: Effect) -> str:
    point, low, high = effect.difference.interval
    unit = effect.unit
    return f"{effect.metric}: {number(point, unit, sign=True)} {interval(low, high, unit)}"


def _passes(reason: str) -> Gate:
    return Gate(code=ExitCode.OK, word="passes", reason=reason)


def _untold(reason: str) -> Gate:
    return Gate(code=ExitCode.CANNOT_TELL, word="cannot tell", reason=reason)
