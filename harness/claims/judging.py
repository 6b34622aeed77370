"""Rule and numbers -> verdict: the word, what it rests on, and how far it holds among others.

And how often a fresh study of the same size would say the same word.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.claims.deciding import Decisions, Sample, Word, decide
from harness.claims.measuring import Measured
from harness.claims.registration import Standing
from harness.claims.rules import ClaimRule
from harness.stats.intervals import Interval
from harness.stats.look_p_values import sequential_p
from harness.stats.looks import Design, Look, Shown, look_intervals, shown_interval
from harness.stats.looks import standing as seeds_standing
from harness.stats.multiplicity import holm
from harness.stats.replication import replication_chance, split_agreement

DESIGN = Design(alpha=0.02)
"""Looks at 5, 8 and 12 seeds. Either word errs in 2 % of studies over all of them if noise is
normal, and in less than 5 % with the noise of stored runs (`harness.claims.linting`); at 2.5 % it
did not keep that."""


STUDIES = 1000
"""Fresh studies: a share near one half has a standard error of 0.016."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One measured part and its interval.

    Attributes:
        measured: what was measured; of a ratio the logarithm.
        interval: point and bounds on the scale of the threshold; NaN is undefined.
        level: of the interval.
        kind: "look", whose bounds decide, or "anytime", whose bounds decide nothing.
        looks: each look that was reached, in order, and the interval there.
    """

    measured: Measured
    interval: Interval
    level: float
    kind: str
    looks: tuple[tuple[Look, Interval], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimVerdict:
    """What a rule said of a claim.

    Attributes:
        word: the verdict.
        reason: one sentence.
        estimates: of the parts of the rule; none without runs.
        control: of the parts of its control; none where the study has no such arm.
        seeds: that were there; the first of them decide, up to the last look.
        seeds_at_look: of the look that decided or was reached last; 0 before the first.
        next_look: seeds at the next look; 0 if the rule has decided or there is none.
        p: one-sided, over all looks, of the word that was said; NaN where there is none.
        p_holm: corrected over the primary claims of the paper; NaN for others.
        standing: whether the rule is older than the numbers.
        replication: share of fresh studies of the same size that would say the same word, in
            [0, 1]; NaN where it is not known.
        halves: share of the ways to halve the seeds in which both halves say this word, in [0, 1];
            NaN where a half does not reach the first look.
        run_ids: the runs behind the numbers.
    """

    word: Word
    reason: str
    estimates: tuple[Estimate, ...] = ()
    control: tuple[Estimate, ...] = ()
    seeds: tuple[int, ...] = ()
    seeds_at_look: int = 0
    next_look: int = 0
    p: float = math.nan
    p_holm: float = math.nan
    standing: Standing | None = None
    replication: float = math.nan
    halves: float = math.nan
    run_ids: tuple[str, ...] = ()

    @property
    def survives(self) -> bool:
        """Whether the word holds after the correction over the primary claims."""
        return self.p_holm <= DESIGN.alpha


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What a rule is judged on.

    Attributes:
        parts: of the rule.
        control: of its control.
        unfinished: runs of the rule's arms that were asked for and are not done: an arm may fail
            because of what is compared.
        steps: training steps of the runs.
    """

    parts: Sequence[Measured]
    control: Sequence[Measured] = ()
    unfinished: Sequence[str] = ()
    steps: int = 0


