"""Evaluation records of Open-Reasoner-Zero: a prompt of one user's turn, and the final answer.

Source: `EvalCustomDataset` of the authors' code. GPQA's records have `choices` too, which stand in
the prompt already; their answer is a letter.
"""

from __future__ import annotations

from typing import Any

from harness.data.questions import Question, RecordError, list_at, shown, text_at, value_at

FIELDS = "prompt[0].value and final_answer"
KEYS = frozenset({"prompt", "final_answer"})


def read(record: Any) -> Question:
    """Return the question of a record; see `harness.data.questions.Form`."""
    turns = list_at(record, "prompt")
    if len(turns) != 1:
        raise RecordError("prompt", f"{len(turns)} turns", "one turn of the user")
    if value_at(record, "prompt", 0, "from") != "user":
        raise RecordError("prompt.0.from", shown(turns[0]["from"]), "'user'")
    answer = text_at(record, "final_answer")
    choices = record.get("choices")
    if choices is not None:
        if not isinstance(choices, dict) or answer not in choices:
            keys = ", ".join(choices) if isinstance(choices, dict) else shown(choices)
            raise RecordError("final_answer", shown(answer), f"a key of choices ({keys})")
        choices = [text_at(record, "choices", key) for key in sorted(choices)]
    return Question(
        text=text_at(record, "prompt", 0, "value"), answer=answer, choices=tuple(choices or ())
    )
