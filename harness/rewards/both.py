"""Half the rule reward plus half the format reward: 0, 0.5 or 1.

Equal weights keep the reward in [0, 1], so that its scale is that of the other two.
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
    """Return verl's score dictionary of one response; the score is 0, 0.5 or 1.

    Args:
        data_source: name of the data set, not used.
        solution_str: the response without special tokens.
        ground_truth: the reference answer.
        extra_info: of the question and the request, see `harness.rewards.response.sample_row`.
    """
    info = extra_info or {}
    given = grade(solution_str, ground_truth, str(info.get("finish_reason")))
    return sample_row(given, 0.5 * given.is_correct + 0.5 * given.is_formatted, "both", info)
