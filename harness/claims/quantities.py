"""What a claim measures in each training seed: one number from the curves of one arm or of several.

    measure: level          mean over `at` (the end of training where it is not given)
    measure: change         level minus that of the start (or of `since`)
    measure: largest_fall   how far the mean of `window` steps falls below its highest so far
    measure: stable_steps   step at which that mean first lost `share` of its highest so far
    measure: first_step     step at which that mean first reaches `reach`
    measure: slope_break    slope after step `around` minus the slope before it, per 100 steps
    measure: change_point   step at which two straight lines fit the curve best
    measure: share_below    share of the steps, of those at which the metric is defined, at which it
                            is below `reach`

`minus` takes another arm's number from it, within each seed; `less` takes such a difference of two
other arms from that (an interaction). `ratio: true` turns a change or a difference of levels into a
ratio: it is measured as a logarithm, whose mean over seeds is that of a geometric mean.

Axis letters: ``S`` training seeds, ``T`` steps; ``...`` any axes before them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Measure = Literal[
    "level",
    "change",
    "largest_fall",
    "stable_steps",
    "first_step",
    "slope_break",
    "change_point",
    "share_below",
]
Span = tuple[int, int]

_FEWEST = 3
"""Points that a straight line of a break is fitted to, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One number per seed.

    Attributes:
        measure: see above.
        metric: full name (docs/metrics.md).
        arm: "factor=level", joined by commas.
        minus: another arm, or "".
        less: two further arms whose difference is taken from the first, or empty.
        ratio: whether it is a ratio; then its values are natural logarithms.
        at: first and last step of the window; None for the end of training, or for all steps of a
            share.
        since: the same for the start of a change; None for the metric's first step.
        window: steps of the moving mean.
        share: of its highest that a curve loses when it is no longer stable, in (0, 1).
        reach: value that `first_step` waits for or `share_below` compares with, in the metric's
            unit.
        around: step of `slope_break`.
    """

    measure: Measure
    metric: str
    arm: str
    minus: str = ""
    less: tuple[str, ...] = ()
    ratio: bool = False
    at: Span | None = None
    since: Span | None = None
    window: int = 5
    share: float = 0.5
    reach: float = 0.0
    around: int = 0

    @property
    def arms(self) -> tuple[str, ...]:
        """Every arm that it looks at."""
        return tuple(filter(None, (self.arm, self.minus, *self.less)))

    @property
    def neutral(self) -> float | None:
        """What it is worth where nothing happens: 0, or 1 for a ratio; None where that is unknown.

        A curve that never falls is stable to the end, without bound.
        """
        if self.ratio:
            return 1.0
        if self.minus or self.measure in ("change", "largest_fall", "slope_break"):
            return 0.0
        return np.inf if self.measure == "stable_steps" else None

    def name(self) -> str:
        """Return it in words."""
        arms = self.arm + (f" {'over' if self.ratio else '-'} {self.minus}" if self.minus else "")
        if self.less:
            arms = f"({arms}) - ({self.less[0]} - {self.less[1]})"
        if self.measure == "share_below":
            at = "the steps" if self.at is None else f"steps {self.at[0]} to {self.at[1]}"
        else:
            at = _span_text(self.at)
        what = _WORDS[self.measure].format(q=self, at=at)
        if self.measure == "change":
            what += f"{' over' if self.ratio else ' minus'} {_span_text(self.since, 'the start')}"
        return f"{self.metric} of {arms}, {what}"


_WORDS: Mapping[str, str] = {
    "level": "{at}",
    "change": "{at}",
    "largest_fall": "largest fall of the {q.window}-step mean below its highest so far",
    "stable_steps": "first step at which the {q.window}-step mean has lost {q.share:.0%} of its"
    " highest so far",
    "first_step": "first step with a {q.window}-step mean of {q.reach:g} or more",
    "slope_break": "slope after step {q.around} minus slope before, per 100 steps",
    "change_point": "step at which two straight lines fit best",
    "share_below": "share of {at} with a value below {q.reach:g}",
}


def _span_text(span: Span | None, default: str = "end of training") -> str:
    return default if span is None else f"mean of steps {span[0]} to {span[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Curves of one metric, arm by arm, whole seeds only.

    Attributes:
        step_T: steps, rising, shape (steps,).
        value: arm -> values, shape (..., seeds, steps); NaN is undefined.
        end: first and last step of the end of training.
        start: the same of the start.
    """

    step_T: np.ndarray
    value: Mapping[str, np.ndarray] = field(default_factory=dict)
    end: Span
    start: Span


def values_of(quantity: Quantity, curves: Curves) -> np.ndarray:
    """Return a quantity in each seed, shape (..., seeds); NaN where it is undefined.

    Raises:
        KeyError: an arm has no curves.
    """
    one = _single(quantity, curves, quantity.arm)
    if quantity.minus:
        one = one - _single(quantity, curves, quantity.minus)
    if quantity.less:
        first, second = (_single(quantity, curves, arm) for arm in quantity.less)
        one = one - (first - second)
    return np.asarray(one)


def _single(quantity: Quantity, curves: Curves, arm: str) -> np.ndarray:
    return _MEASURES[quantity.measure](quantity, curves, curves.value[arm])


def _mean(curves: Curves, value_ST: np.ndarray, span: Span) -> np.ndarray:
    """Return the mean over a window of steps; NaN if a step of it is not there."""
    inside_T = (curves.step_T >= span[0]) & (curves.step_T <= span[1])
    # evaluations come every few steps: a window needs one of them at its end, not each step
    if not inside_T.any() or curves.step_T[-1] < span[1]:
        return np.full(value_ST.shape[:-1], np.nan)
    return np.asarray(value_ST[..., inside_T].mean(axis=-1))


