"""Reward 1 for a finished response whose boxed answer equals the reference, else 0.

The reward of the paper: no format term, no length term, no partial credit (v1 section 2.1.2).
"""

from __future__ import annotations

from harness.rewards.response import Grade, reward_function


def score(given: Grade) -> float:
    """Return what this reward pays for a graded response."""
    return float(given.is_correct)


compute_score = reward_function("rule", score)
