"""MaxRL: group advantages divided by the group's mean reward, without a critic.

Registered with veRL as the advantage estimator "maxrl"; `harness/conf/algorithm/maxrl.yaml` chooses
it. How to add another: docs/new-algorithm.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from verl.trainer.ppo.core_algos import register_adv_est

NAME = "maxrl"


def group_advantages(reward_B: torch.Tensor, group_B: torch.Tensor) -> torch.Tensor:
    """Return each response's advantage in its group.

    With rewards of 0 and 1, K of the N responses right, the gradient of log P(right | question) is
    estimated by the mean of the K right responses' score functions, less the mean of all N to lower
    the variance: response i has the weight (R_i / mean - 1) / N. The 1 / N is left to the mean that
    the loss takes. Since groups without a right response are left out, the expectation is exactly
    the gradient of -sum over k < N of P(wrong)^k / k: log P(right), expanded to order N - 1.

    Args:
        reward_B: total reward of each response, shape (responses,), finite, 0 or more.
        group_B: number of its question, shape (responses,), integers from 0.

    Returns:
        R_i / mean(R) - 1, shape (responses,), at least -1 and at most N - 1 for a group of N; 0 in
        a group whose rewards are all 0: it has no right response to learn from.

    Raises:
        ValueError: a reward is negative or not finite: the likelihood of it means nothing.

    Source:
        Tajwar et al. 2026, Maximum Likelihood Reinforcement Learning (arXiv:2602.02710).
    """
    if not bool(torch.isfinite(reward_B).all()) or bool((reward_B < 0).any()):
        raise ValueError(
            f"maxrl divides by a group's mean reward, and found a reward of {_odd(reward_B)}:"
            " expected finite rewards of 0 or more; choose a reward without penalties"
        )
    groups = int(group_B.max()) + 1 if group_B.numel() else 0
    total_G = torch.zeros(groups, dtype=reward_B.dtype, device=reward_B.device)
    size_G = torch.zeros_like(total_G)
    total_G.index_add_(0, group_B, reward_B)
    size_G.index_add_(0, group_B, torch.ones_like(reward_B))
    mean_B = (total_G / size_G.clamp(min=1))[group_B]
    is_solved_B = mean_B > 0
    # the divisor of an unsolved group does not matter, but for its not being 0
    safe_B = torch.where(is_solved_B, mean_B, torch.ones_like(mean_B))
    return torch.where(is_solved_B, reward_B / safe_B - 1.0, torch.zeros_like(reward_B))


@register_adv_est(NAME)
@torch.no_grad()
def maxrl_advantage(
    token_level_rewards: torch.Tensor,
    response_mask: torch.Tensor,
    index: np.ndarray,
    **others: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Answer veRL: advantages and returns of a batch, both (responses, tokens), 0 off the mask.

    Args:
        token_level_rewards: shape (responses, tokens); a response's reward is the sum of its row.
        response_mask: 1 where the response has a token, same shape.
        index: veRL's uid of each response's question, shape (responses,).
        **others: what veRL passes to other estimators.
    """
    reward_B = (token_level_rewards * response_mask).sum(dim=-1)
    group_B = np.unique(np.asarray(index, dtype=str), return_inverse=True)[1]
    groups = torch.as_tensor(group_B, dtype=torch.long, device=reward_B.device)
    advantage_BT = group_advantages(reward_B, groups)[:, None] * response_mask
    return advantage_BT, advantage_BT


def _odd(reward_B: torch.Tensor) -> float:
    is_odd_B = ~torch.isfinite(reward_B) | (reward_B < 0)
    return float(reward_B[is_odd_B][0])
