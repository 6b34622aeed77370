"""The reward rule of Open-Reasoner-Zero: 1 for a finished response that its grader finds right.

Light to import: sympy is loaded in the grader's own process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.graders.pool import shared_pool
from harness.graders.verdict import Outcome, Sample, Verdict, ungradable
from harness.rewards.response import FORMAT_PATTERN, LONGEST_GRADED_CHARS, Grade, sample_row
from harness.rewards.response import Outcome as SampleOutcome

FINISHED = "stop"
"""vLLM's finish reason of a response that ended by itself or by a stop string."""

_UNFINISHED = ungradable("not finished")
_SAMPLE_OUTCOMES: Mapping[Outcome, SampleOutcome] = {
    Outcome.RIGHT: "correct",
    Outcome.WRONG: "wrong",
    Outcome.UNGRADABLE: "unparsable",
}


def reward_of(verdict: Verdict, finish_reason: str) -> float:
    """Return what the rule pays: 1.0 for a right answer of a finished response, else 0.0.

    Args:
        verdict: of any grader.
        finish_reason: "stop" if the response ended by itself.

    Source: Open-Reasoner-Zero v1 section 2.1.2, and the stop rule of its PPO recipe.
    """
    return float(verdict.is_right and finish_reason == FINISHED)


def grader_reward(grader: str) -> Callable[..., dict[str, Any]]:
    """Return a reward with verl's signature that pays by `reward_of` what a grader says.

    The returned function never raises on text; without its grader it raises
    `GraderUnavailableError`, which ends the run. It stores the columns of every reward
    (`rewards.response.sample_row`), and `grade` and `grade_reason` of the grader.

    Args:
        grader: a name of `registry.GRADERS`.
    """

    def compute_score(
        data_source: str,
        solution_str: str,
        ground_truth: str,
        extra_info: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        info = extra_info or {}
        finish_reason = str(info.get("finish_reason"))
        sample = Sample(str(solution_str), str(ground_truth))
        # what did not finish earns nothing, so nobody waits for its grade
        # a grader that is gone raises: false zeros for right answers would be trained on
        verdict = (
            shared_pool(grader).grade([sample])[0] if finish_reason == FINISHED else _UNFINISHED
        )
        given = Grade(
            extracted=verdict.answer,
            is_correct=verdict.is_right,
            is_formatted=_is_formatted(sample.response),
            outcome=_outcome(verdict, finish_reason),
        )
        row = sample_row(given, reward_of(verdict, finish_reason), grader, info)
        return {**row, "grade": verdict.outcome.value, "grade_reason": verdict.reason}

    return compute_score


def _outcome(verdict: Verdict, finish_reason: str) -> SampleOutcome:
    return "truncated" if finish_reason != FINISHED else _SAMPLE_OUTCOMES[verdict.outcome]


def _is_formatted(response: str) -> bool:
    return FORMAT_PATTERN.match("<think>" + response[:LONGEST_GRADED_CHARS]) is not None
