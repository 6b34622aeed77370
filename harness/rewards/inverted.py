"""Reward 0 for a right response and 1 for any other: a control that pays for being wrong.

An answer that cannot be read, or was cut off, is not right and is paid too.
Source: "incorrect" rewards of Shao et al. 2025, Spurious Rewards (arXiv:2506.10947).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.rewards import rule
from harness.rewards.rescored import rescored


def score(row: Mapping[str, Any], response: str, reference: str) -> float:
    """Return 0 or 1."""
    return 1.0 - float(row["correct"])


compute_score = rescored("inverted", rule.compute_score, score)
