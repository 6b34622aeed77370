"""The numbers of an evaluation, with intervals over questions.

Axis letters: ``Q`` questions, ``K`` samples of a question. One model is measured, so the question
is the replicate here: an interval says what other questions of the same kind could have given.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.evaluate.grading import sample_outcomes
from harness.evaluate.plan import Plan
from harness.graders.hendrycks import normalised
from harness.graders.verdict import Outcome
from harness.stats.intervals import mean_interval
from harness.stats.samples import avg_at_k, maj_at_k, pass_at_k

RIGHT = ("right",)
"""Votes of right answers go together: all of them equal the reference. No text equals this."""

SHARES = ("truncated", "unparsable", "wrong", "format")
"""Shares of samples that every summary has, beside the scores."""


def summarise(plan: Plan, table: pd.DataFrame, graders: Sequence[str]) -> pd.DataFrame:
    """Return every number of an evaluation.

    Args:
        plan: of the evaluation.
        table: `grading.grade_all`.
        graders: that graded it.

    Returns:
        Columns row_id, benchmark, metric, grader, value, low, high (95 % over questions, NaN if
        there is none), sampling_error, unit, questions, samples. Per benchmark the scores by the
        protocol's grader (`avg@k`, `pass@k`, `maj@k`), the same `avg@k` by every grader with the
        stop rule and without it (`strict avg@k`, `lenient avg@k`), and shares of the samples.
    """
    rows: list[dict[str, Any]] = []
    samples = plan.protocol.samples
    for subset in plan.sets:
        own = table[table["benchmark"] == subset.benchmark.name]
        sizes = {"questions": len(subset.questions), "samples": samples}
        for metric, grader, unit, value_Q, error in _metrics(plan, own, graders):
            point, low, high = interval_over_questions(value_Q)
            rows.append(
                {
                    "row_id": f"{subset.benchmark.name}/{metric}/{grader}".replace(" ", "_"),
                    "benchmark": subset.benchmark.name,
                    "metric": metric,
                    "grader": grader,
                    "value": point,
                    "low": low,
                    "high": high,
                    "sampling_error": error,
                    "unit": unit,
                    **sizes,
                }
            )
    return pd.DataFrame(rows)


def interval_over_questions(value_Q: np.ndarray) -> tuple[float, float, float]:
    """Return mean, low and high of a 95 % t interval over questions; bounds are NaN without one.

    `value_Q` has shape (questions,) and is finite.
    """
    # one question, or the same value for all, says nothing about other questions
    point, low, high = mean_interval(value_Q)
    return (point, low, high) if low < high else (point, float("nan"), float("nan"))


def sampling_error(correct_QK: np.ndarray) -> float:
    """Standard error of the mean score from sampling alone, for these very questions.

    The root of the sum over questions of the sample variance over K, divided by Q.

    Args:
        correct_QK: 0 or 1, shape (questions, samples).

    Returns:
        In the unit of the score; NaN with one sample per question.
    """
    questions, samples = correct_QK.shape
    if samples < 2:
        return float("nan")
    variance_Q = correct_QK.var(axis=1, ddof=1) / samples
    return float(np.sqrt(variance_Q.sum()) / questions)


def question_matrix(rows: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column of one benchmark's rows, shape (questions, samples), in their order."""
    questions = rows["question_id"].nunique()
    return rows[column].to_numpy().reshape(questions, -1)


def majority(rows: pd.DataFrame, grader: str, samples: int) -> np.ndarray:
    """Chance per question that the most frequent answer is correct.

    Answers vote in the normalisation of the MATH data set, and all right ones as one, since each
    equals the reference. A truncated or unparsable sample has no vote.

    Args:
        rows: samples of one benchmark, in the order of `grading.grade_all`.
        grader: whose answers vote.
        samples: per question.

    Returns:
        Shape (questions,), in [0, 1].
    """
    votes = [
        _vote(outcome, answer)
        for outcome, answer in zip(rows["outcome"], rows[f"{grader}_answer"], strict=True)
    ]
    # by identity: no answer of a response is this very object
    grades = [vote is RIGHT for vote in votes]
    starts = range(0, len(votes), samples)
    return maj_at_k(
        [votes[start : start + samples] for start in starts],
        [grades[start : start + samples] for start in starts],
        samples,
    )


def _metrics(
    plan: Plan, rows: pd.DataFrame, graders: Sequence[str]
) -> list[tuple[str, str, str, np.ndarray, float]]:
    """Return (metric, grader, unit, value per question, sampling error) of one benchmark."""
    protocol, k = plan.protocol, plan.protocol.samples
    correct_QK = question_matrix(rows, "correct")
    correct_Q, total_Q = correct_QK.sum(axis=1), np.full(len(correct_QK), k)
    nothing = float("nan")
    found = [
        (f"avg@{k}", avg_at_k(correct_Q, total_Q, k), sampling_error(correct_QK)),
        (f"pass@{k}", pass_at_k(correct_Q, total_Q, k), nothing),
        (f"maj@{k}", majority(rows, protocol.grader, k), nothing),
    ]
    metrics = [(name, protocol.grader, "fraction", value, error) for name, value, error in found]
    for grader in graders:
        for word, has_stop_rule in (("strict", True), ("lenient", False)):
            outcomes = sample_outcomes(
                list(rows[grader]), list(rows["finish_reason"]), has_stop_rule=has_stop_rule
            )
            is_right = np.array([outcome == "correct" for outcome in outcomes])
            right_QK = is_right.reshape(-1, k).astype(float)
            error = sampling_error(right_QK)
            metrics.append((f"{word} avg@{k}", grader, "fraction", right_QK.mean(axis=1), error))
        is_ungradable = (rows[grader] == Outcome.UNGRADABLE.value).to_numpy(dtype=float)
        value = is_ungradable.reshape(-1, k).mean(axis=1)
        metrics.append(("ungradable", grader, "fraction", value, nothing))
    for name in SHARES:
        metrics.append((name, protocol.grader, "fraction", _share(rows, name, k), nothing))
    tokens_Q = question_matrix(rows, "response_tokens").mean(axis=1)
    metrics.append(("response_tokens", "", "tokens", tokens_Q, nothing))
    return metrics


def _share(rows: pd.DataFrame, name: str, samples: int) -> np.ndarray:
    """Return a share of samples per question; "truncated" is all that were cut off."""
    if name == "format":
        is_so = rows["format_ok"] == 1
    elif name == "truncated":
        is_so = rows["finish_reason"] != "stop"
    else:
        is_so = rows["outcome"] == name
    share_Q: np.ndarray = is_so.to_numpy(dtype=float).reshape(-1, samples).mean(axis=1)
    return share_Q


def _vote(outcome: str, answer: str) -> Hashable | None:
    if outcome == "correct":
        return RIGHT
    if outcome != "wrong":
        return None
    try:
        return normalised(answer)
    except ValueError:
        return answer
