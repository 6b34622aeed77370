r"""Reads what a response to a micro problem did: its attempts, their steps, its reflection.

The probe's own reading, so that the micro-world needs no other room. Rewards and evaluations use
`harness.rewards`.
"""

import re
from typing import NamedTuple

from harness.micro.families import FAMILIES, Problem
from harness.micro.tokenizer import REFLECTION

ANSWER = re.compile(r"<answer>.*?(\\boxed{.*}).*?</answer>", re.DOTALL)
ANY_ANSWER = re.compile(r"(?:\\boxed{|<answer>)\s*(\d+)")
BOXED_INTEGER = re.compile(r"\\boxed{\s*(\d+)\s*}")
FORMAT = re.compile(
    r"^(?:(?!</?think>|</?answer>).)*</think>\s*<answer>(?:(?!</?think>|</?answer>).)*</answer>\s*$",
    re.DOTALL,
)
ATTEMPT = re.compile(r"([^a-z<]*) (no|yes)\b")
NUMBER = re.compile(r"\d+")


class Marks(NamedTuple):
    """One response.

    Attributes:
        correct: ORZ's rule: finished, and the last boxed integer in a closed answer is right.
        right_value: the last integer that looks like an answer is right, whatever the format.
        well_formed: one ``</think>``, then one closed answer, nothing after it.
        finished: it ended before the limit.
        attempts: attempts written (a worked chain counts as one).
        steps, steps_right: look-ups in them, and how many follow from what stands before them.
        verdicts, verdicts_right: attempts with a verdict, and how many fit the written
            values.
        reflections: words of reflection written.
    """

    correct: bool
    right_value: bool
    well_formed: bool
    finished: bool
    attempts: int
    steps: int
    steps_right: int
    verdicts: int
    verdicts_right: int
    reflections: int


def mark(problem: Problem, response: str, *, finished: bool) -> Marks:
    """Read the text after ``<think>``; never raises on model text."""
    answers = ANSWER.findall(response)
    boxed = BOXED_INTEGER.findall(answers[-1]) if answers else []
    values = ANY_ANSWER.findall(response)
    work = thinking(response)
    written = _attempts(problem, work)
    family, checks = FAMILIES[problem.family], list[bool]()
    before: tuple[int, ...] = ()
    for numbers, _ in written:
        checks += family.checks(problem, numbers, before)
        before = numbers
    judged = [family.solves(problem, ns) == (word == "yes") for ns, word in written if word]
    return Marks(
        correct=finished and bool(boxed) and _number(boxed[-1]) == problem.answer,
        right_value=bool(values) and _number(values[-1]) == problem.answer,
        well_formed=finished and FORMAT.match(response) is not None,
        finished=finished,
        attempts=len(written),
        steps=len(checks),
        steps_right=sum(checks),
        verdicts=len(judged),
        verdicts_right=sum(judged),
        reflections=sum(response.count(word) for word in REFLECTION),
    )


def thinking(response: str) -> str:
    """What stands before the answer, or before what looks like one."""
    return re.split(r"</think>|<answer>|\\boxed", response)[0]


def _attempts(problem: Problem, work: str) -> list[tuple[tuple[int, ...], str]]:
    if problem.family == "chain":
        numbers = _numbers(work)
        return [(numbers, "")] if "=" in work else []
    found = ((_numbers(text), word) for text, word in ATTEMPT.findall(work))
    return [(numbers, word) for numbers, word in found if numbers]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(_number, NUMBER.findall(text)))


def _number(digits: str) -> int:
    # more digits than any answer has: model text that int() might refuse
    return int(digits[:9])
