"""Component checks: golden tensors through the installed verl against plain formulas."""

from __future__ import annotations

import asyncio
import importlib
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tensordict import TensorDict
from verl.trainer.ppo import core_algos, ray_trainer
from verl.utils import tensordict_utils as tu
from verl.workers.utils import losses

from tests.algorithms import plain
from tests.algorithms.installed import keys_of, tensor
from tests.algorithms.plain import Batch

LENGTHS = (3, 5, 2, 4)
PROMPT = 2
MASK = [[int(t < length) for t in range(5)] for length in LENGTHS]
_RNG = np.random.default_rng(7)
VALUES, NEW, OLD, REF, ADVANTAGES, RETURNS = (
    (_RNG.normal(size=(4, 5)) * scale - shift).tolist()
    for scale, shift in ((1, 0), (0.3, 1), (0.3, 1), (0.3, 1), (1, 0), (1, 0))
)
BATCH = Batch(rewards=[0.25, 0.0, 1.0, 0.5], uids=["a", "a", "b", "b"], masks=MASK, values=VALUES)


def tokens(rows: list[list[float]]) -> list[float]:
    """The values of the tokens that count."""
    return [
        v for row, mask in zip(rows, MASK, strict=True) for v, m in zip(row, mask, strict=True) if m
    ]


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-5, atol=1e-6)


def _rewards() -> torch.Tensor:
    rewards = torch.zeros(4, 5, dtype=torch.float64)
    for place, (length, reward) in enumerate(zip(LENGTHS, BATCH.rewards, strict=True)):
        rewards[place, length - 1] = reward
    return rewards


def gae() -> None:
    """Advantages, whitened over the tokens that count, and returns; values of others are not 0."""
    for gamma, lam in ((1.0, 1.0), (0.9, 0.8)):
        found = core_algos.compute_gae_advantage_return(
            _rewards(), tensor(VALUES), tensor(MASK), gamma, lam
        )
        plain_advantages, returns = plain.gae(BATCH, gamma, [lam] * 4)
        close(tokens(found[0].tolist()), tokens(plain.whitened(plain_advantages, MASK)))
        close(tokens(found[1].tolist()), tokens(returns))


def group_advantage() -> None:
    """Score minus mean, over the deviation, of the samples of one question."""
    found, _ = core_algos.compute_grpo_outcome_advantage(
        _rewards(), tensor(MASK), np.array(BATCH.uids, dtype=object)
    )
    close(tokens(found.tolist()), tokens(plain.grpo(BATCH)))


def kl_estimators() -> None:
    """k1, k2 and k3 (Schulman 2020)."""
    d = tensor(NEW) - tensor(REF)
    formulas = {"kl": d, "mse": 0.5 * d**2, "low_var_kl": (-d).exp() - 1 + d, "abs": d.abs()}
    for kind, expected in formulas.items():
        close(core_algos.kl_penalty(tensor(NEW), tensor(REF), kind), expected)


def reward_has_the_kl_term() -> None:
    """Reward minus the coefficient times log pi - log pi_ref."""
    from verl import DataProto

    data = DataProto.from_dict(
        tensors={
            "response_mask": tensor(MASK),
            "token_level_scores": _rewards(),
            "old_log_probs": tensor(OLD),
            "ref_log_prob": tensor(REF),
        }
    )
    controller = core_algos.FixedKLController(kl_coef=0.3)
    data, _ = ray_trainer.apply_kl_penalty(data, controller, "kl")
    expected = _rewards() - 0.3 * (tensor(OLD) - tensor(REF)) * tensor(MASK)
    close(data.batch["token_level_rewards"], expected)


def _nested(rows: list[list[float]], kept: list[int]) -> Any:
    parts = [tensor(rows[n][: LENGTHS[n]]) for n in kept]
    return torch.nested.as_nested_tensor(parts, layout=torch.jagged)


def _model_output(rows: list[list[float]], kept: list[int]) -> Any:
    """What a model gives for prompt and response: a token's value stands one place before it."""
    parts = [
        tensor([9.0] * (PROMPT - 1) + rows[n][: LENGTHS[n]] + [9.0]).requires_grad_() for n in kept
    ]
    return torch.nested.as_nested_tensor(parts, layout=torch.jagged)


def _data(kept: list[int], **rows: list[list[float]]) -> TensorDict:
    fields = {name: _nested(value, kept) for name, value in rows.items()}
    fields["response_mask"] = _nested(MASK, kept)
    fields["responses"] = _nested([[1.0] * 5] * 4, kept)
    fields["prompts"] = torch.nested.as_nested_tensor(
        [torch.ones(PROMPT) for _ in kept], layout=torch.jagged
    )
    data = TensorDict(fields, batch_size=[len(kept)])
    numbers = {"dp_size": 1, "batch_num_tokens": sum(LENGTHS), "global_batch_size": 4}
    for key, value in numbers.items():
        tu.assign_non_tensor_data(tensor_dict=data, key=key, val=value)
    return data


def _actor(**changes: Any) -> Any:
    from verl.workers.config import ActorConfig

    keys = keys_of("ppo")["actor_rollout_ref"]["actor"]
    names = ("clip_ratio", "clip_ratio_low", "clip_ratio_high", "clip_ratio_c", "loss_agg_mode")
    kept = {name: keys[name] for name in names}
    return ActorConfig(
        strategy="fsdp2", rollout_n=1, ppo_micro_batch_size_per_gpu=1, **{**kept, **changes}
    )


