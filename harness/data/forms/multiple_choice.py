"""Records of MMLU and MMLU-Pro: a question, its options, and the place of the right one.

The options keep their published order. MMLU calls them `choices` and the place `answer`; MMLU-Pro
calls them `options` and has the letter in `answer` and the place in `answer_index`.
"""

from __future__ import annotations

import json
from typing import Any

from harness.data.questions import (
    Question,
    RecordError,
    letter,
    list_at,
    shown,
    text_at,
    value_at,
    with_options,
)

FIELDS = "question, options and answer_index, or question, choices and answer"
KEYS = frozenset({"question", "answer"})


def read(record: Any) -> Question:
    """Return the question of a record; see `harness.data.questions.Form`."""
    is_pro = isinstance(record, dict) and "options" in record
    listed, placed = ("options", "answer_index") if is_pro else ("choices", "answer")
    options = list_at(record, listed)
    for number, option in enumerate(options):
        if not isinstance(option, str):
            raise RecordError(f"{listed}.{number}", shown(option), "text")
    place = value_at(record, placed)
    if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < len(options):
        raise RecordError(placed, shown(place), f"a place in 0..{len(options) - 1}")
    if is_pro and value_at(record, "answer") != letter(place):
        raise RecordError("answer", shown(record["answer"]), f"the letter {letter(place)!r}")
    subject = record.get("category") if is_pro else record.get("subject")
    return Question(
        text=with_options(text_at(record, "question"), options),
        answer=letter(place),
        choices=tuple(options),
        details=json.dumps({"subject": subject}) if subject is not None else "",
    )
