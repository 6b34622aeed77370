"""What is paid: only finished responses earn, whatever the grader says."""

import pytest

from harness.graders.registry import GraderUnavailableError
from harness.graders.verdict import Sample, Verdict, right, ungradable, wrong
from harness.rewards import graded, orz
from harness.rewards.response import grade, sample_row

GOOD = " 2+2=4 </think> <answer> \\boxed{4} </answer>"
INFO = {"question_id": "q", "split": "train", "sample": 2, "response_tokens": 9}


class Told:
    """A pool that says what it was told to, and remembers what it was asked."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.asked: list[Sample] = []

    def grade(self, samples: list[Sample]) -> list[Verdict]:
        self.asked += samples
        return [self.verdict] * len(samples)


def paid(monkeypatch: pytest.MonkeyPatch, pool: Told, finish_reason: str) -> dict:
    monkeypatch.setattr(graded, "shared_pool", lambda grader: pool)
    return orz.compute_score("x", GOOD, "4", {**INFO, "finish_reason": finish_reason})


@pytest.mark.parametrize(
    ("verdict", "finish_reason", "score", "outcome"),
    [
        (right("r", "4"), "stop", 1.0, "correct"),
        (right("r", "4"), "length", 0.0, "truncated"),
        (right("r", "4"), "None", 0.0, "truncated"),
        (wrong("w", "5"), "stop", 0.0, "wrong"),
        (ungradable("u"), "stop", 0.0, "unparsable"),
        (ungradable("u"), "length", 0.0, "truncated"),
    ],
)
def test_only_finished_right_answers_earn(
    monkeypatch: pytest.MonkeyPatch,
    verdict: Verdict,
    finish_reason: str,
    score: float,
    outcome: str,
) -> None:
    assert graded.reward_of(verdict, finish_reason) == score
    row = paid(monkeypatch, Told(verdict), finish_reason)
    assert (row["score"], row["outcome"], row["correct"]) == (score, outcome, int(score))


def test_a_row_has_the_columns_of_every_reward_and_the_grade(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = paid(monkeypatch, Told(right("same text", "4")), "stop")
    usual = sample_row(grade(GOOD, "4", "stop"), 1.0, "orz", {**INFO, "finish_reason": "stop"})
    assert {**usual, "grade": "right", "grade_reason": "same text"} == row


def test_what_did_not_finish_is_not_graded(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Told(right("r"))
    row = paid(monkeypatch, pool, "length")
    assert pool.asked == []
    assert (row["grade"], row["grade_reason"]) == ("ungradable", "not finished")


def test_without_its_grader_a_reward_raises_and_pays_no_false_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(grader: str) -> None:
        raise GraderUnavailableError("grader orz: no sympy")

    monkeypatch.setattr(graded, "shared_pool", missing)
    with pytest.raises(GraderUnavailableError, match="grader orz: no sympy"):
        orz.compute_score("x", GOOD, "4", {**INFO, "finish_reason": "stop"})


@pytest.mark.engine
def test_the_real_reward_through_its_own_process() -> None:
    pytest.importorskip("sympy")
    row = orz.compute_score("x", GOOD, "\\frac{8}{2}", {**INFO, "finish_reason": "stop"})
    assert (row["score"], row["grade"], row["format_ok"]) == (1.0, "right", 1)
