"""What is kept of every evaluated sample: the columns of the samples table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harness.graders.reflection import reflections
from harness.metrics.column import Field


def _reflection_rate(row: Mapping[str, Any]) -> float:
    tokens = int(row["response_tokens"])
    return 100 * reflections(str(row["output"])) / tokens if tokens else math.nan


def _right_reflection_tokens(row: Mapping[str, Any]) -> float:
    # no number for the others: the paper's curve is the mean length of these responses alone
    is_counted = int(row["correct"]) == 1 and reflections(str(row["output"])) > 0
    return float(row["response_tokens"]) if is_counted else math.nan


CORRECT = Field("correct", "int8", "correct", lambda row: int(row["correct"]))
FORMAT_OK = Field("format_ok", "int8", "format_ok", lambda row: int(row["format_ok"]))
OUTCOME = Field("outcome", "category", "outcome", lambda row: row["outcome"])
RESPONSE_TOKENS = Field(
    "response_tokens", "int32", "response_tokens", lambda row: int(row["response_tokens"])
)
REFLECTION = Field("reflection", "bool", "output", lambda row: reflections(str(row["output"])) > 0)
REFLECTION_RATE = Field("reflection_rate", "float32", "output", _reflection_rate)
RIGHT_REFLECTION_TOKENS = Field(
    "right_reflection_tokens", "float32", "output", _right_reflection_tokens
)

STORED_FIELDS = (
    CORRECT,
    FORMAT_OK,
    OUTCOME,
    # kept for whoever follows a number; no metric is made of these two
    Field("finish_reason", "category", "finish_reason", lambda row: str(row.get("finish_reason"))),
    RESPONSE_TOKENS,
    REFLECTION,
    Field("score", "float32", "score", lambda row: float(row["score"])),
)
"""The columns of the stored samples tables, in their order; a further metric's field follows."""
