r"""Open-Reasoner-Zero's grader: the box inside a closed `<answer>`, then its legacy matcher.

Two answers are equal if they are the same text or number in the MATH normalisation, else if sympy
reads both as the same expression or value, as they stand or in the Minerva normalisation, else, if
it cannot read the latter, if those are the same text.

Source: Open-Reasoner-Zero (3fdd9a0), `solution2answer` and `is_equal(..., math_mode="legacy")`,
own code after a description of their rules; docs/graders.md names what else was read.
"""

from __future__ import annotations

from harness.graders import hendrycks, minerva
from harness.graders.extraction import ANSWER_PATTERN, last_boxed
from harness.graders.latex import parse_latex
from harness.graders.repetition import repetition_score
from harness.graders.verdict import Verdict, right, ungradable, wrong

LONG_CHARS = 128
"""Answers longer than this are looked at for repetition before they are read."""

REPETITIVE = 0.2
"""A long answer with a higher `repetition_score` is wrong."""


def prepare() -> None:
    """Import sympy and fill ANTLR's tables of decisions, which the first texts would wait for."""
    matches("\\frac{1}{2}x", "\\sqrt{3}+\\left(2\\pi\\right)^{2}")


def grade(response: str, reference: str) -> Verdict:
    r"""Grade one response; how it ended is not looked at (the reward looks at it).

    Args:
        response: text after the prompt.
        reference: the expected answer, in `\boxed{}` or bare.
    """
    boxes = ANSWER_PATTERN.findall(response)
    if not boxes:
        return ungradable("no box in a closed <answer>")
    answer = last_boxed(boxes[-1])
    if not answer.strip():
        return ungradable("the box is empty or not closed")
    return matches(unboxed(reference), answer)


def unboxed(text: str) -> str:
    r"""Return the content of the last balanced `\boxed{}`, or the text itself if it has none."""
    return last_boxed(text) or text


def matches(reference: str, answer: str) -> Verdict:
    """Compare two answers by the legacy matcher.

    Args:
        reference: the expected answer, without a box.
        answer: the given one, without a box.

    Returns:
        Right or wrong, with the rule that decided.
    """
    if hendrycks.same_text(reference, answer):
        return right("same text or number", answer)
    if _is_repetitive(reference) or _is_repetitive(answer):
        return wrong("long and repetitive", answer)
    if _same_value(reference, answer):
        return right("same expression or value", answer)
    first, second = minerva.normalised(reference), minerva.normalised(answer)
    is_same = _same_value(first, second)
    if is_same is None:
        if first == second:
            return right("same text without words and units", answer)
        return wrong("not readable, and another text", answer)
    if is_same:
        return right("same expression or value without words and units", answer)
    return wrong("another expression and value", answer)


def _same_value(left: str, right_: str) -> bool | None:
    """Return whether two texts are the same expression or number; None if one is not readable."""
    try:
        first, second = parse_latex(left), parse_latex(right_)
        return bool(first == second) or bool(first.evalf() == second.evalf())
    except MemoryError:
        raise
    # LatexError, and whatever an evaluation raises: to the rule both are "not readable"
    except Exception:
        return None


def _is_repetitive(text: str) -> bool:
    return len(text) > LONG_CHARS and repetition_score(text) > REPETITIVE
