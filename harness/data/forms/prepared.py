"""Rows that this suite prepared: a part of a set, such as the hard prompts of a run of your own."""

from __future__ import annotations

from typing import Any

from harness.data.questions import Question, text_at, value_at

FIELDS = "extra_info.problem and reward_model.ground_truth"
KEYS = frozenset({"extra_info", "reward_model"})


def read(record: Any) -> Question:
    """Return the question of a record; see `harness.data.questions.Form`."""
    return Question(
        text=text_at(record, "extra_info", "problem"),
        answer=text_at(record, "reward_model", "ground_truth"),
        choices=tuple(value_at(record, "extra_info", "choices")),
        pass_at_n=value_at(record, "extra_info", "pass_at_n"),
        details=str(value_at(record, "extra_info", "details")),
    )
