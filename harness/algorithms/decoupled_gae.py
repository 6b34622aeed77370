"""VAPO's decoupled GAE: the critic learns returns of one lambda, the policy another per response.

`harness/conf/algorithm/decoupled_gae.yaml` chooses it. veRL 0.9.1 hands values to its own GAE alone
(`trainer/ppo/ray_trainer.py`, `compute_advantage`), so this is a patch and no registered estimator:
the function that veRL calls for "gae" is wrapped. No longer needed when registered estimators get
`values`, or there is a second lambda.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from verl.trainer.ppo import core_algos

ALPHA = 0.05
"""VAPO's alpha: 1 - 1 / (0.05 l) is 0.9975 for 8,000 tokens."""

Gae = Callable[..., tuple[torch.Tensor, torch.Tensor]]


def policy_lambda(length_B: torch.Tensor) -> torch.Tensor:
    """Return the policy's lambda of each response.

    Args:
        length_B: tokens of each response, shape (responses,), 0 or more.

    Returns:
        1 - 1 / (ALPHA l), shape (responses,), in [0, 1): below 1 / ALPHA = 20 tokens the formula is
        negative, which the paper does not speak of, and 0 is taken.

    Source:
        Yue et al. 2025, VAPO (arXiv:2504.05118), section 4.2, length-adaptive GAE.
    """
    return (1.0 - 1.0 / (ALPHA * length_B.clamp(min=1.0))).clamp(min=0.0)


def decoupled(gae: Gae) -> Gae:
    """Return a function with the signature of veRL's GAE that has a lambda for each side.

    Args:
        gae: veRL's `compute_gae_advantage_return`.
    """

    @torch.no_grad()
    def compute_gae_advantage_return(
        token_level_rewards: torch.Tensor,
        values: torch.Tensor,
        response_mask: torch.Tensor,
        gamma: float,
        lam: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the policy's advantages and the critic's returns, both (responses, tokens).

        Args:
            token_level_rewards: shape (responses, tokens).
            values: of the critic, same shape.
            response_mask: 1 where the response has a token, same shape.
            gamma: discount of both.
            lam: lambda of the critic's returns.
        """
        batch = {"token_level_rewards": token_level_rewards, "values": values}
        batch |= {"response_mask": response_mask, "gamma": gamma}
        _, returns = gae(**batch, lam=lam)
        # veRL multiplies lambda by one error per response: a vector gives each its own
        own_B = policy_lambda(response_mask.sum(dim=-1).to(values.dtype))
        advantages, _ = gae(**batch, lam=own_B)
        return advantages, returns

    compute_gae_advantage_return.is_decoupled = True
    return compute_gae_advantage_return


def install() -> None:
    """Wrap the function that veRL's `compute_advantage` calls for "gae", once per process."""
    if not getattr(core_algos.compute_gae_advantage_return, "is_decoupled", False):
        core_algos.compute_gae_advantage_return = decoupled(core_algos.compute_gae_advantage_return)


install()
