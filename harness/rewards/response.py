r"""What a response says, read by the authors' rules: the answer, its format, how it ended.

All rewards grade through `grade`, so that accuracy and format are recorded for every sample
whatever reward trains.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from harness.graders.extraction import ANSWER_PATTERN, last_boxed

Outcome = Literal["correct", "wrong", "unparsable", "truncated"]

_TAG = r"</?(?:think|answer)>"
FORMAT_PATTERN = re.compile(
    rf"\A<think>(?:(?!{_TAG}).)*</think>\s*<answer>(?:(?!{_TAG}).)*</answer>\s*\Z", re.DOTALL
)
"""`<think>...</think> <answer>...</answer>` in this order, once each, nothing before or after.

The prompt ends in `<think>`, so a response is matched with that tag put in front of it.
"""

LONGEST_GRADED_CHARS = 100_000
"""A longer response is cut before it is searched: the patterns look back, and time must not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """What one response is worth.

    Attributes:
        extracted: the answer as written in the last box, "" if there is none.
        is_correct: the authors' rule: finished, parsable and equal to the reference.
        is_formatted: matches `FORMAT_PATTERN`.
        outcome: exactly one of the four; "truncated" wins over all others, since the rule pays
            nothing for a response that did not finish.
    """

    extracted: str
    is_correct: bool
    is_formatted: bool
    outcome: Outcome


def extract_answer(response: str) -> str:
    r"""Return what the response boxes inside its last closed `<answer>`, "" if nothing.

    Source: Open-Reasoner-Zero, extraction of its PPO recipe (regex, last match, last balanced box).
    """
    matches = ANSWER_PATTERN.findall(response[:LONGEST_GRADED_CHARS])
    return last_boxed(matches[-1]).strip() if matches else ""


def same_answer(given: str, reference: str) -> bool:
    """Whether two short answers are equal: the same characters without spaces, or the same number.

    Enough for the micro-world, whose answers are integers. LaTeX is compared as text only.
    """
    left, right = ("".join(answer.split()) for answer in (given, reference))
    if left == right:
        return True
    try:
        return bool(Decimal(left) == Decimal(right))
    except InvalidOperation:
        return False


def grade(response: str, reference: str, finish_reason: str) -> Grade:
    """Grade one response by the authors' rule.

    Args:
        response: text after the prompt, which ended in `<think>`; the stop string is part of it.
        reference: the expected answer.
        finish_reason: "stop" if the response ended by itself; anything else counts as truncated.
    """
    extracted = extract_answer(response)
    is_formatted = FORMAT_PATTERN.match("<think>" + response[:LONGEST_GRADED_CHARS]) is not None
    outcome: Outcome
    if finish_reason != "stop":
        outcome = "truncated"
    elif not extracted:
        outcome = "unparsable"
    else:
        outcome = "correct" if same_answer(extracted, reference) else "wrong"
    return Grade(
        extracted=extracted,
        is_correct=outcome == "correct",
        is_formatted=is_formatted,
        outcome=outcome,
    )


def sample_row(
    given: Grade, score: float, reward: str, extra_info: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what verl stores of one graded response: the score and the columns of a sample.

    Args:
        given: the grade of the response.
        score: what the reward pays, the scalar that trains.
        reward: name of the reward.
        extra_info: of the question (`question_id`, `split`) and of the request (`sample`,
            `finish_reason`, `response_tokens`, set by the agent loop). A key that is absent is
            stored as None: missing is not zero.
    """
    return {
        "score": score,
        "reward_name": reward,
        "correct": int(given.is_correct),
        "format_ok": int(given.is_formatted),
        "outcome": given.outcome,
        "question_id": extra_info.get("question_id"),
        "split": extra_info.get("split"),
        "sample": extra_info.get("sample"),
        "finish_reason": extra_info.get("finish_reason"),
        "response_tokens": extra_info.get("response_tokens"),
    }
