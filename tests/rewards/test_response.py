"""The rule reward against 431 responses that the authors' own code graded, and by hand."""

import json
import time
from pathlib import Path

import pytest

from harness.graders.extraction import ANSWER_PATTERN, last_boxed
from harness.rewards import both, format, rule
from harness.rewards.response import extract_answer, grade, same_answer

CASES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "recorded" / "orz_reward_cases.jsonl")
    .read_text()
    .splitlines()
]
GOOD = " 2+2=4 </think> <answer> \\boxed{4} </answer>"


def taken(response: str) -> str:
    found = ANSWER_PATTERN.findall(response)
    return found[-1] if found else ""


def test_extraction_equals_the_authors() -> None:
    assert [taken(case["response"]) for case in CASES] == [case["extracted"] for case in CASES]


def test_extraction_without_dotall_would_be_noticed() -> None:
    single_line = [case for case in CASES if "\n" in case["response"] and case["extracted"]]
    assert single_line, "the observations hold answers that span lines"


def test_rule_never_pays_what_the_authors_do_not() -> None:
    for case in CASES:
        given = grade(case["response"], case["reference"], case["finish_reason"])
        assert not (given.is_correct and not case["reward"]), case


def test_rule_equals_the_authors_on_integers() -> None:
    def is_plain(text: str) -> bool:
        return text.strip().lstrip("-").isdigit()

    plain = [
        case
        for case in CASES
        if is_plain(case["reference"]) and is_plain(extract_answer(case["response"]))
    ]
    assert len(plain) > 50
    for case in plain:
        given = grade(case["response"], case["reference"], case["finish_reason"])
        assert given.is_correct == bool(case["reward"]), case


@pytest.mark.parametrize(
    ("response", "finish", "outcome"),
    [
        (GOOD, "stop", "correct"),
        (GOOD, "length", "truncated"),
        (GOOD, "None", "truncated"),
        (GOOD.replace("{4}", "{5}"), "stop", "wrong"),
        (" 4 </think> <answer> 4 </answer>", "stop", "unparsable"),
        (" \\boxed{4} </think>", "stop", "unparsable"),
        ("<answer>\\boxed{4</answer>", "stop", "unparsable"),
        ("", "stop", "unparsable"),
    ],
)
def test_each_outcome_is_counted_apart(response: str, finish: str, outcome: str) -> None:
    given = grade(response, "4", finish)
    assert given.outcome == outcome
    assert given.is_correct == (outcome == "correct")


@pytest.mark.parametrize(
    ("response", "is_formatted"),
    [
        (GOOD, True),
        (" </think><answer>x</answer>", True),
        (GOOD + "\n", True),
        (GOOD + " more", False),
        (" <answer> \\boxed{4} </answer>", False),
        (" <answer> \\boxed{4} </answer> </think>", False),
        (" a </think> b <answer> \\boxed{4} </answer>", False),
        (GOOD + GOOD, False),
        (" <think> a </think> <answer> \\boxed{4} </answer>", False),
    ],
)
def test_format_is_in_order_and_once_each(response: str, is_formatted: bool) -> None:
    assert grade(response, "4", "stop").is_formatted is is_formatted


def test_last_boxed_is_balanced() -> None:
    assert last_boxed("\\boxed{1} \\boxed{\\frac{1}{2}}") == "\\frac{1}{2}"
    assert last_boxed("\\boxed{1} \\boxed{2") == "1"
    assert extract_answer("<answer>\\boxed{ 7 }</answer>") == "7"


def test_numbers_compare_by_value_and_other_text_by_characters() -> None:
    assert same_answer("07", "7") and same_answer("4.0", "4") and same_answer("x + 1", "x+1")
    assert not same_answer("nan", "7") and not same_answer("sNaN", "7")
    assert not same_answer("8", "7") and not same_answer("", "7")


@pytest.mark.parametrize(("reward", "paid"), [(rule, 0.0), (format, 1.0), (both, 0.5)])
def test_rewards_pay_for_what_they_name(reward, paid) -> None:
    wrong = GOOD.replace("{4}", "{5}")
    info = {"finish_reason": "stop", "question_id": "q", "split": "train", "sample": 3}
    row = reward.compute_score("micro", wrong, "4", info)
    assert row["score"] == paid
    assert (row["correct"], row["format_ok"], row["outcome"]) == (0, 1, "wrong")
    assert (row["question_id"], row["sample"], row["response_tokens"]) == ("q", 3, None)


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{" * 5_000,
        "<answer>" * 5_000 + "\\boxed{1}",
        "<answer>\\boxed{" + "{" * 20_000 + "</answer>",
        "\x00\ud800 <answer> \\boxed{\u0663} </answer>",
    ],
)
def test_model_text_never_raises_and_never_takes_long(text: str) -> None:
    start = time.monotonic()
    row = rule.compute_score("micro", text, "3", {"finish_reason": "stop"})
    assert row["score"] in (0.0, 1.0)
    assert time.monotonic() - start < 5.0
