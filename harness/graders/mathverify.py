r"""Math-Verify's grader: the library finds the answer in the whole response and compares values.

Source: `verify(parse(reference), parse(response))` with the library's defaults (Open-Reasoner-Zero
v1, figure 3). The reference is put in `\boxed{}`, since bare LaTeX is not searched.
"""

from __future__ import annotations

import logging

from harness.graders.verdict import Verdict, right, ungradable, wrong


def prepare() -> None:
    """Import the library and fill its caches."""
    # it warns that its own alarm is off; the process limit stands for it
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    grade("\\boxed{\\frac{1}{2}x}", "\\sqrt{3}")


def grade(response: str, reference: str) -> Verdict:
    """Grade one response.

    Args:
        response: text after the prompt.
        reference: the expected answer.
    """
    from math_verify import parse, verify

    expected = parse(f"\\boxed{{{reference}}}", parsing_timeout=None)
    if not expected:
        return ungradable("the reference is not readable")
    found = parse(response, parsing_timeout=None)
    if not found:
        return ungradable("no answer found")
    # an answer is its expression followed by the text that it was read from
    answer = found[-1] if isinstance(found[-1], str) else ""
    if verify(expected, found, timeout_seconds=None):
        return right("equal by Math-Verify", answer)
    return wrong("different by Math-Verify", answer)
