"""Words from numbers that deserve them, and none from numbers that do not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.claims.deciding import Sample, Word, decide
from harness.claims.judging import DESIGN
from harness.claims.rules import ClaimRule, read_claim_rule

NOISE = np.array([-1.0, 0.3, 1.2, -0.7, 0.2, 0.9, -1.1, 0.4, -0.5, 0.8, -0.2, 0.1])
DIFFERENCE = {"measure": "level", "metric": "reward", "arm": {"x": "a"}, "minus": {"x": "b"}}
CONTROL = [{**DIFFERENCE, "minus": {"x": "c"}, "above": 0.1}]


def rule(*parts: dict[str, Any], **more: Any) -> ClaimRule:
    given = [{**DIFFERENCE, **part} for part in parts]
    because = {"untestable": "a made-up rule"} if "design_effect" not in more else {}
    return read_claim_rule({"holds_when": given, **because, **more}, "here")


def said(
    of: ClaimRule, means: list[float], seeds: int = 8, control: float | None = None
) -> tuple[Word, int]:
    values = [Sample((mean + 0.02 * NOISE[:seeds])[None, :], 1.0) for mean in means]
    other = [Sample((control + 0.02 * NOISE[:seeds])[None, :], 1.0)] if control is not None else []
    # the mark of a rule that is not linted here would forbid what rests on absence
    of = replace(of, untestable="")
    found = decide(of, values, other, DESIGN)
    return Word(str(found.word_R[0])), int(found.seeds_R[0])


def test_an_effect_is_reproduced_and_the_opposite_one_is_contradicted() -> None:
    better = rule({"above": 0.0})
    assert said(better, [0.2]) == (Word.REPRODUCED, 5)
    assert said(better, [-0.2]) == (Word.CONTRADICTED, 5)
    assert said(better, [0.001]) == (Word.INCONCLUSIVE, 8)
    assert said(better, [0.2], seeds=4) == (Word.INCONCLUSIVE, 0)


def test_a_contradiction_that_rests_on_absence_needs_a_control_that_responds() -> None:
    large = rule({"above": 0.1}, control=CONTROL)
    assert said(large, [0.0])[0] is Word.UNTESTABLE
    assert said(large, [0.0], control=0.0)[0] is Word.UNTESTABLE
    assert said(large, [0.0], control=0.5)[0] is Word.CONTRADICTED
    # an effect the other way is its own proof
    assert said(large, [-0.3])[0] is Word.CONTRADICTED


def test_an_equivalence_is_two_sided_and_needs_a_control() -> None:
    same = rule({"within": 0.05}, control=CONTROL)
    assert said(same, [0.0])[0] is Word.UNTESTABLE
    assert said(same, [0.0], control=0.5)[0] is Word.REPRODUCED
    for mean in (-0.3, 0.3):
        assert said(same, [mean])[0] is Word.CONTRADICTED


def test_no_worse_than_a_margin_rests_on_absence_too() -> None:
    no_worse = rule({"above": -0.05}, control=CONTROL)
    assert said(no_worse, [0.0])[0] is Word.UNTESTABLE
    assert said(no_worse, [0.0], control=0.5)[0] is Word.REPRODUCED
    assert said(no_worse, [-0.3])[0] is Word.CONTRADICTED


def test_every_part_must_hold_and_one_that_fails_is_enough() -> None:
    two = rule({"above": 0.0}, {"minus": {"x": "d"}, "above": 0.0})
    assert said(two, [0.2, 0.2])[0] is Word.REPRODUCED
    assert said(two, [0.2, 0.0])[0] is Word.INCONCLUSIVE
    assert said(two, [0.2, -0.2])[0] is Word.CONTRADICTED


def test_a_spread_of_rounding_is_no_noise() -> None:
    better = rule({"above": 0.0})
    better = replace(better, untestable="")
    dust = 0.2 + 5e-17 * NOISE[:8]
    word = decide(better, [Sample(dust[None, :], 1.0)], [], DESIGN).word_R[0]
    assert word == str(Word.INCONCLUSIVE)


def test_the_first_look_that_decides_counts() -> None:
    better = rule({"above": 0.0})
    better = replace(better, untestable="")
    value = np.concatenate([0.2 + 0.02 * NOISE[:5], np.full(7, -3.0)])
    found = decide(better, [Sample(value[None, :], 1.0)], [], DESIGN)
    assert (found.word_R[0], found.seeds_R[0]) == (str(Word.REPRODUCED), 5)


def test_a_rule_whose_scale_cannot_show_the_effect_is_untestable_here() -> None:
    marked = rule({"above": 0.0})
    value = [Sample((0.001 + 0.02 * NOISE[:8])[None, :], 1.0)]
    assert decide(marked, value, [], DESIGN).word_R[0] == str(Word.UNTESTABLE)
    value = [Sample((-0.3 + 0.02 * NOISE[:8])[None, :], 1.0)]
    assert decide(marked, value, [], DESIGN).word_R[0] == str(Word.CONTRADICTED)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_either_word_errs_equally_rarely_however_many_parts_there_are(parts: int) -> None:
    rng = np.random.default_rng(parts)
    many = rule(*({"minus": {"x": str(n)}, "above": 0.0} for n in range(parts)))
    many = replace(many, untestable="")
    at_limit = [Sample(rng.normal(size=(4000, 12)), 1.0) for _ in range(parts)]
    words = decide(many, at_limit, [], DESIGN).word_R
    assert (words == str(Word.CONTRADICTED)).mean() < 0.03
    far = [Sample(rng.normal(size=(4000, 12)), 1.0)]
    far += [Sample(50 + rng.normal(size=(4000, 12)), 1.0) for _ in range(parts - 1)]
    share = (decide(many, far, [], DESIGN).word_R == str(Word.REPRODUCED)).mean()
    assert 0.01 < share < 0.03
