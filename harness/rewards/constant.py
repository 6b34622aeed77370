"""Reward 1 for every response: a control that says nothing.

Whatever changes under it is not learned from the answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.rewards import rule
from harness.rewards.paid import paid


def pay(row: Mapping[str, Any], response: str) -> float:
    """Return 1 for any graded response."""
    return 1.0


compute_score = paid("constant", rule.compute_score, pay)
