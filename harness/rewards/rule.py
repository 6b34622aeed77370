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
    """Return verl's score dictionary of one response; the score is 0 or 1.

    Args:
        data_source: name of the data set, not used.
        solution_str: the response without special tokens.
        ground_truth: the reference answer.
        extra_info: of the question and the request, see `harness.rewards.response.sample_row`.
    """
    info = extra_info or {}
    given = grade(solution_str, ground_truth, str(info.get("finish_reason")))
    return sample_row(given, float(given.is_correct), "rule", info)
