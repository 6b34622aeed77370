"""DAPO's soft overlong punishment, around whatever reward trains.

`harness/conf/algorithm/dapo.yaml` chooses it as veRL's reward manager. The manager "dapo" of veRL
0.9.1 subtracts the same penalty and leaves the agent loop's fields out of what the reward sees:
every response would then count as truncated. No longer needed when it reads `tool_extra_fields`.
"""

from __future__ import annotations

from typing import Any

from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager

BUFFER_SHARE = 0.2
"""Share of the longest response in which the penalty grows: 4096 of 20480 tokens in the paper."""


def overlong_penalty(length: int, longest: int) -> float:
    """Return what a response of this length loses, in [-1, 0] up to the longest response.

    Args:
        length: tokens of the response, 0 or more.
        longest: tokens that a response can have at most, 1 or more.

    Returns:
        0 up to the start of the buffer, -1 at its end, linear between the two.

    Source:
        Yu et al. 2025, DAPO (arXiv:2503.14476), soft overlong punishment, which is -1 beyond the
        end too.
    """
    buffer = longest * BUFFER_SHARE
    return -min(max(length - (longest - buffer), 0.0) / buffer, 1.0)


class OverlongRewardManager(NaiveRewardManager):
    """veRL's naive reward manager, its score less the penalty.

    The recorded field `score` stays what the reward paid; `overlong_penalty` stands beside it.
    """

    async def run_single(self, data: Any) -> dict[str, Any]:
        """Score one response: `reward_score` is a float, `reward_extra_info` what is recorded."""
        result = await super().run_single(data)
        # as the naive manager: of several sequences the last one is scored
        item = data[-1:][0]
        width = item.batch["responses"].shape[-1]
        length = int(item.batch["attention_mask"][-width:].sum())
        penalty = overlong_penalty(length, int(self.config.data.max_response_length))
        result["reward_score"] = float(result["reward_score"]) + penalty
        result["reward_extra_info"]["overlong_penalty"] = penalty
        return result
