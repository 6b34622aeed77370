"""The installed veRL, asked the way its trainer asks, with the keys of an algorithm's file."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from harness.spec import config as configs
from tests.algorithms.plain import Batch, Policy, Rows


@cache
def keys_of(algorithm: str) -> dict[str, Any]:
    """The `verl` mapping of a cell with this algorithm, composed as for a run."""
    with configs.session():
        words = ("ablation=kl_penalty", f"algorithm={algorithm}")
        return configs.arm_config(words, {}, {}, 1)["verl"]


def tensor(rows: Any) -> Any:
    import torch

    return torch.tensor(rows, dtype=torch.float64)


def advantages_of(algorithm: str, batch: Batch, **changes: Any) -> tuple[Any, Any]:
    """Advantages and returns by veRL's `compute_advantage`, shapes (responses, tokens)."""
    from verl import DataProto
    from verl.trainer.config import AlgoConfig
    from verl.trainer.ppo.ray_trainer import compute_advantage

    asked = {**keys_of(algorithm)["algorithm"], **changes}
    rewards = np.zeros((len(batch.rewards), len(batch.masks[0])))
    for place, (reward, last) in enumerate(zip(batch.rewards, batch.last, strict=True)):
        rewards[place, last] = reward
    data = DataProto.from_dict(
        tensors={
            "token_level_rewards": tensor(rewards),
            "response_mask": tensor(batch.masks),
            "values": tensor(batch.values),
        },
        non_tensors={"uid": np.array(batch.uids, dtype=object)},
    )
    done = compute_advantage(
        data,
        adv_estimator=asked["adv_estimator"],
        gamma=asked["gamma"],
        lam=asked["lam"],
        norm_adv_by_std_in_grpo=asked["norm_adv_by_std_in_grpo"],
        config=AlgoConfig(gamma=asked["gamma"], lam=asked["lam"]),
    )
    mask = done.batch["response_mask"]
    return done.batch["advantages"] * mask, done.batch["returns"] * mask


def loss_of(algorithm: str, policy: Policy) -> tuple[float, Rows]:
    """The policy loss and its gradient in the new log-probabilities, as veRL's worker asks."""
    from verl.trainer.ppo.core_algos import get_policy_loss_fn
    from verl.workers.config import ActorConfig, PolicyLossConfig

    keys = keys_of(algorithm)["actor_rollout_ref"]["actor"]
    mode = (keys.get("policy_loss") or {}).get("loss_mode", "vanilla")
    names = ("clip_ratio", "clip_ratio_low", "clip_ratio_high", "clip_ratio_c", "loss_agg_mode")
    config = ActorConfig(
        strategy="fsdp2",
        rollout_n=1,
        ppo_micro_batch_size_per_gpu=1,
        policy_loss=PolicyLossConfig(loss_mode=mode),
        loss_scale_factor=keys.get("loss_scale_factor"),
        **{name: keys[name] for name in names},
    )
    # as veRL's ppo_loss fills it in, for a batch that is one micro-batch
    config.global_batch_info.update(
        dp_size=1,
        batch_num_tokens=sum(map(sum, policy.masks)),
        global_batch_size=len(policy.masks),
        loss_scale_factor=config.loss_scale_factor,
    )
    new = tensor(policy.new).requires_grad_()
    loss, metrics = get_policy_loss_fn(mode)(
        old_log_prob=tensor(policy.old),
        log_prob=new,
        advantages=tensor(policy.advantages),
        response_mask=tensor(policy.masks).bool(),
        loss_agg_mode=config.loss_agg_mode,
        config=config,
    )
    loss.backward()
    assert set(metrics) >= {"actor/pg_clipfrac", "actor/ppo_kl"}
    return loss.item(), new.grad.tolist()
