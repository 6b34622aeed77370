"""Training records of Open-Reasoner-Zero: a list of a human's and an assistant's turn.

Source: `CustomDataset.process_dialogue` of the authors' code, which reads the two values. The hub
turns such a list into a mapping with the keys "0" and "1", which is read as well.
"""

from __future__ import annotations

from typing import Any

from harness.data.questions import Question, RecordError, shown, text_at, value_at

FIELDS = "[0].value and [1].ground_truth.value, and pass_at_n beside it"
KEYS = frozenset({"0", "1"})


def read(record: Any) -> Question:
    """Return the question of a record; see `harness.data.questions.Form`."""
    if isinstance(record, dict) and set(record) == {"0", "1"}:
        record = [record["0"], record["1"]]
    if not isinstance(record, list) or len(record) != 2:
        found = f"{len(record)} items" if isinstance(record, list) else shown(record)
        raise RecordError("(the record)", found, "a list of two turns, human and assistant")
    for place, who in enumerate(("human", "assistant")):
        if value_at(record, place, "from") != who:
            raise RecordError(f"{place}.from", shown(record[place]["from"]), repr(who))
    truth = value_at(record, 1, "ground_truth")
    answer = text_at(record, 1, "ground_truth", "value")
    passed = truth.get("pass_at_n")
    if passed is not None and (isinstance(passed, bool) or not isinstance(passed, int | float)):
        raise RecordError("1.ground_truth.pass_at_n", shown(passed), "a number or null")
    return Question(
        text=text_at(record, 0, "value"),
        answer=answer,
        pass_at_n=None if passed is None else float(passed),
    )
