"""Half the rule reward plus half the format reward: 0, 0.5 or 1.

Equal weights keep the reward in [0, 1], so that its scale is that of the other two.
"""

from __future__ import annotations

from harness.rewards.response import Grade, reward_function


def score(given: Grade) -> float:
    """Return what this reward pays for a graded response."""
    return 0.5 * given.is_correct + 0.5 * given.is_formatted


compute_score = reward_function("both", score)
