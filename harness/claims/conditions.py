"""The words of a verdict and the conditions that decide between them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from harness.schema import UsageError
from harness.stats.intervals import Interval

NO_NOISE = (
    "every seed has the same value: the noise between seeds cannot be estimated, so no interval can"
    " decide"
)

_BOUNDS = {"low": "lower bound", "high": "upper bound", "point": "estimate"}


class Word(StrEnum):
    """What a rule can say."""

    REPRODUCED = "reproduced"
    CONTRADICTED = "contradicted"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not_run"


class Condition(NamedTuple):
    """`every` or `any` difference has a bound above or below a number."""

    quantifier: Literal["every", "any"]
    bound: Literal["low", "high", "point"]
    side: Literal["above", "below"]
    threshold: float

    def holds(self, intervals: Sequence[Interval]) -> bool:
        """Return whether it holds; a NaN bound satisfies nothing, and neither do no intervals."""
        values = [getattr(interval, self.bound) for interval in intervals]
        met = [v > self.threshold if self.side == "above" else v < self.threshold for v in values]
        return bool(met) and (all(met) if self.quantifier == "every" else any(met))

    def text(self) -> str:
        """Return it in words, without the subject."""
        number = f"{self.threshold:g}"
        return f"the {_BOUNDS[self.bound]} of {self.quantifier} difference is {self.side} {number}"


def reach(scale: str) -> str:
    """Return how far a verdict at a scale reaches."""
    if scale == "micro":
        return "micro scale: no evidence about 7B"
    return f"scale {scale}: evidence about this scale only"


def read_condition(raw: Any, where: str) -> Condition:
    """Return a condition such as `{every: {low: {above: 0}}}`.

    Raises:
        UsageError: it is of another form.
    """
    try:
        ((quantifier, rest),) = raw.items()
        ((bound, test),) = rest.items()
        ((side, threshold),) = test.items()
    except (AttributeError, TypeError, ValueError) as error:
        raise UsageError(
            f"{where} has the condition {raw!r}: expected one like {{every: {{low: {{above: 0}}}}}}"
        ) from error
    is_known = quantifier in ("every", "any") and bound in _BOUNDS and side in ("above", "below")
    if not is_known:
        raise UsageError(
            f"{where} has the condition {raw!r}: expected every|any, low|high|point, above|below"
        )
    return Condition(quantifier, bound, side, _number(threshold, where))


def _number(raw: Any, where: str) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise UsageError(f"{where} has {raw!r} where a number is expected")
    return float(raw)