def _log(value: np.ndarray) -> np.ndarray:
    # a ratio of something that is not above 0 is undefined, not endless
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(value > 0, np.log(value), np.nan))


def _level(quantity: Quantity, curves: Curves, value_ST: np.ndarray) -> np.ndarray:
    mean = _mean(curves, value_ST, quantity.at or curves.end)
    return _log(mean) if quantity.ratio else np.asarray(mean)


def _change(quantity: Quantity, curves: Curves, value_ST: np.ndarray) -> np.ndarray:
    first = _mean(curves, value_ST, quantity.since or curves.start)
    last = _mean(curves, value_ST, quantity.at or curves.end)
    return np.asarray(_log(last) - _log(first) if quantity.ratio else last - first)


def _moving(value_ST: np.ndarray, window: int) -> np.ndarray:
    """Return means over `window` points, shape (..., steps - window + 1)."""
    if value_ST.shape[-1] < window:
        return np.full((*value_ST.shape[:-1], 1), np.nan)
    views = np.lib.stride_tricks.sliding_window_view(value_ST, window, axis=-1)
    return np.asarray(views.mean(axis=-1))


def _largest_fall(quantity: Quantity, curves: Curves, value_ST: np.ndarray) -> np.ndarray:
    mean = _moving(value_ST, quantity.window)
    return np.asarray((np.maximum.accumulate(mean, axis=-1) - mean).max(axis=-1))


def _stable_steps(quantity: Quantity, curves: Curves, value_ST: np.ndarray) -> np.ndarray:
    mean = _moving(value_ST, quantity.window)
    highest = np.maximum.accumulate(mean, axis=-1)
    return _first_time(mean < (1 - quantity.share) * highest, mean, quantity, curves)


def _first_step(quantity: Quantity, curves: Curves, value_ST: np.ndarray) -> np.ndarray:
    mean = _moving(value_ST, quantity.window)
    return _first_time(mean >= quantity.reach, mean, quantity, curves)


def _first_time(
    is_met: np.ndarray, mean: np.ndarray, quantity: Quantity, curves: Curves
) -> np.ndarray:
    """Return the step of the first time; one that never came is censored at the last step.

    The mean over seeds is then that of the time restricted to the length of the runs (Royston and
    Parmar 2013, BMC Med. Res. Methodol. 13:152), which all runs of a study share.
    """
    # a moving mean is dated by the last step of its window: before it nobody could know it
    step_T = curves.step_T[min(quantity.window, len(curves.step_T)) - 1 :]
    first = step_T[is_met.argmax(axis=-1)].astype(float)
    first = np.where(is_met.any(axis=-1), first, float(step_T[-1]))
    return np.where(np.isfinite(mean).all(axis=-1), first, np.nan)


def _slopes(step_T: np.ndarray, value_ST: np.ndarray) -> np.ndarray:
    """Return least-squares slopes, per step."""
    centred_T = step_T - step_T.mean()
    return np.asarray(value_ST @ centred_T / (centred_T @ centred_T))


def _slope_break(quantity: Quantity, curves: Curves, value_ST: np.ndarray) -> np.ndarray:
    is_before_T = curves.step_T < quantity.around
    if min(is_before_T.sum(), (~is_before_T).sum()) < _FEWEST:
        return np.full(value_ST.shape[:-1], np.nan)
    before, after = (
        _slopes(curves.step_T[part_T], value_ST[..., part_T])
        for part_T in (is_before_T, ~is_before_T)
    )
    return np.asarray(100 * (after - before))


def _change_point(quantity: Quantity, curves: Curves, value_ST: np.ndarray) -> np.ndarray:
    steps = curves.step_T
    if steps.size < 2 * _FEWEST:
        return np.full(value_ST.shape[:-1], np.nan)
    places = range(_FEWEST, steps.size - _FEWEST + 1)
    lost = np.stack(
        [
            _misfit(steps[:p], value_ST[..., :p]) + _misfit(steps[p:], value_ST[..., p:])
            for p in places
        ]
    )
    best = np.asarray(steps[_FEWEST + lost.argmin(axis=0)], dtype=float)
    return np.where(np.isfinite(value_ST).all(axis=-1), best, np.nan)


def _misfit(step_T: np.ndarray, value_ST: np.ndarray) -> np.ndarray:
    """Return the sum of squares that a straight line leaves."""
    centred_T = step_T - step_T.mean()
    rest = value_ST - value_ST.mean(axis=-1, keepdims=True)
    along = rest @ centred_T
    return np.asarray((rest**2).sum(axis=-1) - along**2 / (centred_T @ centred_T))


def _share_below(quantity: Quantity, curves: Curves, value_ST: np.ndarray) -> np.ndarray:
    low, high = quantity.at or (curves.step_T[0], curves.step_T[-1])
    value_ST = value_ST[..., (curves.step_T >= low) & (curves.step_T <= high)]
    # a metric of repeated tokens is undefined at steps without one: they are no step of either kind
    defined = np.isfinite(value_ST).sum(axis=-1)
    below = (value_ST < quantity.reach).sum(axis=-1)
    return np.where(defined > 0, below / np.maximum(defined, 1), np.nan)


_MEASURES: Mapping[str, Callable[[Quantity, Curves, np.ndarray], np.ndarray]] = {
    "level": _level,
    "change": _change,
    "largest_fall": _largest_fall,
    "stable_steps": _stable_steps,
    "first_step": _first_step,
    "slope_break": _slope_break,
    "change_point": _change_point,
    "share_below": _share_below,
}
