"""The reward `harness.rewards.format` for LaTeX answers, graded as by `harness.rewards.orz`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.rewards import orz
from harness.rewards.paid import paid


def pay(row: Mapping[str, Any], response: str) -> float:
    """Return 1 if the graded response is in the tagged format, whatever its answer, else 0."""
    return float(row["format_ok"])


compute_score = paid("orz_format", orz.compute_score, pay)
