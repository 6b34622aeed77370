"""What the text of a response shows beside its answer: words of reflection, attempts."""

from __future__ import annotations

import re

REFLECTION_WORDS = ("wait,", "recheck", "retry", "alternatively,", "however,")
"""A response that contains one of these, in any case, counts as reflecting (paper v1, Fig. 6)."""

_VERDICT = re.compile(r"\d (?:no|yes)\b")


def reflections(response: str) -> int:
    """How often a response contains one of `REFLECTION_WORDS`, in any case."""
    text = response.lower()
    return sum(text.count(word) for word in REFLECTION_WORDS)


def attempts(response: str) -> int:
    """How many attempts of the micro-world a response has: numbers and their verdict, no or yes.

    A chain of sums is worked once and has no verdict: it counts none.
    """
    return len(_VERDICT.findall(response))
