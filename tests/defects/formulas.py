"""What verl's formulas must give for the golden tensors of the fingerprint, worked out plainly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from harness.plugins.fingerprint import (
    ADVANTAGES,
    GROUPS,
    LENGTHS,
    MASK,
    NEW,
    OLD,
    REFERENCE,
    RETURNS,
    REWARDS,
    VALUES,
    tokens,
)
from tests.algorithms import plain

BATCH = plain.Batch(rewards=REWARDS, uids=GROUPS, masks=MASK, values=VALUES)
COUNT = sum(LENGTHS)


def _gae() -> list[float]:
    found: list[float] = []
    for gamma, lam in ((1.0, 1.0), (0.9, 0.8)):
        advantages, returns = plain.gae(BATCH, gamma, [lam] * 4)
        found += [*tokens(plain.whitened(advantages, MASK)), *tokens(returns)]
    return found


def _kl_estimators() -> list[float]:
    apart = [new - ref for new, ref in zip(tokens(NEW), tokens(REFERENCE), strict=True)]
    k3 = [math.exp(-d) - 1 + d for d in apart]
    return [*apart, *(d * d / 2 for d in apart), *k3, *map(abs, apart)]


def _kl_reward() -> list[float]:
    last = [[0.0] * (length - 1) + [r] for length, r in zip(LENGTHS, REWARDS, strict=True)]
    paid = [reward for row in last for reward in row]
    pairs = zip(paid, tokens(OLD), tokens(REFERENCE), strict=True)
    return [reward - 0.3 * (old - ref) for reward, old, ref in pairs]


def _policy_loss() -> float:
    policy = plain.Policy(NEW, OLD, ADVANTAGES, MASK)
    return plain.token_mean(policy)


def _actor_loss() -> float:
    apart = [new - ref for new, ref in zip(tokens(NEW), tokens(REFERENCE), strict=True)]
    return _policy_loss() + 0.7 * math.fsum(math.exp(-d) - 1 + d for d in apart) / COUNT


def _value_loss() -> float:
    total = 0.0
    for new, target, old in zip(tokens(NEW), tokens(RETURNS), tokens(VALUES), strict=True):
        clipped = min(max(new, old - 0.2), old + 0.2)
        total += max((new - target) ** 2, (clipped - target) ** 2) / 2
    return total / COUNT


FORMULAS: Mapping[str, Callable[[], list[float]]] = {
    "gae": _gae,
    "group_advantage": lambda: tokens(plain.grpo(BATCH)),
    "kl_estimators": _kl_estimators,
    "reward_has_the_kl_term": _kl_reward,
    "policy_loss": lambda: [_policy_loss()],
    "actor_loss_has_the_kl_term": lambda: [_actor_loss()],
    "value_loss": lambda: [_value_loss()],
    # micro-batches add up to the batch, and so do their gradients
    "critic_loss_adds_up": lambda: [_value_loss()],
    "aggregation": lambda: [math.fsum(tokens(NEW)) / COUNT] * 2,
    "rate_at_step_one": lambda: [1.0, 1.0],
}
