"""A stand-in for a composed full-scale cell: the keys of veRL that a plan reads, and no more."""

from __future__ import annotations

import copy
from typing import Any

STAND_IN: dict[str, Any] = {
    "model": {"name": "Qwen/Qwen2.5-7B"},
    "evaluation": {"questions": {"one": 500, "two": 228}},
    "verl": {
        "algorithm": {"adv_estimator": "gae", "use_kl_in_reward": False},
        "actor_rollout_ref": {
            "model": {"path": "@model", "enable_gradient_checkpointing": True},
            "actor": {
                "ppo_mini_batch_size": 128,
                "ppo_epochs": 1,
                "use_dynamic_bsz": True,
                "ppo_max_token_len_per_gpu": 16384,
                "use_kl_loss": False,
                "entropy_from_logits_with_chunking": True,
            },
            "ref": {"fsdp_config": {"param_offload": True}},
            "rollout": {
                "n": 64,
                "tensor_model_parallel_size": 1,
                "gpu_memory_utilization": 0.7,
                "max_num_seqs": 128,
                "val_kwargs": {"n": 1},
            },
        },
        "critic": {
            "enable": True,
            "ppo_mini_batch_size": 8,
            "use_dynamic_bsz": True,
            "ppo_max_token_len_per_gpu": 16384,
        },
        "data": {"train_batch_size": 128, "max_prompt_length": 2048, "max_response_length": 8192},
        "trainer": {
            "nnodes": 8,
            "n_gpus_per_node": 8,
            "total_training_steps": 730,
            "test_freq": 10,
        },
    },
}


def stand_in(**changes: Any) -> dict[str, Any]:
    """Return the stand-in with keys below `verl` replaced; `__` in a name stands for a dot."""
    config = copy.deepcopy(STAND_IN)
    for name, value in changes.items():
        *path, last = name.split("__")
        at = config["verl"]
        for word in path:
            at = at.setdefault(word, {})
        at[last] = value
    return config
