"""Records of IFEval: a prompt, and instructions with arguments that a program checks.

The answer is a JSON text of the instructions and their arguments, one of each for each other, as
IFEval's own checker takes them. Source: Zhou et al. 2023 (arXiv:2311.07911).
"""

from __future__ import annotations

import json
from typing import Any

from harness.data.questions import Question, RecordError, list_at, text_at, value_at

FIELDS = "key, prompt, instruction_id_list and kwargs"
KEYS = frozenset({"prompt", "instruction_id_list"})


def read(record: Any) -> Question:
    """Return the question of a record; see `harness.data.questions.Form`."""
    ids = [
        text_at(record, "instruction_id_list", n)
        for n in range(len(list_at(record, "instruction_id_list")))
    ]
    arguments = list_at(record, "kwargs")
    if len(arguments) != len(ids):
        raise RecordError("kwargs", f"{len(arguments)} items", f"{len(ids)}, one per instruction")
    # a table has a column for each argument that any instruction takes: null is not given
    given = [{k: v for k, v in (one or {}).items() if v is not None} for one in arguments]
    return Question(
        text=text_at(record, "prompt"),
        answer=json.dumps({"instruction_id_list": ids, "kwargs": given}, ensure_ascii=False),
        details=json.dumps({"key": value_at(record, "key")}),
    )
