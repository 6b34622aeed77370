r"""Judges one response to a micro problem; plain string rules, integers only.

The probe's own copy of the rule, so that the micro-world needs no other room. Training and
evaluation use `harness.rewards`.
"""

import re
from typing import NamedTuple

ANSWER = re.compile(r"<answer>.*?(\\boxed{.*}).*?</answer>", re.DOTALL)
BOXED_INTEGER = re.compile(r"\\boxed{\s*(-?\d+)\s*}")
ANY_NUMBER = re.compile(r"(?:\\boxed{|<answer>)\s*(-?\d+)")
FORMAT = re.compile(
    r"^(?:(?!</?think>|</?answer>).)*</think>\s*<answer>(?:(?!</?think>|</?answer>).)*</answer>\s*$",
    re.DOTALL,
)


class Judgement(NamedTuple):
    """One response.

    Attributes:
        style: ``direct`` (no step written), ``worked`` or ``slip`` (has ``wait,``).
        correct: ORZ's rule: finished, and the last boxed integer in a closed answer is right.
        right_value: the last integer that looks like an answer is right, whatever the format;
            None if there is no such integer.
        well_formed: one ``</think>``, then one closed answer, nothing after it.
        finished: it ended before the limit.
    """

    style: str
    correct: bool
    right_value: bool | None
    well_formed: bool
    finished: bool


def judge(response: str, reference: int, *, finished: bool) -> Judgement:
    """Judge the text after ``<think>``; never raises on model text."""
    answers = ANSWER.findall(response)
    boxed = BOXED_INTEGER.findall(answers[-1]) if answers else []
    numbers = ANY_NUMBER.findall(response)
    style = "slip" if "wait," in response else "worked" if "=" in response else "direct"
    return Judgement(
        style=style,
        correct=finished and bool(boxed) and int(boxed[-1]) == reference,
        right_value=int(numbers[-1]) == reference if numbers else None,
        well_formed=finished and FORMAT.match(response) is not None,
        finished=finished,
    )