def _policy_loss(advantage: float, new: float, old: float) -> float:
    ratio = math.exp(new - old)
    return max(-ratio * advantage, -min(max(ratio, 0.8), 1.2) * advantage)


def _expected_policy_loss() -> float:
    terms = zip(tokens(ADVANTAGES), tokens(NEW), tokens(OLD), strict=True)
    return math.fsum(_policy_loss(*term) for term in terms) / sum(LENGTHS)


def policy_loss() -> None:
    """PPO's clipped objective, mean over the tokens that count."""
    data = _data([0, 1, 2, 3], old_log_probs=OLD, advantages=ADVANTAGES)
    found, _ = losses.ppo_loss(_actor(), {"log_probs": _model_output(NEW, [0, 1, 2, 3])}, data)
    close(found.item(), _expected_policy_loss())


def actor_loss_has_the_kl_term() -> None:
    """The policy loss plus the coefficient times the mean of k3."""
    data = _data([0, 1, 2, 3], old_log_probs=OLD, advantages=ADVANTAGES, ref_log_prob=REF)
    config = _actor(use_kl_loss=True, kl_loss_coef=0.7, kl_loss_type="low_var_kl")
    found, _ = losses.ppo_loss(config, {"log_probs": _model_output(NEW, [0, 1, 2, 3])}, data)
    apart = [new - ref for new, ref in zip(tokens(NEW), tokens(REF), strict=True)]
    k3 = math.fsum(math.exp(-d) - 1 + d for d in apart) / sum(LENGTHS)
    close(found.item(), _expected_policy_loss() + 0.7 * k3)


def value_loss() -> None:
    """Half the larger of the plain and the clipped square, mean over the tokens that count."""
    found, _ = core_algos.compute_value_loss(
        tensor(NEW), tensor(RETURNS), tensor(VALUES), tensor(MASK), 0.2
    )
    close(found.item(), _expected_value_loss())


def _expected_value_loss() -> float:
    total = 0.0
    for new, target, old in zip(tokens(NEW), tokens(RETURNS), tokens(VALUES), strict=True):
        clipped = min(max(new, old - 0.2), old + 0.2)
        total += max((new - target) ** 2, (clipped - target) ** 2) / 2
    return total / sum(LENGTHS)


def critic_loss_adds_up() -> None:
    """The losses of micro-batches add up to that of the batch, so that so do the gradients."""
    config = SimpleNamespace(
        cliprange_value=0.2, loss_agg_mode="token-mean", loss_scale_factor=None
    )
    total = 0.0
    for kept in ([0], [1, 2], [3]):
        data = _data(kept, values=VALUES, returns=RETURNS)
        total += losses.value_loss(config, {"values": _model_output(NEW, kept)}, data)[0].item()
    close(total, _expected_value_loss())


def aggregation() -> None:
    """The mean over the tokens that count, over the batch and over the parts of one."""
    expected = math.fsum(tokens(NEW)) / sum(LENGTHS)
    close(core_algos.agg_loss(tensor(NEW), tensor(MASK), "token-mean").item(), expected)
    parts = [
        core_algos.agg_loss(
            tensor([NEW[n]]), tensor([MASK[n]]), "token-mean", batch_num_tokens=sum(LENGTHS)
        )
        for n in range(4)
    ]
    close(sum(parts).item(), expected)


class _AskedError(Exception):
    """Raised by what must be asked."""


def _asked(*_: Any, **__: Any) -> None:
    raise _AskedError


def reference_is_asked() -> None:
    """The log-probabilities of the reference are those of the reference's own workers."""
    from verl.trainer.ppo.v1 import trainer_base

    trainer = SimpleNamespace(
        config=SimpleNamespace(
            actor_rollout_ref=SimpleNamespace(rollout=SimpleNamespace(temperature=1.0))
        ),
        ref_in_actor=False,
        ref_policy_wg=SimpleNamespace(compute_ref_log_prob=_asked),
        actor_rollout_wg=SimpleNamespace(
            compute_log_prob=lambda batch: pytest.fail("asked the policy")
        ),
    )
    with pytest.raises(_AskedError):
        trainer_base.PPOTrainer._compute_ref_log_prob(trainer, SimpleNamespace(extra_info={}), {})


def stop_strings_are_asked_for() -> None:
    """Every request names the stop strings of the recipe."""
    module = importlib.import_module("harness.plugins.agent_loop")
    loop = object.__new__(module.PairedAgentLoop)
    loop.stop, loop.run_seed = ("</answer>",), 1
    seen: dict[str, Any] = {}

    async def record(self: Any, parameters: Any, *_: Any, **__: Any) -> None:
        seen.update(parameters)
        raise _AskedError

    parent = module.PairedAgentLoop.__mro__[1]
    kept = parent.run
    parent.run = record
    try:
        words = {"extra_info": {"question_id": "q"}, "session_id": 0, "global_steps": 1}
        with pytest.raises(_AskedError):
            asyncio.run(loop.run({}, **words))
    finally:
        parent.run = kept
    assert seen["stop"] == ["</answer>"]


CHECKS: dict[str, Callable[[], None]] = {
    check.__name__: check
    for check in (
        gae,
        group_advantage,
        kl_estimators,
        reward_has_the_kl_term,
        policy_loss,
        actor_loss_has_the_kl_term,
        value_loss,
        critic_loss_adds_up,
        aggregation,
        reference_is_asked,
        stop_strings_are_asked_for,
    )
}
