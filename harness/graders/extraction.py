r"""Where the answer stands in a response: the last box inside a closed `<answer>`.

Source: Open-Reasoner-Zero (3fdd9a0), the extraction of its PPO recipe.
"""

from __future__ import annotations

import re

ANSWER_PATTERN = re.compile(r"<answer>.*?(\\boxed{.*}).*?</answer>", re.DOTALL)
r"""Takes the `\boxed{}` inside a closed `<answer>`; the last match counts."""

_BOX = "\\boxed{"


def last_boxed(text: str) -> str:
    r"""Return the content of the last balanced `\boxed{...}` of a text, "" if there is none."""
    start = text.rfind(_BOX)
    while start != -1:
        depth = 0
        for position in range(start + len(_BOX) - 1, len(text)):
            depth += {"{": 1, "}": -1}.get(text[position], 0)
            if depth == 0:
                return text[start + len(_BOX) : position]
        start = text.rfind(_BOX, 0, start)
    return ""
