"""Rules and what they decide: reproduced, contradicted, inconclusive or not run.

A rule stands in the ablation file, under `rule.<scale>`, and is committed before the study runs:

    claim: <the statement that is judged>
    metric: accuracy_easy                  its value at the end of training, see docs/metrics.md
    arm: {kl: none}                        levels of the arm that the claim favours
    minus: [{kl: loss}, {kl: reward}]      the arms it is compared with, one by one
    interval: {method: paired_t, level: 0.95}
    min_seeds: 3
    reproduced: {every: {low: {above: 0.0}}}
    contradicted: {any: {high: {below: -0.03}}}
    exploratory_seeds: []                  seeds that helped to choose a setting or the rule

`reproduced` and `contradicted` are conditions: `every` or `any` of the differences has its `low`,
`high` or `point` `above` or `below` a number, in the unit of the metric. If neither holds, or the
arms are not complete, the verdict is inconclusive; without a single pair it is not run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple

import numpy as np

from harness.schema import UsageError
from harness.stats.intervals import Interval, paired_t

METHOD = "paired_t"
NO_NOISE = (
    "every seed has the same value: the noise between seeds cannot be estimated, so no interval can"
    " decide"
)
_KEYS = ("claim", "metric", "arm", "minus", "interval", "min_seeds", "reproduced", "contradicted")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of an ablation file, checked."""

    claim: str
    metric: str
    arm: str
    minus: tuple[str, ...]
    level: float
    min_seeds: int
    reproduced: Condition
    contradicted: Condition
    exploratory_seeds: tuple[int, ...] = ()

    def text(self) -> str:
        """Return the rule in one paragraph."""
        others = " and ".join(self.minus)
        return (
            f"Difference: {self.metric} at the end of training, {self.arm} minus {others}, paired"
            f" by seed, {self.level * 100:g} % t interval over at least {self.min_seeds} seeds,"
            f" every run complete. Reproduced if {self.reproduced.text()}; contradicted if"
            f" {self.contradicted.text()}; else inconclusive."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a rule is judged on.

    Attributes:
        values: arm -> seed -> the rule's metric at the end of training, finished runs only.
        unfinished: arm -> seeds that were asked for and are not done.
        steps: training steps of the runs.
        study_steps: training steps that the ablation file asks for.
        scale: of the runs.
    """

    values: Mapping[str, Mapping[int, float]]
    unfinished: Mapping[str, Sequence[int]]
    steps: int
    study_steps: int
    scale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a rule said, and on what.

    Attributes:
        word: the verdict.
        reason: one sentence.
        seeds: the seeds that every arm of the rule has.
        differences: compared arm -> favoured arm minus it.
        label: how far it reaches.
        is_exploratory: a seed that helped to choose settings or the rule is among the seeds.
    """

    word: Word
    reason: str
    seeds: tuple[int, ...]
    label: str
    differences: Mapping[str, Interval] = field(default_factory=dict)
    is_exploratory: bool = False


def read_rule(document: Mapping[str, Any], scale: str, place: str) -> Rule | None:
    """Return the rule for a scale of an ablation file; None if there is none.

    Args:
        document: the ablation file.
        scale: name of the scale.
        place: the file's name, for errors.

    Raises:
        UsageError: a key is missing, unknown or of the wrong kind, or a level does not exist.
    """
    raw = (document.get("rule") or {}).get(scale)
    if raw is None:
        return None
    where = f"rule.{scale} of {place}"
    for key in _KEYS:
        if key not in raw:
            raise UsageError(f"{where} has no `{key}`: add it (format: harness/claims/verdicts.py)")
    unknown = sorted(set(raw) - {*_KEYS, "exploratory_seeds"})
    if unknown:
        raise UsageError(f"{where} has an unknown key `{unknown[0]}`: expected {', '.join(_KEYS)}")
    if raw["interval"].get("method") != METHOD:
        raise UsageError(
            f"{where} asks for interval method {raw['interval'].get('method')!r}: there is {METHOD}"
        )
    factors = document["factors"]
    return Rule(
        claim=str(raw["claim"]),
        metric=str(raw["metric"]),
        arm=_arm(raw["arm"], factors, where),
        minus=tuple(_arm(levels, factors, where) for levels in raw["minus"]),
        level=_number(raw["interval"].get("level"), where),
        min_seeds=_whole(raw["min_seeds"], where),
        reproduced=read_condition(raw["reproduced"], where),
        contradicted=read_condition(raw["contradicted"], where),
        exploratory_seeds=tuple(raw.get("exploratory_seeds") or ()),
    )


def judge(rule: Rule, evidence: Evidence) -> Verdict:
    """Apply a rule.

    Only seeds that every arm of the rule has are used, so that all differences rest on the same
    ones. A run that was asked for and is not done leaves the verdict inconclusive: an arm may fail
    because of what is compared.
    """
    arms = (rule.arm, *rule.minus)
    seeds = shared_seeds(evidence.values, arms)
    pick = {arm: np.array([evidence.values[arm][s] for s in seeds]) for arm in arms if seeds}
    differences = {
        other: paired_t(pick[rule.arm], pick[other], level=rule.level)
        for other in rule.minus
        if seeds
    }
    word, reason = _decide(rule, evidence, seeds, differences)
    return Verdict(
        word=word,
        reason=reason,
        seeds=seeds,
        label=reach(evidence.scale),
        differences=differences,
        is_exploratory=bool(set(seeds) & set(rule.exploratory_seeds)),
    )


def reach(scale: str) -> str:
    """Return how far a verdict at a scale reaches."""
    if scale == "micro":
        return "micro scale: no evidence about 7B"
    return f"scale {scale}: evidence about this scale only"


def shared_seeds(values: Mapping[str, Mapping[int, float]], arms: Sequence[str]) -> tuple[int, ...]:
    """Return the seeds with a finite value in every one of the arms, in order."""
    finite = [
        {seed for seed, value in values.get(arm, {}).items() if math.isfinite(value)}
        for arm in arms
    ]
    return tuple(sorted(set.intersection(*finite))) if finite else ()


def _decide(
    rule: Rule,
    evidence: Evidence,
    seeds: Sequence[int],
    differences: Mapping[str, Interval],
) -> tuple[Word, str]:
    if evidence.steps != evidence.study_steps:
        return Word.NOT_RUN, (
            f"the runs have {evidence.steps} steps and the rule judges {evidence.study_steps}"
        )
    if not seeds:
        return Word.NOT_RUN, "no seed is complete in every arm of the rule"
    broken = [
        f"{arm} seed {seed}"
        for arm in (rule.arm, *rule.minus)
        for seed in evidence.unfinished.get(arm, ())
    ]
    if broken:
        return Word.INCONCLUSIVE, f"not every run is complete: {', '.join(broken)}"
    if len(seeds) < rule.min_seeds:
        return Word.INCONCLUSIVE, f"{len(seeds)} of at least {rule.min_seeds} seeds are complete"
    intervals = list(differences.values())
    is_reproduced = rule.reproduced.holds(intervals)
    is_contradicted = rule.contradicted.holds(intervals)
    if is_reproduced and not is_contradicted:
        return Word.REPRODUCED, rule.reproduced.text()
    if is_contradicted and not is_reproduced:
        return Word.CONTRADICTED, rule.contradicted.text()
    if is_reproduced:
        return Word.INCONCLUSIVE, "both conditions of the rule hold: the arms disagree"
    if len(seeds) > 1 and any(math.isnan(interval.low) for interval in intervals):
        return Word.INCONCLUSIVE, NO_NOISE
    return Word.INCONCLUSIVE, "neither condition of the rule holds"


def _arm(levels: Mapping[str, Any], factors: Mapping[str, Any], where: str) -> str:
    if set(levels) != set(factors):
        raise UsageError(
            f"{where} names an arm by {', '.join(levels)}: expected one level of each factor"
            f" ({', '.join(factors)})"
        )
    for factor, level in levels.items():
        if level not in factors[factor]:
            raise UsageError(
                f"{where} names level {factor}={level}: choose one of {', '.join(factors[factor])}"
            )
    return ",".join(f"{factor}={levels[factor]}" for factor in factors)


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


def _whole(raw: Any, where: str) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < 2:
        raise UsageError(f"{where} has min_seeds {raw!r}: expected a whole number from 2")
    return raw
