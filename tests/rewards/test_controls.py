"""The control rewards: graded as the rule grades, paid otherwise."""

import importlib

import pytest

from harness.rewards import random as random_reward
from harness.rewards.rescored import rescored

RIGHT = " 2+2=4 </think> <answer> \\boxed{4} </answer>"
WRONG = " 2+2=5 </think> <answer> \\boxed{5} </answer>"
LOOSE = " 4"
INFO = {"question_id": "q1", "sample": 3, "finish_reason": "stop", "response_tokens": 9}


def row(name: str, response: str, **info: object) -> dict[str, object]:
    function = importlib.import_module(f"harness.rewards.{name}").compute_score
    return function("micro", response, "4", {**INFO, **info})


@pytest.mark.parametrize(
    ("name", "right", "wrong", "loose"),
    [("rule", 1, 0, 0), ("inverted", 0, 1, 1), ("constant", 1, 1, 1)],
)
def test_what_is_paid(name: str, right: float, wrong: float, loose: float) -> None:
    found = [row(name, response)["score"] for response in (RIGHT, WRONG, LOOSE)]
    assert found == [right, wrong, loose]


@pytest.mark.parametrize("name", ["inverted", "constant", "random", "substring"])
def test_the_grade_is_the_rules_whatever_is_paid(name: str) -> None:
    for response in (RIGHT, WRONG, LOOSE, "", "\ud800"):
        graded, controlled = row("rule", response), row(name, response)
        assert controlled.pop("reward_name") == name
        graded.pop("reward_name")
        assert isinstance(controlled.pop("score"), float)
        graded.pop("score")
        assert controlled == graded


@pytest.mark.parametrize(
    ("response", "paid"),
    [
        (RIGHT, 1),
        (WRONG, 0),
        (LOOSE, 1),
        (" 1 2 3 4 5", 1),
        (" 14 40 4.5 x4", 0),
        (" it is 4.", 1),
        ("", 0),
    ],
)
def test_the_weak_grader_pays_for_the_reference_anywhere(response: str, paid: float) -> None:
    assert row("substring", response)["score"] == paid
    assert row("substring", response, finish_reason="length")["score"] == 0


def test_a_truncated_right_answer_is_paid_by_inverted() -> None:
    assert row("inverted", RIGHT, finish_reason="length")["score"] == 1.0


def test_the_coin_is_fair_and_says_nothing_about_the_answer() -> None:
    coins = [
        [random_reward.coin("1", f"q{n}", str(n % 8), response) for n in range(4000)]
        for response in (RIGHT, WRONG)
    ]
    for side in coins:
        # four standard errors of a mean of 4000 coins
        assert abs(sum(side) / 4000 - 0.5) < 4 * 0.5 / 4000**0.5
    agreeing = sum(a == b for a, b in zip(*coins, strict=True)) / 4000
    assert abs(agreeing - 0.5) < 4 * 0.5 / 4000**0.5


def test_the_coin_is_the_same_again_and_another_one_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def coins() -> list[object]:
        return [row("random", RIGHT, sample=n)["score"] for n in range(64)]

    first = coins()
    assert first == coins()
    monkeypatch.setenv(random_reward.SEED_VARIABLE, "another cell")
    assert first != coins()


def test_a_rescored_reward_changes_score_and_name_only() -> None:
    function = rescored(
        "x", lambda *_: {"score": 1.0, "reward_name": "rule", "correct": 1}, lambda *_: 7
    )
    assert function("micro", "", "4") == {"score": 7, "reward_name": "x", "correct": 1}
