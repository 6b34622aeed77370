"""Half the reward of `harness.rewards.orz` plus half the format reward: 0, 0.5 or 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.rewards import orz
from harness.rewards.paid import paid


def pay(row: Mapping[str, Any], response: str) -> float:
    """Return what a graded response earns; "correct" is of finished responses only."""
    return 0.5 * float(row["correct"]) + 0.5 * float(row["format_ok"])


compute_score = paid("orz_both", orz.compute_score, pay)
