"""Records of GPQA's own table: a question, its correct answer and three incorrect ones.

Options are put in the order of a hash of question and option, which no other row and no random
state has a part in; the answer is the letter of the correct one.
"""

from __future__ import annotations

import hashlib
from typing import Any

from harness.data.questions import Question, RecordError, letter, shown, text_at, with_options

FIELDS = "Question, Correct Answer and Incorrect Answer 1 to 3"
KEYS = frozenset({"Question", "Correct Answer"})

_CORRECT = "Correct Answer"
_INCORRECT = tuple(f"Incorrect Answer {number}" for number in (1, 2, 3))


def read(record: Any) -> Question:
    """Return the question of a record; see `harness.data.questions.Form`."""
    question = text_at(record, "Question").strip()
    correct = text_at(record, _CORRECT).strip()
    options = [correct, *(text_at(record, key).strip() for key in _INCORRECT)]
    if len(set(options)) != len(options):
        raise RecordError(_CORRECT, shown(correct), "four different options")
    options.sort(key=lambda option: hashlib.sha256(f"{question}\n{option}".encode()).digest())
    return Question(
        text=with_options(question, options),
        answer=letter(options.index(correct)),
        choices=tuple(options),
    )
