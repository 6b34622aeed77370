"""What a grader says of one response."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

LONGEST_SHOWN = 200
"""Longest answer or reason kept in a verdict, in characters; the cut ends in an ellipsis."""


class Outcome(StrEnum):
    """Ungradable is not wrong: there was no answer to judge, or the grader could not judge it."""

    RIGHT = "right"
    WRONG = "wrong"
    UNGRADABLE = "ungradable"


class Sample(NamedTuple):
    """What is graded: the text after the prompt, and the expected answer."""

    response: str
    reference: str


class Verdict(NamedTuple):
    """What a grader says of one sample.

    Attributes:
        outcome: one of three.
        reason: a few words: by which rule, or why not.
        answer: what the grader took for the answer; "" if it found none.
    """

    outcome: Outcome
    reason: str
    answer: str = ""

    @property
    def is_right(self) -> bool:
        """Whether a reward may pay for it."""
        return self.outcome is Outcome.RIGHT


def right(reason: str, answer: str = "") -> Verdict:
    """Return the verdict that an answer is right."""
    return Verdict(Outcome.RIGHT, reason, shortened(answer))


def wrong(reason: str, answer: str = "") -> Verdict:
    """Return the verdict that an answer is wrong."""
    return Verdict(Outcome.WRONG, reason, shortened(answer))


def ungradable(reason: str, answer: str = "") -> Verdict:
    """Return the verdict that nothing can be said of an answer."""
    return Verdict(Outcome.UNGRADABLE, shortened(reason), shortened(answer))


def shortened(text: str) -> str:
    """Return a text of at most `LONGEST_SHOWN` characters."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"
