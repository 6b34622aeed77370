import copy
from typing import Any

import pytest

from harness.claims.verdicts import Evidence, Rule, Word, judge, read_rule, shared_seeds
from harness.metrics.columns import column_of
from harness.schema import UsageError
from harness.spec.config import ablation_files, load_ablation
from tests.synthetic_runs import DOCUMENT

NONE = {1: 0.80, 2: 0.81, 3: 0.79}


def rule_of(**changes: Any) -> Rule:
    document = copy.deepcopy(DOCUMENT)
    document["rule"]["micro"] |= changes
    rule = read_rule(document, "micro", "ablations/invented.yaml")
    assert rule is not None
    return rule


def evidence(loss: dict[int, float], reward: dict[int, float], **changes: Any) -> Evidence:
    values = {"kl=none": NONE, "kl=loss": loss, "kl=reward": reward}
    base = {"unfinished": {}, "steps": 12, "study_steps": 12, "scale": "micro"}
    return Evidence(values=values, **(base | changes))


LOW = {1: 0.50, 2: 0.52, 3: 0.48}
SAME = {1: 0.81, 2: 0.80, 3: 0.79}
HIGH = {1: 0.95, 2: 0.96, 3: 0.95}


@pytest.mark.parametrize(
    ("loss", "reward", "word"),
    [
        (LOW, LOW, Word.REPRODUCED),
        (LOW, SAME, Word.INCONCLUSIVE),
        (SAME, SAME, Word.INCONCLUSIVE),
        (LOW, HIGH, Word.CONTRADICTED),
        (HIGH, HIGH, Word.CONTRADICTED),
    ],
)
def test_each_word_from_numbers_that_deserve_it(loss: Any, reward: Any, word: Any) -> None:
    assert judge(rule_of(), evidence(loss, reward)).word is word


def test_a_benefit_of_the_other_arm_inside_the_margin_does_not_contradict() -> None:
    noise = {1: 0.0, 2: 0.001, 3: -0.001}
    slightly = {seed: value + 0.02 + noise[seed] for seed, value in NONE.items()}
    clearly = {seed: value + 0.04 + noise[seed] for seed, value in NONE.items()}

    assert judge(rule_of(), evidence(slightly, slightly)).word is Word.INCONCLUSIVE
    assert judge(rule_of(), evidence(clearly, slightly)).word is Word.CONTRADICTED


def test_differences_that_are_all_equal_have_no_interval_to_decide_by() -> None:
    shifted = {seed: value - 0.2 for seed, value in NONE.items()}
    verdict = judge(rule_of(), evidence(shifted, shifted))
    assert verdict.word is Word.INCONCLUSIVE
    assert "the noise between seeds cannot be estimated" in verdict.reason


def test_one_wild_seed_takes_the_verdict_away() -> None:
    assert judge(rule_of(), evidence({**LOW, 3: 0.9}, LOW)).word is Word.INCONCLUSIVE


def test_too_few_seeds_decide_nothing() -> None:
    two = {1: 0.5, 2: 0.52}
    verdict = judge(rule_of(), evidence(two, two))

    assert verdict.word is Word.INCONCLUSIVE
    assert verdict.reason == "2 of at least 3 seeds are complete"
    assert judge(rule_of(min_seeds=2), evidence(two, two)).word is Word.REPRODUCED


def test_a_run_that_is_not_done_leaves_it_open() -> None:
    verdict = judge(rule_of(), evidence(LOW, LOW, unfinished={"kl=loss": [4]}))

    assert verdict.word is Word.INCONCLUSIVE
    assert "kl=loss seed 4" in verdict.reason


def test_other_steps_or_no_common_seed_is_not_run() -> None:
    assert judge(rule_of(), evidence(LOW, LOW, steps=3)).word is Word.NOT_RUN
    assert judge(rule_of(), evidence({}, LOW)).word is Word.NOT_RUN
    assert judge(rule_of(), evidence({4: 0.1}, LOW)).word is Word.NOT_RUN
    assert judge(rule_of(), evidence({1: float("nan")}, LOW)).word is Word.NOT_RUN


def test_the_label_says_how_far_it_reaches() -> None:
    assert judge(rule_of(), evidence(LOW, LOW)).label == "micro scale: no evidence about 7B"


def test_seeds_that_chose_a_setting_make_it_exploratory() -> None:
    assert judge(rule_of(exploratory_seeds=[2]), evidence(LOW, LOW)).is_exploratory
    assert not judge(rule_of(exploratory_seeds=[9]), evidence(LOW, LOW)).is_exploratory


def test_only_seeds_that_all_arms_have_are_used() -> None:
    verdict = judge(rule_of(), evidence({**LOW, 4: 0.9}, LOW))

    assert verdict.seeds == (1, 2, 3)
    assert verdict.differences["kl=loss"].point == pytest.approx(0.3)
    assert shared_seeds({}, ()) == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reproduced": {"every": {"low": {"over": 0}}}}, "above|below"),
        ({"reproduced": {"some": {"low": {"above": 0}}}}, "every|any"),
        ({"reproduced": {"every": {"low": {"above": 0, "below": 1}}}}, "expected one like"),
        ({"reproduced": "low above 0"}, "expected one like"),
        ({"reproduced": {"every": {"low": {"above": "0"}}}}, "number is expected"),
        ({"min_seeds": 1}, "whole number from 2"),
        ({"interval": {"method": "guess", "level": 0.95}}, "paired_t"),
        ({"arm": {"kl": "nope"}}, "choose one of none, loss, reward"),
        ({"minus": [{"clip": "low"}]}, "one level of each factor"),
        ({"margin": 3}, "unknown key `margin`"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused(changes: Any, words: Any) -> None:
    with pytest.raises(UsageError, match=words):
        rule_of(**changes)


def test_a_rule_without_a_part_is_refused_and_no_rule_is_none() -> None:
    document = copy.deepcopy(DOCUMENT)
    del document["rule"]["micro"]["claim"]
    with pytest.raises(UsageError, match=r"rule.micro of a.yaml has no `claim`"):
        read_rule(document, "micro", "a.yaml")
    assert read_rule(document, "orz_7b", "a.yaml") is None


def test_every_ablation_file_has_a_readable_rule_or_none() -> None:
    for name in ablation_files():
        document = load_ablation(name)
        for scale in document.get("rule") or {}:
            rule = read_rule(document, scale, f"ablations/{name}.yaml")
            assert rule is not None
            column_of(rule.metric)
            assert "Reproduced if" in rule.text()
