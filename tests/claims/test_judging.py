"""Verdicts on stored runs: what decides, what is only shown, and what is corrected."""

import math
from dataclasses import replace

import pytest

from harness.claims.deciding import Word
from harness.claims.judging import DESIGN, ClaimVerdict, Numbers, correct, judge, with_replication
from harness.claims.measuring import measure
from harness.claims.reading import read_claim
from harness.claims.rows import stored_rows
from harness.claims.rules import ClaimRule
from harness.paths import BASELINES, CLAIMS, ROOT


@pytest.fixture(scope="module")
def rule() -> ClaimRule:
    return read_claim(next(CLAIMS.glob("f01a*"))).rules["micro"]


@pytest.fixture(scope="module")
def numbers(rule: ClaimRule) -> Numbers:
    rows = stored_rows("micro", ROOT / "tests" / "recorded" / "first_world", BASELINES)(
        "kl_penalty"
    )
    assert rows is not None
    return Numbers(parts=measure(rule.parts, rows), steps=rows.steps)


def test_five_stored_seeds_are_the_first_look(rule: ClaimRule, numbers: Numbers) -> None:
    verdict = judge(rule, numbers)
    assert verdict.word is Word.REPRODUCED
    assert verdict.seeds == (4, 5, 6, 7, 8)
    assert (verdict.seeds_at_look, verdict.next_look) == (5, 0)
    (estimate,) = verdict.estimates
    assert estimate.interval.low > 0.5 and estimate.kind == "look"
    assert verdict.p < 0.001
    assert with_replication(rule, numbers, verdict).replication > 0.95


def test_halves_are_judged_where_each_reaches_the_first_look(
    rule: ClaimRule, numbers: Numbers
) -> None:
    (part,) = numbers.parts
    stored = list(part.values.values())
    for seeds, is_known in ((5, False), (9, False), (10, True), (14, True)):
        values = {s: stored[s % 5] + 0.001 * s for s in range(9, 9 + seeds)}
        more = replace(numbers, parts=[replace(part, values=values)])
        found = with_replication(rule, more, judge(rule, more))
        assert math.isnan(found.halves) != is_known
        assert found.halves == 1.0 or not is_known
    # an effect of half of the seeds: halves that hold none of them do not say the word
    values = {s: (0.5 if s % 2 else 0.02) + 0.001 * s for s in range(9, 19)}
    more = replace(numbers, parts=[replace(part, values=values)])
    assert with_replication(rule, more, judge(rule, more)).halves < 1.0


def test_fewer_seeds_than_the_first_look_decide_nothing(rule: ClaimRule, numbers: Numbers) -> None:
    (part,) = numbers.parts
    few = [replace(part, values={s: v for s, v in part.values.items() if s < 8})]
    verdict = judge(rule, replace(numbers, parts=few))
    assert verdict.word is Word.INCONCLUSIVE
    assert "the first look is at 5" in verdict.reason
    assert verdict.next_look == 5
    assert verdict.estimates[0].kind == "anytime"
    assert math.isnan(verdict.p)


def test_exploratory_seeds_are_left_out(rule: ClaimRule, numbers: Numbers) -> None:
    without = replace(rule, exploratory_seeds=(4, 5, 6, 7, 8))
    assert judge(without, numbers).word is Word.NOT_RUN
    assert judge(replace(rule, exploratory_seeds=(4,)), numbers).seeds == (5, 6, 7, 8)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"unfinished": ["kl=none seed 9"]}, "not every run is complete: kl=none seed 9"),
        ({"steps": 3}, "the runs have 3 steps, the rule needs 40"),
    ],
)
def test_runs_that_are_not_whole_decide_nothing(
    rule: ClaimRule, numbers: Numbers, change: dict[str, object], reason: str
) -> None:
    verdict = judge(replace(rule, steps=40), replace(numbers, **change))
    assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, reason)


def test_an_undefined_value_decides_nothing(rule: ClaimRule, numbers: Numbers) -> None:
    (part,) = numbers.parts
    undefined = [replace(part, values={**part.values, 9: math.nan})]
    verdict = judge(rule, replace(numbers, parts=undefined))
    assert (verdict.word, verdict.reason) == (
        Word.INCONCLUSIVE,
        "not every run has a defined value: seed 9",
    )


def test_the_correction_runs_over_the_primary_claims_of_one_word() -> None:
    yes = ClaimVerdict(word=Word.REPRODUCED, reason="", p=0.008)
    no = ClaimVerdict(word=Word.CONTRADICTED, reason="", p=0.001)
    idle = ClaimVerdict(word=Word.NOT_RUN, reason="")
    found = correct([yes, yes, no, idle], [True, False, True, True])
    # three primary claims: the untested one counts in the size of each family
    assert found[0].p_holm == pytest.approx(0.024)
    assert found[2].p_holm == pytest.approx(0.003)
    assert math.isnan(found[1].p_holm) and math.isnan(found[3].p_holm)
    assert [v.survives for v in found] == [DESIGN.alpha >= 0.024, False, True, False]
