"""Rule and numbers -> verdict: the word follows the written rule, the rest is said beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.claims.conditions import NO_NOISE, Condition, Word
from harness.claims.measuring import Measured
from harness.claims.rules import ClaimRule
from harness.stats.intervals import Interval, are_equal, mean_interval
from harness.stats.multiplicity import holm
from harness.stats.paired import compare_paired

MOST_SEEDS = 64
"""More than the fixed list has are never asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One measured quantity and its interval over the seeds that decide."""

    name: str
    interval: Interval
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimVerdict:
    """What a rule said of a claim.

    Attributes:
        word: the verdict.
        reason: one sentence.
        parts: what it rests on; of exploratory seeds alone when `is_exploratory`.
        is_exploratory: the numbers are of seeds that decide nothing.
        p: of the rule's own test of `reproduced`, before correction; NaN where there is none.
        p_holm: corrected over the claims of the ablation; NaN where there is none.
        seeds_needed: seeds at which the rule would decide if mean and spread stayed as they are;
            None if it has decided, or if no number up to `MOST_SEEDS` would do.
        run_ids: the runs behind the numbers.
    """

    word: Word
    reason: str
    parts: tuple[Part, ...] = ()
    is_exploratory: bool = False
    p: float = math.nan
    p_holm: float = math.nan
    seeds_needed: int | None = None
    run_ids: tuple[str, ...] = ()


def judge(
    rule: ClaimRule,
    measured: Sequence[Measured],
    objection: str = "",
    unfinished: Sequence[str] = (),
) -> ClaimVerdict:
    """Apply a rule to what was measured.

    Args:
        rule: the rule.
        measured: from `harness.claims.measuring.measure`.
        objection: why no verdict may rest on these runs (the rule is younger than they are); the
            numbers are then shown as exploratory.
        unfinished: runs of the rule's arms that were asked for and are not done: an arm may fail
            because of what is compared, so the verdict is inconclusive; so it is if a finished run
            has no defined value.
    """
    deciding = [_without(item, rule.exploratory_seeds) for item in measured]
    seeds = _shared(deciding)
    undefined = _undefined(deciding)
    if objection or not seeds:
        shown = measured if not seeds else deciding
        parts = _parts(shown, _shared(shown), rule.level)
        reason = objection or "no seed that may decide is finished in every arm of the rule"
        has_numbers = any(part.seeds for part in parts)
        return ClaimVerdict(
            word=Word.NOT_RUN,
            reason=reason,
            parts=parts if has_numbers else (),
            is_exploratory=has_numbers,
            run_ids=_run_ids(shown) if has_numbers else (),
        )
    parts = _parts(deciding, seeds, rule.level)
    verdict = ClaimVerdict(
        word=Word.INCONCLUSIVE,
        reason="neither condition of the rule holds",
        parts=parts,
        p=_p_value(rule, deciding, seeds),
        run_ids=_run_ids(deciding),
    )
    if unfinished:
        return replace(verdict, reason=f"not every run is complete: {', '.join(unfinished)}")
    if undefined:
        named = ", ".join(map(str, undefined))
        return replace(verdict, reason=f"not every run has a defined value: seed {named}")
    if len(seeds) < rule.min_seeds:
        reason = f"{len(seeds)} of at least {rule.min_seeds} seeds are finished"
        return replace(verdict, reason=reason, seeds_needed=rule.min_seeds)
    intervals = [part.interval for part in parts]
    holds = [condition.holds(intervals) for condition in (rule.reproduced, rule.contradicted)]
    if all(holds):
        return replace(verdict, reason="both conditions of the rule hold: its quantities disagree")
    if holds[0]:
        return replace(verdict, word=Word.REPRODUCED, reason=rule.reproduced.text())
    if holds[1]:
        return replace(verdict, word=Word.CONTRADICTED, reason=rule.contradicted.text())
    if any(are_equal(_values(item, seeds)) for item in deciding):
        return replace(verdict, reason=NO_NOISE)
    return replace(verdict, seeds_needed=_seeds_needed(rule, deciding, seeds))


def correct(verdicts: Sequence[ClaimVerdict]) -> list[ClaimVerdict]:
    """Return the verdicts of one ablation with Holm's correction over all of its claims.

    A claim without a test counts in the size of the family. The words do not change: a rule was
    written for its claim alone; the corrected p says how far it holds among the others.
    """
    adjusted = holm(np.array([verdict.p for verdict in verdicts])) if verdicts else np.empty(0)
    return [replace(v, p_holm=float(p)) for v, p in zip(verdicts, adjusted, strict=True)]


def _without(item: Measured, seeds: Sequence[int]) -> Measured:
    kept = {seed: value for seed, value in item.values.items() if seed not in seeds}
    return replace(item, values=kept)


def _shared(measured: Sequence[Measured]) -> tuple[int, ...]:
    """Return the seeds with a finite value in every quantity, in order."""
    finite = [{s for s, v in item.values.items() if math.isfinite(v)} for item in measured]
    return tuple(sorted(set.intersection(*finite))) if finite else ()


def _undefined(measured: Sequence[Measured]) -> tuple[int, ...]:
    """Return the seeds whose runs are finished and whose value is not defined, in order."""
    found = {s for item in measured for s, v in item.values.items() if not math.isfinite(v)}
    return tuple(sorted(found))


def _parts(measured: Sequence[Measured], seeds: Sequence[int], level: float) -> tuple[Part, ...]:
    parts = []
    for item in measured:
        values = _values(item, seeds)
        interval = (
            mean_interval(values, level=level)
            if values.size
            else Interval(math.nan, math.nan, math.nan)
        )
        parts.append(Part(name=item.name, interval=interval, seeds=tuple(seeds)))
    return tuple(parts)


def _values(item: Measured, seeds: Sequence[int]) -> np.ndarray:
    return np.array([item.values[seed] for seed in seeds], dtype=float)


def _run_ids(measured: Sequence[Measured]) -> tuple[str, ...]:
    return tuple(sorted({run for item in measured for run in item.run_ids}))


def _p_value(rule: ClaimRule, measured: Sequence[Measured], seeds: Sequence[int]) -> float:
    """Return the p of the condition `reproduced`: one-sided t of each quantity at its threshold.

    For `every` quantity the largest counts (all must hold), for `any` the smallest times their
    number.
    """
    condition = rule.reproduced
    found = []
    for item in measured:
        values = _values(item, seeds) - condition.threshold
        test = compare_paired(values, np.zeros_like(values), level=rule.level)
        found.append(test.p_superior if condition.side == "above" else test.p_inferior)
    if not found or any(math.isnan(p) for p in found):
        return math.nan
    return max(found) if condition.quantifier == "every" else min(1.0, min(found) * len(found))


def _seeds_needed(
    rule: ClaimRule, measured: Sequence[Measured], seeds: Sequence[int]
) -> int | None:
    """Return how many seeds would decide if mean and standard deviation stayed as they are."""
    for count in range(len(seeds) + 1, MOST_SEEDS + 1):
        intervals = [_as_if(_values(item, seeds), count, rule.level) for item in measured]
        if _decides(rule.reproduced, intervals) or _decides(rule.contradicted, intervals):
            return count
    return None


def _decides(condition: Condition, intervals: Sequence[Interval]) -> bool:
    return condition.holds(intervals)


def _as_if(values: np.ndarray, count: int, level: float) -> Interval:
    """Return the t interval of `count` values with the mean and deviation of these."""
    base = np.resize(np.array([-1.0, 1.0]), count)
    base = (base - base.mean()) / base.std(ddof=1)
    spread = values.std(ddof=1) if values.size > 1 else math.nan
    return mean_interval(values.mean() + spread * base, level=level)
