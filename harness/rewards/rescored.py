"""A reward that grades as another one does and pays something else.

So `correct`, `format_ok` and `outcome` mean the same in every arm of an ablation of the reward,
whatever trains; only `score` and the reward's name are others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Score = Callable[[Mapping[str, Any], str, str], float]
"""(row of the graded response, see `response.sample_row`; its text; the reference) -> the pay."""


def rescored(name: str, graded: Callable[..., dict[str, Any]], score: Score) -> Callable[..., Any]:
    """Return a reward with verl's signature.

    Args:
        name: of the reward.
        graded: `compute_score` of the reward whose grade is recorded.
        score: must not raise on text.
    """

    def compute_score(
        data_source: str,
        solution_str: str,
        ground_truth: str,
        extra_info: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> dict[str, Any]:
        row = graded(data_source, solution_str, ground_truth, extra_info, **others)
        paid = score(row, str(solution_str), str(ground_truth))
        return {**row, "reward_name": name, "score": paid}

    return compute_score
