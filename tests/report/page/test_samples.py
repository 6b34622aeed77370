from typing import Any

import pandas as pd
import pytest

from harness.metrics.tables import SAMPLE_TYPES
from harness.report.page.samples import REFLECTION, REPETITION, marked_text, sample_data

LOOP = "so the answer is seven and"
ARMS = ("kl=none", "kl=loss")


def marked(text: str, mark: int) -> list[str]:
    return [piece for piece, found in marked_text(text) if found & mark]


@pytest.mark.parametrize(
    ("text", "reflecting"),
    [
        ("Wait, no. However, yes", ["Wait,", "However,"]),
        ("WAIT, I recheck", ["WAIT,", "recheck"]),
        ("wait no", []),
        ("", []),
    ],
)
def test_words_of_reflection_are_marked(text: str, reflecting: list[str]) -> None:
    assert marked(text, REFLECTION) == reflecting
    assert "".join(piece for piece, _ in marked_text(text)) == text


def test_a_passage_is_repetition_from_its_second_time_on() -> None:
    text = f"First {LOOP} then {LOOP} done"
    assert marked(text, REPETITION) == [LOOP]
    assert marked(f"{LOOP} {LOOP} {LOOP}", REPETITION) == [f"{LOOP} {LOOP}"]


def test_a_text_that_goes_on_is_no_repetition() -> None:
    text = "3 + 4 = 7 so 7 is it; then 3 + 5 = 8 so 8 is it"
    assert marked(text, REPETITION) == []


def test_a_stretch_without_words_is_repetition_when_it_is_long() -> None:
    assert marked("52/26" * 12, REPETITION) == ["52/26" * 11]
    assert marked("1000000", REPETITION) == []
    assert marked("a" + " " * 60 + "b", REPETITION) == []


def test_both_marks_can_meet() -> None:
    text = f"{LOOP} wait, {LOOP} wait, no"
    assert [mark for _, mark in marked_text(text)] == [0, REFLECTION, 0, 2, 3, 0]


def table(seeds: range, questions: int = 2, steps: tuple[int, ...] = (0, 40)) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for seed in seeds:
        for arm in ARMS:
            for question in range(questions):
                for step in steps:
                    name = f"{arm}-{seed}/{step}/eval_easy/q{question}/0"
                    rows.append(
                        {
                            "row_id": name,
                            "arm": arm,
                            "seed": seed,
                            "step": step,
                            "split": "eval_easy",
                            "question_id": f"q{question}",
                            "sample": 0,
                            "correct": 1,
                            "format_ok": 0,
                            "outcome": "correct",
                            "finish_reason": "stop",
                            "response_tokens": 5,
                            "score": 0.5,
                            "prompt": f"question {question}",
                            "response": "Wait, 7",
                        }
                    )
    return pd.DataFrame(rows, columns=list(SAMPLE_TYPES))


def test_arms_stand_side_by_side_with_every_stored_score() -> None:
    found = sample_data(table(range(4, 6)), ARMS, {})
    group = found["groups"][0]

    assert (found["total"], found["shown"]) == (16, 16)
    assert found["scores"] == ["score", "correct", "format_ok"]
    assert [row["arm"] for row in group["rows"]] == [0, 1]
    assert group["rows"][0]["scores"] == ["0.5", "1", "0"]
    assert found["prompts"][group["prompt"]] == "question 0"
    assert len(found["prompts"]) == 2


def test_further_graders_stand_beside_the_stored_score() -> None:
    rows = table(range(4, 5))
    grades = {"orz": {rows["row_id"][0]: "right (equal)"}}
    found = sample_data(rows, ARMS, grades)

    assert found["scores"][-1] == "orz"
    given = [row["scores"][-1] for group in found["groups"] for row in group["rows"]]
    assert sorted(given) == [""] * 7 + ["right (equal)"]


def test_a_page_holds_whole_groups_of_the_first_seeds() -> None:
    found = sample_data(table(range(4, 9)), ARMS, {}, most=19)

    assert (found["total"], found["shown"]) == (40, 18)
    assert all(len(group["rows"]) == 2 for group in found["groups"])
    assert [group["seed"] for group in found["groups"]] == [4] * 4 + [5] * 4 + [6]


@pytest.mark.parametrize("is_empty", [True, False])
def test_without_texts_there_are_no_groups(is_empty: bool) -> None:
    rows = table(range(0)) if is_empty else table(range(1)).assign(response=None)
    assert sample_data(rows, ARMS, {})["groups"] == []