def judge(rule: ClaimRule, numbers: Numbers) -> ClaimVerdict:
    """Apply a rule to what was measured."""
    parts = [_without(item, rule.exploratory_seeds) for item in numbers.parts]
    control = [_without(item, rule.exploratory_seeds) for item in numbers.control]
    seeds = _shared(parts)
    if not seeds:
        reason = "no seed that may decide is finished in every arm of the rule"
        return ClaimVerdict(word=Word.NOT_RUN, reason=reason)
    where = seeds_standing(DESIGN, len(seeds))
    verdict = ClaimVerdict(
        word=Word.INCONCLUSIVE,
        reason="",
        estimates=_estimates(parts, seeds),
        control=_estimates(control, _shared(control)),
        seeds=seeds,
        seeds_at_look=where.look.seeds if where.look else 0,
        next_look=where.next_seeds or 0,
        run_ids=tuple(sorted({run for item in parts for run in item.run_ids})),
    )
    if objection := _objection(rule, numbers, parts):
        return replace(verdict, reason=objection)
    if where.look is None:
        reason = f"{len(seeds)} seeds are finished, the first look is at {where.next_seeds}"
        return replace(verdict, reason=reason)
    return _decided(rule, parts, control, verdict)


def correct(verdicts: Sequence[ClaimVerdict], is_primary: Sequence[bool]) -> list[ClaimVerdict]:
    """Correct the verdicts of a paper by Holm's method over its primary claims.

    Each of the two words is a family of its own, at the error rate that it has for one claim. A
    primary claim without that word counts in the size of the family: it is what was declared, not
    what happened to be said.
    """
    found = list(verdicts)
    for word in (Word.REPRODUCED, Word.CONTRADICTED):
        p_C = np.array([v.p if v.word is word else math.nan for v in verdicts])
        places = np.flatnonzero(is_primary)
        for place, p in zip(places, holm(p_C[places]), strict=True):
            if found[place].word is word:
                found[place] = replace(found[place], p_holm=float(p))
    return found


def samples_of(measured: Sequence[Measured], seeds: Sequence[int]) -> list[Sample]:
    """Shape what was measured as samples of a single study, the form that `decide` takes."""
    return [Sample(_values(item, seeds)[None, :], item.size) for item in measured]


def _shared_values(
    measured: Sequence[Measured], exploratory: Sequence[int]
) -> tuple[tuple[int, ...], np.ndarray]:
    """Find the deciding seeds that all parts share, and their values, shape (seeds, parts)."""
    kept = [_without(item, exploratory) for item in measured]
    seeds = _shared(kept)
    return seeds, np.array([[item.values[seed] for item in kept] for seed in seeds])


def with_replication(rule: ClaimRule, numbers: Numbers, verdict: ClaimVerdict) -> ClaimVerdict:
    """Say how often fresh studies, and halves of this one, would say the same word.

    Args:
        rule: the rule.
        numbers: what it was judged on.
        verdict: what it said of them; without a look it stays as it is.
    """
    if not verdict.seeds_at_look or verdict.word is Word.NOT_RUN:
        return verdict
    measured = (*numbers.parts, *numbers.control)
    seeds, value_SC = _shared_values(measured, rule.exploratory_seeds)
    if not seeds:
        return verdict

    def words(value_BCS: np.ndarray) -> np.ndarray:
        samples = [Sample(value_BCS[:, at], item.size) for at, item in enumerate(measured)]
        split = len(numbers.parts)
        return decide(rule, samples[:split], samples[split:], DESIGN).word_R

    # the study decides the seed of its own simulation: the same numbers, the same share
    rng = np.random.default_rng([int(abs(x) * 1e6) for x in value_SC.mean(axis=0)])
    chance = replication_chance(value_SC.T, words, rng=rng, studies=STUDIES).chance
    # the looks end at the last: what came after it has no part in the word
    value_CS = value_SC.T[:, : DESIGN.seeds[-1]]
    can_halve = value_CS.shape[1] >= 2 * DESIGN.seeds[0]
    halves = split_agreement(value_CS, words) if can_halve else math.nan
    return replace(verdict, replication=chance, halves=halves)


def shown_scale(item: Measured, interval: Interval) -> Interval:
    """Return an interval on the scale of the threshold: of a ratio the exponentials."""
    if not item.part.quantity.ratio:
        return interval
    return Interval(*(math.exp(bound) for bound in interval))


