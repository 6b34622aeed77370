"""Where two resolved configs differ, ranked by what the keys are known to change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

ABSENT = "(absent)"


class Known(NamedTuple):
    """Keys and what they change; the earlier in the list, the more of a result they decide."""

    pattern: str
    changes: str


class Rank(NamedTuple):
    """One group of keys that decide about as much."""

    title: str
    known: tuple[Known, ...]


ACTOR = r"verl\.actor_rollout_ref\.actor\."
ROLLOUT = r"verl\.actor_rollout_ref\.rollout\."
RANKS = (
    Rank(
        "what is optimised",
        (
            Known(r"verl\.algorithm\.adv_estimator", "the advantage"),
            Known(r"reward\.name|verl\.reward\.custom_reward_function\..+", "the reward"),
            Known(r".+\.external_lib", "mathematics of a file of this suite (harness/algorithms/)"),
            Known(ACTOR + r"policy_loss\..+", "the policy's loss"),
            Known(r"verl\.algorithm\.(gamma|lam)", "how far rewards reach back"),
            Known(r"verl\.algorithm\.norm_adv_by_std_in_grpo", "the scale of group advantages"),
            Known(
                ACTOR + r"(use_kl_loss|kl_loss_.+)|verl\.algorithm\.(use_kl_in_reward|kl_.+)",
                "the pull to the reference policy",
            ),
            Known(ACTOR + r"loss_agg_mode", "the weight of long responses"),
            Known(ACTOR + r"entropy_coeff", "the entropy bonus"),
            Known(r"verl\.critic\.enable", "whether there is a critic"),
        ),
    ),
    Rank(
        "how far an update goes",
        (
            Known(ACTOR + r"optim\..+", "the actor's steps"),
            Known(r"verl\.critic\.optim\..+", "the critic's steps"),
            Known(ACTOR + r"clip_ratio.*", "the clip of the probability ratio"),
            Known(r"verl\.critic\.cliprange_value", "the clip of the value"),
            Known(
                r".+\.(ppo_mini_batch_size|ppo_epochs)|verl\.trainer\.critic_warmup",
                "updates per step, and how far off-policy the last one is",
            ),
            Known(r"verl\.(actor_rollout_ref\.actor|critic)\.shuffle", "what shares an update"),
            Known(r"verl\.critic\..*loss_agg_mode", "the weight of long responses in the critic"),
        ),
    ),
    Rank(
        "what is learned from",
        (
            Known(r"verl\.actor_rollout_ref\.model\.path|model\..+", "the initial model"),
            Known(r"dataset\..+|verl\.data\.(train|val)_files", "the questions"),
            Known(r"verl\.data\.train_batch_size", "questions per step"),
            Known(ROLLOUT + r"n", "responses per question"),
            Known(r"verl\.data\.max_.+_length", "room for a response"),
            Known(ROLLOUT + r"(temperature|top_p|top_k)", "exploration"),
            Known(r"verl\.trainer\.total_training_steps", "length of training"),
            Known(r"verl\.data\.shuffle|.+\.custom_sampler\..+", "order of the questions"),
        ),
    ),
    Rank(
        "how it is measured",
        (
            Known(ROLLOUT + r"val_kwargs\..+|evaluation\..+", "sampling of the evaluation"),
            Known(r"verl\.trainer\.(test_freq|val_before_train)", "when it is evaluated"),
            Known(r".+\.custom_chat_template|verl\.data\..*chat.*", "the prompt's text"),
            Known(
                ROLLOUT + r"agent\.(default_agent_loop|agent_loop_config_path)",
                "stop strings and seeds of requests",
            ),
        ),
    ),
    Rank("not in the list: may change anything", ()),
    Rank(
        "rounding and order of sums",
        (
            Known(r".+\.(dtype|param_dtype)", "the numbers' precision"),
            Known(
                r".+micro_batch_size_per_gpu|.+\.use_dynamic_bsz",
                "the order of sums (and the critic's loss, in versions where it is wrong)",
            ),
            Known(r".+\.(strategy|attn_implementation|use_remove_padding)", "the kernels"),
            Known(
                r"verl\.algorithm\.rollout_correction\.bypass_mode",
                "which engine's rounding is in the log-probs of the policy that sampled",
            ),
            Known(r".+\.(use_torch_compile|enforce_eager)|environment\.TORCH.+", "the kernels"),
            Known(
                r"environment\.(OMP_NUM_THREADS|HARNESS_TRAINING_THREADS)",
                "the order of sums, and speed",
            ),
            Known(r".+\.(tensor_model_parallel_size|nnodes|n_gpus_per_node)", "the order of sums"),
        ),
    ),
    Rank(
        "speed and memory only",
        (
            Known(
                r"environment\.(MALLOC_.+|RAY_.+|VLLM_CPU_.+|HARNESS_(WARM|VLLM_SPIN|SKIP_MOVES"
                r"|FINAL_OUTPUT|LOG_PROBS_AT_ONCE|LEAN_SAMPLING|LEAN_FORWARD))",
                "speed",
            ),
            Known(r".+(num_workers|poll_interval|num_data_storage_units)", "speed"),
            Known(r".+\.(update_weights_bucket_megabytes|free_cache_engine)", "memory"),
            Known(r".+\.(max_num_seqs|max_num_batched_tokens)", "speed"),
            Known(r".+\.(enable_gradient_checkpointing|enable_sleep_mode)", "memory"),
            Known(r".+\.(agent_loop_manager_class|distributed_executor_backend)", "speed"),
            Known(r".+\.calculate_entropy", "where the entropy is measured"),
            Known(r"verl\.trainer\.(save_freq|resume_mode|default_local_dir|.+_data_dir)", "files"),
        ),
    ),
)
"""From what decides most to what decides least. The group without keys takes all that is not known,
before what is known to be harmless."""

_UNKNOWN = next(place for place, rank in enumerate(RANKS) if not rank.known)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDifference:
    """A config key that differs.

    Attributes:
        key: dotted.
        candidate / baseline: its values, `ABSENT` if a side does not have it.
        rank: 0 decides most.
        title: what the keys of its rank decide.
        changes: what the key changes; "" if that is not known.
    """

    key: str
    candidate: Any
    baseline: Any
    rank: int
    title: str
    changes: str


def config_differences(
    candidate: Mapping[str, Any], baseline: Mapping[str, Any]
) -> tuple[ConfigDifference, ...]:
    """List where two flat configs differ, what decides most first.

    Keys below a critic that one side does not have are one difference, not fifty.

    Args:
        candidate: dotted key -> value, without seeds.
        baseline: the same.
    """
    found = []
    for key in dict.fromkeys([*baseline, *candidate]):
        mine, other = candidate.get(key, ABSENT), baseline.get(key, ABSENT)
        if mine != other and not _follows(key, candidate, baseline):
            rank, place, changes = _known(key)
            found.append(
                (
                    (rank, place),
                    ConfigDifference(
                        key=key,
                        candidate=mine,
                        baseline=other,
                        rank=rank,
                        title=RANKS[rank].title,
                        changes=changes,
                    ),
                )
            )
    # by rank and place alone: keys of one pattern keep the order of the config
    return tuple(difference for _, difference in sorted(found, key=lambda item: item[0]))


def decides(key: str) -> bool:
    """Tell whether a key decides more than speed, memory, rounding and the order of sums."""
    return _known(key)[0] <= _UNKNOWN


def _follows(key: str, candidate: Mapping[str, Any], baseline: Mapping[str, Any]) -> bool:
    """Tell whether a key is gone only because one side has no critic at all."""
    switch = "verl.critic.enable"
    return (
        key.startswith("verl.critic.")
        and key != switch
        and candidate.get(switch) != baseline.get(switch)
        and (key not in candidate or key not in baseline)
    )


def _known(key: str) -> tuple[int, int, str]:
    for rank, group in enumerate(RANKS):
        for place, known in enumerate(group.known):
            if re.fullmatch(known.pattern, key):
                return rank, place, known.changes
    return _UNKNOWN, 0, ""
