"""Numbers of an evaluation on tables small enough to count by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from harness.evaluate.grading import sample_outcomes
from harness.evaluate.plan import Plan
from harness.evaluate.scores import interval_over_questions, majority, sampling_error, summarise
from tests.evaluate.plans import small_plan

R, W, U = "right", "wrong", "ungradable"


def table(plan: Plan, verdicts: list[str], ends: list[str], answers: list[str]) -> pd.DataFrame:
    """Samples in the order of the plan, graded by orz."""
    places = [
        (asked.benchmark.name, question.id, sample)
        for asked in plan.sets
        for question in asked.questions
        for sample in range(plan.protocol.samples)
    ]
    frame = pd.DataFrame(places, columns=["benchmark", "question_id", "sample"])
    outcomes = sample_outcomes(verdicts, ends, has_stop_rule=plan.protocol.stop_rule)
    return frame.assign(
        finish_reason=ends,
        response_tokens=range(len(places)),
        format_ok=1,
        orz=verdicts,
        orz_answer=answers,
        outcome=outcomes,
        correct=[int(outcome == "correct") for outcome in outcomes],
    )


def test_an_outcome_is_one_of_four_and_the_stop_rule_decides_cut_ones() -> None:
    verdicts, ends = [R, W, U, R, W], ["stop", "stop", "stop", "length", "length"]
    strict = sample_outcomes(verdicts, ends, has_stop_rule=True)
    assert strict == ["correct", "wrong", "unparsable", "truncated", "truncated"]
    lenient = sample_outcomes(verdicts, ends, has_stop_rule=False)
    assert lenient == ["correct", "wrong", "unparsable", "correct", "truncated"]


def test_a_summary_is_what_one_counts_by_hand() -> None:
    plan = small_plan()
    # easy: right and cut, then right twice; hard: wrong and without answer, then wrong twice;
    # transfer: right once, then never
    verdicts = [R, R, R, R, W, U, W, W, R, W, W, W]
    ends = ["stop", "length", *["stop"] * 10]
    answers = ["7", "7", "4", "4", "1", "", "2", "3", "5", "6", "6", "6"]
    summary = summarise(plan, table(plan, verdicts, ends, answers), ("orz",))
    found = summary.set_index("row_id")["value"]
    assert found["micro_easy/avg@2/orz"] == 0.75
    assert found["micro_easy/pass@2/orz"] == 1.0
    assert found["micro_easy/strict_avg@2/orz"] == 0.75
    assert found["micro_easy/lenient_avg@2/orz"] == 1.0
    assert found["micro_easy/truncated/orz"] == 0.25
    assert found["micro_easy/response_tokens/"] == 1.5
    assert found["micro_hard/avg@2/orz"] == found["micro_hard/maj@2/orz"] == 0.0
    assert found["micro_hard/unparsable/orz"] == found["micro_hard/ungradable/orz"] == 0.25
    assert found["micro_hard/wrong/orz"] == 0.75
    assert found["micro_transfer/avg@2/orz"] == 0.25
    assert found["micro_transfer/pass@2/orz"] == 0.5
    assert summary["row_id"].is_unique
    error = summary.set_index("row_id").loc["micro_easy/avg@2/orz", "sampling_error"]
    # one question of variance 0.5 / 2 and one of 0, over two questions
    assert error == pytest.approx(math.sqrt(0.25) / 2)


def test_right_answers_vote_together_however_they_are_written() -> None:
    plan = small_plan(samples=3)
    verdicts = [R, R, W, W, W, R] + [W] * 12
    ends = ["stop"] * 18
    answers = ["1/2", "0.5", "3", "x=4", "4", "5"] + ["1", "1", "1"] * 4
    rows = table(plan, verdicts, ends, answers)
    easy = rows[rows["benchmark"] == "micro_easy"]
    assert majority(easy, "orz", 3).tolist() == [1.0, 0.0]
    # cut under the stop rule: no vote, so that the wrong one and the other right one tie
    cut = table(plan, verdicts, ["length", *ends[1:]], answers)
    assert majority(cut[cut["benchmark"] == "micro_easy"], "orz", 3).tolist() == [0.5, 0.0]


def test_the_sampling_error_is_that_of_simulated_samples() -> None:
    rng = np.random.default_rng(7)
    chance_Q = np.array([0.1, 0.5, 0.9])
    draws = [(rng.random((3, 8)) < chance_Q[:, None]).astype(float) for _ in range(4000)]
    seen = float(np.std([draw.mean() for draw in draws]))
    stated = float(np.sqrt(np.mean([sampling_error(draw) ** 2 for draw in draws])))
    assert stated == pytest.approx(seen, rel=0.05)
    assert stated != pytest.approx(2 * seen, rel=0.05)
    assert math.isnan(sampling_error(np.ones((3, 1))))


def test_equal_questions_give_no_interval() -> None:
    for value_Q in (np.zeros(30), np.ones(30), np.array([0.5])):
        point, low, high = interval_over_questions(value_Q)
        assert point == value_Q[0]
        assert math.isnan(low)
        assert math.isnan(high)
    point, low, high = interval_over_questions(np.array([0.0, 1.0, 1.0]))
    assert low < point < high
