"""Numbers -> word, for one study or for thousands of made-up ones: the same code for both.

A sentence is true when every part of its rule holds. "Reproduced" needs the interval of every part
inside its limits (an intersection-union test: each part at the full error rate). "Contradicted"
needs the interval of one part wholly outside, at the rate divided by the number of limits, so that
either word errs equally rarely however many parts there are. Looks share the rate
(`harness.stats.looks`); the first look that decides counts.

What rests on absence, an equivalence or a contradiction without an effect the other way, is said
only if the study's control shows that it could have seen an effect.

Axis letters: ``R`` studies, ``S`` training seeds, ``L`` looks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import special

from harness.claims.rules import ClaimRule, Part
from harness.stats.looks import Design, Look, look_moments


class Word(StrEnum):
    """What a rule can say."""

    REPRODUCED = "reproduced"
    CONTRADICTED = "contradicted"
    INCONCLUSIVE = "inconclusive"
    UNTESTABLE = "untestable here"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Sample:
    """What one part measures in each study.

    Attributes:
        value_RS: shape (studies, seeds), seeds in the order of the fixed list.
        size: of the numbers that were subtracted: a spread of their rounding is no noise.
    """

    value_RS: np.ndarray
    size: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What a rule says of many studies.

    Attributes:
        word_R: words, shape (studies,).
        seeds_R: seeds of the look that decided, or of the last one that was reached; 0 before the
            first.
        true_p_RL: p of "reproduced" at each look, one-sided, shape (studies, looks reached).
        false_p_RL: p of "contradicted", corrected over the limits, likewise.
    """

    word_R: np.ndarray
    seeds_R: np.ndarray
    true_p_RL: np.ndarray
    false_p_RL: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What one look shows of one part, in each study; shape (studies,) each."""

    is_inside: np.ndarray
    is_outside: np.ndarray
    is_its_own_proof: np.ndarray
    true_p: np.ndarray
    false_p: np.ndarray


def decide(
    rule: ClaimRule,
    parts: Sequence[Sample],
    control: Sequence[Sample],
    design: Design,
) -> Decisions:
    """Apply a rule to many studies.

    Args:
        rule: the rule.
        parts: what each part measures, finite.
        control: the same for the parts of the control; empty if the study has no such arm.
        design: the looks and their error rate.
    """
    limits = _limits(rule)
    studies, seeds = parts[0].value_RS.shape
    word_R = np.full(studies, str(Word.INCONCLUSIVE), dtype=object)
    seeds_R, is_open_R = np.zeros(studies, dtype=int), np.ones(studies, dtype=bool)
    true_p, false_p = [], []
    for look in design.looks:
        if look.seeds > seeds:
            break
        seen = [
            _look_at(part, sample, look, design.for_step(limits))
            for part, sample in zip(rule.parts, parts, strict=True)
        ]
        is_shown_R = _control_is_shown(rule, control, look, studies)
        now_R = _words(rule, seen, is_shown_R)
        word_R = np.where(is_open_R, now_R, word_R)
        seeds_R = np.where(is_open_R, look.seeds, seeds_R)
        # "untestable" closes nothing: at a later look the control may show its effect
        is_open_R &= ~np.isin(now_R, (str(Word.REPRODUCED), str(Word.CONTRADICTED)))
        true_p.append(np.max([item.true_p for item in seen], axis=0))
        # Bonferroni over the limits, as in the t that a contradiction needs
        false_p.append(np.minimum(np.min([i.false_p for i in seen], axis=0) * limits, 1.0))
    empty = np.empty((studies, 0))
    return Decisions(
        word_R=word_R,
        seeds_R=seeds_R,
        true_p_RL=np.stack(true_p, axis=1) if true_p else empty,
        false_p_RL=np.stack(false_p, axis=1) if false_p else empty,
    )


def _limits(rule: ClaimRule) -> int:
    """Count the limits of all parts, each of which can be shown to be crossed."""
    return sum(math.isfinite(limit) for part in rule.parts for limit in part.limits)


def _look_at(part: Part, sample: Sample, look: Look, strict_design: Design) -> _Seen:
    mean_R, error_R = look_moments(sample.value_RS[:, : look.seeds], sample.size)
    low, high = part.limits
    # the strict t of a contradiction: its rate is shared by all limits of the rule
    strict = next(one.t for one in strict_design.looks if one.seeds == look.seeds)
    below_R, above_R = mean_R + strict * error_R < low, mean_R - strict * error_R > high
    neutral = part.neutral
    proof_R = np.ones(mean_R.shape, dtype=bool)
    if neutral is not None and not part.rests_on_absence:
        # an effect the other way: beyond the neutral value, not only short of the limit
        proof_R = np.where(
            below_R, mean_R + strict * error_R < neutral, mean_R - strict * error_R > neutral
        )
    inside_R = (mean_R - look.t * error_R > low) & (mean_R + look.t * error_R < high)
    return _Seen(
        is_inside=inside_R,
        is_outside=below_R | above_R,
        is_its_own_proof=proof_R,
        true_p=np.maximum(_p(mean_R - low, error_R, look), _p(high - mean_R, error_R, look)),
        false_p=np.minimum(
            _p(low - mean_R, error_R, look) if math.isfinite(low) else 1.0,
            _p(mean_R - high, error_R, look) if math.isfinite(high) else 1.0,
        ),
    )


def _p(away_R: np.ndarray, error_R: np.ndarray, look: Look) -> np.ndarray:
    """Return the one-sided p of "no further than the limit"; 0 for a limit at infinity."""
    return np.asarray(special.stdtr(look.seeds - 1, -away_R / error_R))


def _control_is_shown(
    rule: ClaimRule, control: Sequence[Sample], look: Look, studies: int
) -> np.ndarray:
    is_shown_R = np.full(studies, bool(control) and not rule.untestable)
    # not strict: a study without the arm of the control has no sample of it
    for part, sample in zip(rule.control, control, strict=False):
        if sample.value_RS.shape[1] < look.seeds:
            return np.zeros(studies, dtype=bool)
        mean_R, error_R = look_moments(sample.value_RS[:, : look.seeds], sample.size)
        low, high = part.limits
        is_shown_R &= (mean_R - look.t * error_R > low) & (mean_R + look.t * error_R < high)
    return is_shown_R


def _words(rule: ClaimRule, seen: Sequence[_Seen], is_shown_R: np.ndarray) -> np.ndarray:
    is_true_R = np.all([item.is_inside for item in seen], axis=0)
    is_false_R = np.any([item.is_outside for item in seen], axis=0)
    is_proof_R = np.any([item.is_outside & item.is_its_own_proof for item in seen], axis=0)
    if any(part.rests_on_absence for part in rule.parts):
        truth_R = np.where(is_shown_R, str(Word.REPRODUCED), str(Word.UNTESTABLE))
    else:
        truth_R = np.full(is_true_R.shape, str(Word.REPRODUCED))
    falsity_R = np.where(is_proof_R | is_shown_R, str(Word.CONTRADICTED), str(Word.UNTESTABLE))
    neither = str(Word.UNTESTABLE if rule.untestable else Word.INCONCLUSIVE)
    word_R = np.where(is_false_R, falsity_R, neither)
    return np.asarray(np.where(is_true_R, truth_R, word_R), dtype=object)