def _objection(rule: ClaimRule, numbers: Numbers, parts: Sequence[Measured]) -> str:
    """Say why these runs decide nothing, whatever they say; "" if they may."""
    if numbers.steps < rule.steps:
        return f"the runs have {numbers.steps} steps, the rule needs {rule.steps}"
    if numbers.unfinished:
        return f"not every run is complete: {', '.join(numbers.unfinished)}"
    undefined = sorted(
        {s for item in parts for s, v in item.values.items() if not math.isfinite(v)}
    )
    if undefined:
        return f"not every run has a defined value: seed {', '.join(map(str, undefined))}"
    return ""


def _decided(
    rule: ClaimRule,
    parts: Sequence[Measured],
    control: Sequence[Measured],
    verdict: ClaimVerdict,
) -> ClaimVerdict:
    seeds, shared = verdict.seeds, _shared(control)
    # a control arm with fewer seeds is shown at the looks that it reaches
    found = decide(
        rule, samples_of(parts, seeds), samples_of(control, shared) if shared else (), DESIGN
    )
    word = Word(str(found.word_R[0]))
    is_over = word in (Word.REPRODUCED, Word.CONTRADICTED)
    used = int(found.seeds_R[0])
    return replace(
        verdict,
        word=word,
        reason=_reason(rule, word, verdict, bool(shared)),
        seeds_at_look=used,
        next_look=0 if is_over else verdict.next_look,
        p=_p_of(word, found),
    )


def _p_of(word: Word, found: Decisions) -> float:
    """Return the p of a word over the looks up to the one that decided."""
    if word not in (Word.REPRODUCED, Word.CONTRADICTED):
        return math.nan
    p_RL = found.true_p_RL if word is Word.REPRODUCED else found.false_p_RL
    reached = [s for s in DESIGN.seeds if s <= int(found.seeds_R[0])]
    return float(sequential_p(p_RL[0, : len(reached)], DESIGN))


def _reason(rule: ClaimRule, word: Word, verdict: ClaimVerdict, has_control: bool) -> str:
    if word is Word.REPRODUCED:
        return "every part of the rule is shown"
    if word is Word.CONTRADICTED:
        return "a part of the rule is shown to be false"
    if word is Word.UNTESTABLE:
        if rule.untestable:
            return rule.untestable
        if not rule.control:
            return "what the runs show rests on absence, and the rule names no control"
        if not has_control:
            return "what the runs show rests on absence, and the study has no arm of the control"
        return "what the runs show rests on absence, and the control shows no effect either"
    if any(math.isnan(item.interval.low) for item in verdict.estimates):
        return "every seed has the same value, so the noise between seeds is not known"
    return "neither is the sentence shown nor is it shown to be false"


def _without(item: Measured, seeds: Sequence[int]) -> Measured:
    kept = {seed: value for seed, value in item.values.items() if seed not in seeds}
    return replace(item, values=kept)


def _shared(measured: Sequence[Measured]) -> tuple[int, ...]:
    """Return the seeds with a finite value in every part, in order."""
    finite = [{s for s, v in item.values.items() if math.isfinite(v)} for item in measured]
    return tuple(sorted(set.intersection(*finite))) if finite else ()


def _estimates(measured: Sequence[Measured], seeds: Sequence[int]) -> tuple[Estimate, ...]:
    return tuple(_estimate(item, seeds) for item in measured) if seeds else ()


def _estimate(item: Measured, seeds: Sequence[int]) -> Estimate:
    values = _values(item, seeds)
    shown: Shown = shown_interval(values, DESIGN, size=item.size)
    looks = look_intervals(values, DESIGN, size=item.size)
    return Estimate(
        measured=item,
        interval=shown_scale(item, shown.interval),
        level=shown.level,
        kind=shown.kind,
        looks=tuple((look, shown_scale(item, interval)) for look, interval in looks),
    )


def _values(item: Measured, seeds: Sequence[int]) -> np.ndarray:
    return np.array([item.values[seed] for seed in seeds], dtype=float)
