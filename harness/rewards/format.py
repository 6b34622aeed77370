"""Reward 1 for a response in the tagged format, whatever its answer, else 0.

A control: it pays for `<think>...</think> <answer>...</answer>` alone (`FORMAT_PATTERN`).
"""

from __future__ import annotations

from harness.rewards.response import Grade, reward_function


def score(given: Grade) -> float:
    """Return what this reward pays for a graded response."""
    return float(given.is_formatted)


compute_score = reward_function("format", score)
