"""Half the rule reward plus half the format reward: 0, 0.5 or 1.

Equal weights keep the reward in [0, 1], so that its scale is that of the other two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.rewards import rule
from harness.rewards.rescored import rescored


def score(row: Mapping[str, Any], response: str, reference: str) -> float:
    """Return 0, 0.5 or 1; "correct" is of finished responses only, "format_ok" of all."""
    return 0.5 * float(row["correct"]) + 0.5 * float(row["format_ok"])


compute_score = rescored("both", rule.compute_score, score)
