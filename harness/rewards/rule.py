"""Reward 1 for a finished response whose boxed answer equals the reference, else 0.

The reward of the paper: no format term, no length term, no partial credit (v1 section 2.1.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.rewards.response import grade, sample_row


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    **_: Any,
) -> dict[str, Any]:
    """Grade one response and pay by the rule; never raises on text.

    Args:
        data_source: not used.
        solution_str: the response without special tokens.
        ground_truth: the expected answer.
        extra_info: of the question and of the request, see `response.sample_row`.
    """
    info = extra_info or {}
    given = grade(solution_str, str(ground_truth), str(info.get("finish_reason")))
    return sample_row(given, float(given.is_correct), "rule", info)
