"""Reward 1 for a response in the tagged format, whatever its answer, else 0.

A control: it pays for `<think>...</think> <answer>...</answer>` alone (`response.FORMAT_PATTERN`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.rewards import rule
from harness.rewards.rescored import rescored


def score(row: Mapping[str, Any], response: str, reference: str) -> float:
    """Return 0 or 1."""
    return float(row["format_ok"])


compute_score = rescored("format", rule.compute_score, score)
