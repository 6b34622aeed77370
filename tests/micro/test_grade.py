"""The probe's own judge."""

import pytest

from harness.micro.grade import judge

GOOD = " 7+5=12 </think> <answer> \\boxed{12} </answer>"


def test_judge_accepts_a_good_answer() -> None:
    assert judge(GOOD, 12, finished=True) == ("worked", True, True, True, True)


@pytest.mark.parametrize(
    ("text", "correct", "well_formed"),
    [
        (" </think> <answer> 12 </answer>", False, True),
        (" </think> <answer> \\boxed{12}", False, False),
        (" </think> \\boxed{12}", False, False),
        (" <answer> \\boxed{12} </answer>", True, False),
        (" <answer> \\boxed{12} </answer> </think>", True, False),
        (GOOD + GOOD, True, False),
        ("</think> <answer> \\boxed{3} </answer>", False, True),
        ("", False, False),
        ("\\boxed{{{{}<answer>\x00", False, False),
    ],
)
def test_judge_by_rule(text: str, correct: bool, well_formed: bool) -> None:
    judgement = judge(text, 12, finished=True)
    assert (judgement.correct, judgement.well_formed) == (correct, well_formed)


def test_an_unfinished_answer_is_never_correct() -> None:
    judgement = judge(GOOD, 12, finished=False)
    assert not judgement.correct
    assert not judgement.well_formed
    assert judgement.right_value
