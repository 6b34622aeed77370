"""Grades of all responses: one row per sample, with every grader's outcome and reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from harness.evaluate.engine import Response
from harness.evaluate.plan import Plan
from harness.evaluate.questions import Question, Set
from harness.graders.pool import Pool
from harness.graders.registry import GraderUnavailableError
from harness.graders.verdict import Outcome, Sample, Verdict
from harness.rewards.graded import FINISHED
from harness.rewards.response import FORMAT_PATTERN, LONGEST_GRADED_CHARS
from harness.schema import UsageError

COLUMNS = (
    *("row_id", "benchmark", "question_id", "sample", "reference", "response"),
    *("finish_reason", "response_tokens", "format_ok", "correct", "outcome"),
)
"""Of the samples table, before three columns per grader."""


def grade_all(
    plan: Plan,
    responses: Mapping[tuple[str, str], Sequence[Response]],
    graders: Sequence[str],
    workers: int,
) -> pd.DataFrame:
    """Return the samples table.

    Args:
        plan: of the evaluation.
        responses: (benchmark, question) -> its samples, of every question.
        graders: names; the protocol's is among them.
        workers: processes per grader.

    Returns:
        One row per sample, columns `COLUMNS`, then per grader `<name>` (right, wrong or
        ungradable), `<name>_reason` and `<name>_answer`; `correct` is 0 or 1 by the protocol.

    Raises:
        UsageError: a grader is not installed.
    """
    rows = [
        _row(subset, question, number, response)
        for subset in plan.sets
        for question in subset.questions
        for number, response in enumerate(responses[subset.benchmark.name, question.id])
    ]
    table = pd.DataFrame(rows)
    samples = [Sample(row["response"], row["reference"]) for row in rows]
    for name in graders:
        verdicts = _verdicts(name, samples, graders, workers)
        table[name] = [verdict.outcome.value for verdict in verdicts]
        table[f"{name}_reason"] = [verdict.reason for verdict in verdicts]
        table[f"{name}_answer"] = [verdict.answer for verdict in verdicts]
    outcomes = sample_outcomes(
        list(table[plan.protocol.grader]),
        list(table["finish_reason"]),
        has_stop_rule=plan.protocol.stop_rule,
    )
    table["outcome"] = outcomes
    table["correct"] = [int(outcome == "correct") for outcome in outcomes]
    given = [column for name in graders for column in (name, f"{name}_reason", f"{name}_answer")]
    return table[[*COLUMNS, *given]]


def sample_outcomes(
    verdicts: Sequence[str], finish_reasons: Sequence[str], *, has_stop_rule: bool
) -> list[str]:
    """Return the outcome of each sample under a protocol.

    A sample that was cut off is "truncated": always with the stop rule, else unless it is right
    all the same.

    Args:
        verdicts: right, wrong or ungradable, by the protocol's grader.
        finish_reasons: "stop", or anything else for a sample that was cut off.
        has_stop_rule: of the protocol.
    """
    found = []
    for verdict, reason in zip(verdicts, finish_reasons, strict=True):
        is_right = verdict == Outcome.RIGHT
        if reason != FINISHED and (has_stop_rule or not is_right):
            found.append("truncated")
        elif is_right:
            found.append("correct")
        else:
            found.append("wrong" if verdict == Outcome.WRONG else "unparsable")
    return found


def _verdicts(
    name: str, samples: Sequence[Sample], graders: Sequence[str], workers: int
) -> list[Verdict]:
    # many samples of a question are the same text, and a symbolic comparison is slow
    distinct = list(dict.fromkeys(samples))
    try:
        with Pool(name, workers=workers) as pool:
            verdicts = dict(zip(distinct, pool.grade(distinct), strict=True))
    except GraderUnavailableError as error:
        rest = ",".join(other for other in graders if other != name)
        raise UsageError(
            f"the responses are stored and not graded: {error}; install it, or give"
            f" graders={rest or '<others>'}, and run the same command again"
        ) from error
    return [verdicts[sample] for sample in samples]


def _row(subset: Set, question: Question, number: int, response: Response) -> dict[str, Any]:
    # the prompt ends in the tag; a very long response is cut, since patterns look back
    text = "<think>" + response.text[:LONGEST_GRADED_CHARS]
    return {
        "row_id": f"{subset.benchmark.name}/{question.id}/{number}",
        "benchmark": subset.benchmark.name,
        "question_id": question.id,
        "sample": number,
        "reference": question.reference,
        "response": response.text,
        "finish_reason": response.finish_reason,
        "response_tokens": response.tokens,
        "format_ok": int(FORMAT_PATTERN.match(text) is not None),
    }
