"""Records with a problem and its answer, as copies of AIME and MATH500 on the hub have them."""

from __future__ import annotations

from typing import Any

from harness.data.questions import Question, text_at, value_at

FIELDS = "problem and answer"
KEYS = frozenset({"problem", "answer"})


def read(record: Any) -> Question:
    """Return the question of a record; see `harness.data.questions.Form`."""
    answer = value_at(record, "answer")
    if isinstance(answer, int) and not isinstance(answer, bool):
        # answers of AIME are numbers in some copies
        return Question(text=text_at(record, "problem"), answer=str(answer))
    return Question(text=text_at(record, "problem"), answer=text_at(record, "answer").strip())
