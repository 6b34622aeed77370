r"""Records of MATH: a problem, and a solution that boxes the answer last.

Source: Hendrycks et al. 2021 (arXiv:2103.03874). A few solutions write `\boxed 2`, or use `\fbox`.
"""

from __future__ import annotations

import re
from typing import Any

from harness.data.questions import Question, RecordError, shown, text_at

FIELDS = "problem and solution"
KEYS = frozenset({"problem", "solution"})

_BOX = re.compile(r"\\(?:boxed|fbox)\s*")
_BARE = re.compile(r"\\[A-Za-z]+|[^\s${}\\]+")
_SHOWN_TAIL = 50


def read(record: Any) -> Question:
    """Return the question of a record; see `harness.data.questions.Form`."""
    text, solution = text_at(record, "problem"), text_at(record, "solution")
    answer = boxed(solution)
    if not answer:
        raise RecordError("solution", f"no box in {shown(solution[-_SHOWN_TAIL:])}", r"a \boxed{}")
    return Question(text=text, answer=answer)


def boxed(solution: str) -> str:
    r"""Return the content of the last complete `\boxed` or `\fbox`, "" if there is none.

    Without braces it is what TeX would take and a number's other digits: `\boxed 12` holds 12.
    """
    for match in reversed(list(_BOX.finditer(solution))):
        rest = solution[match.end() :]
        content = _braced(rest) if rest.startswith("{") else _bare(rest)
        if content.strip():
            return content.strip()
    return ""


def _bare(text: str) -> str:
    match = _BARE.match(text)
    return match.group().rstrip(".,;") if match else ""


def _braced(text: str) -> str:
    depth = 0
    for place, character in enumerate(text):
        if character in "{}" and text[max(0, place - 1)] != "\\":
            depth += 1 if character == "{" else -1
        if depth == 0:
            return text[1:place]
    return ""
