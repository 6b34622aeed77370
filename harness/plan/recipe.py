"""What a plan reads of a composed cell: veRL's own keys, so that the plan is of what would run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.plan.models import Model, read_model
from harness.schema import UsageError

DEFAULTS: dict[str, Any] = {
    "actor_rollout_ref.actor.fsdp_config.model_dtype": "fp32",
    "actor_rollout_ref.actor.fsdp_config.param_offload": False,
    "actor_rollout_ref.actor.fsdp_config.optimizer_offload": False,
    "actor_rollout_ref.actor.fsdp_config.fsdp_size": -1,
    "actor_rollout_ref.actor.fsdp_config.ulysses_sequence_parallel_size": 1,
    "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 16384,
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu": None,
    "actor_rollout_ref.actor.use_dynamic_bsz": False,
    "actor_rollout_ref.actor.use_kl_loss": False,
    "actor_rollout_ref.actor.entropy_from_logits_with_chunking": False,
    "actor_rollout_ref.actor.ppo_epochs": 1,
    "actor_rollout_ref.model.enable_gradient_checkpointing": True,
    "actor_rollout_ref.model.use_fused_kernels": False,
    "actor_rollout_ref.ref.fsdp_config.param_offload": False,
    "actor_rollout_ref.rollout.n": 1,
    "actor_rollout_ref.rollout.tensor_model_parallel_size": 2,
    "actor_rollout_ref.rollout.gpu_memory_utilization": 0.5,
    "actor_rollout_ref.rollout.max_num_seqs": 256,
    "actor_rollout_ref.rollout.free_cache_engine": True,
    "actor_rollout_ref.rollout.val_kwargs.n": 1,
    "algorithm.use_kl_in_reward": False,
    "algorithm.rollout_correction.bypass_mode": False,
    "critic.fsdp.model_dtype": "fp32",
    "critic.fsdp.param_offload": False,
    "critic.fsdp.optimizer_offload": False,
    "critic.fsdp.fsdp_size": -1,
    "critic.fsdp.ulysses_sequence_parallel_size": 1,
    "critic.ppo_max_token_len_per_gpu": 32768,
    "critic.model.enable_gradient_checkpointing": True,
    "trainer.n_gpus_per_node": 8,
    "trainer.nnodes": 1,
    "trainer.test_freq": -1,
}
"""veRL 0.9.1's defaults of the keys that are read here, for those that no file of ours sets."""

ACTOR, CRITIC, ROLLOUT = "actor_rollout_ref.actor", "critic", "actor_rollout_ref.rollout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How one network is trained.

    Attributes:
        micro_tokens: tokens of a micro-batch on one GPU, at most.
        sequence_parallel: GPUs that share a sequence.
        weight_bytes: per parameter of the weights that the optimizer updates.
        shards: GPUs over which weights, gradients and optimizer are cut.
        epochs: passes over the batch.
        updates: optimizer steps per training step.
        has_checkpointing: activations are computed again in the backward pass.
        has_fused_kernels: logits are never held whole; so it is for a critic, which has none.
        chunks_entropy: the entropy of a micro-batch is computed in pieces.
        weights_offloaded / optimizer_offloaded: kept in the host's memory between its own phases.
    """

    micro_tokens: int
    sequence_parallel: int
    weight_bytes: int
    shards: int
    epochs: int
    updates: int
    has_checkpointing: bool
    has_fused_kernels: bool
    chunks_entropy: bool
    weights_offloaded: bool
    optimizer_offloaded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One cell, as far as memory and time are concerned.

    Attributes:
        model: that is trained; the critic starts from the same.
        gpus: in all.
        gpus_per_node: of a machine.
        steps: training steps.
        prompts: per step.
        samples: responses per prompt.
        max_prompt / max_response: tokens.
        actor: how the policy is trained.
        critic: how the critic is trained; None without one.
        has_reference: log-probs of a frozen copy are computed.
        reference_offloaded: its weights are kept in the host's memory between its phases.
        drops_groups: groups of equal rewards are dropped and sampled anew (DAPO).
        recomputes_log_probs: the trainer computes the log-probs of what was sampled again.
        tensor_parallel: GPUs of one rollout engine.
        max_num_seqs: sequences that an engine decodes at once, at most.
        cache_share: share of a GPU's memory that the engine takes.
        frees_cache: the engine gives its memory back while the networks are trained.
        test_freq: steps between evaluations; 0 for none.
        evaluation_responses: per evaluation.
    """

    model: Model
    gpus: int
    gpus_per_node: int
    steps: int
    prompts: int
    samples: int
    max_prompt: int
    max_response: int
    actor: Trained
    critic: Trained | None
    has_reference: bool
    reference_offloaded: bool
    drops_groups: bool
    recomputes_log_probs: bool
    tensor_parallel: int
    max_num_seqs: int
    cache_share: float
    frees_cache: bool
    test_freq: int
    evaluation_responses: int

    @property
    def responses(self) -> int:
        """Responses per step."""
        return self.prompts * self.samples

    @property
    def engines(self) -> int:
        """Rollout engines."""
        return self.gpus // self.tensor_parallel


def read_recipe(config: Mapping[str, Any], gpus: int | None = None) -> Recipe:
    """Read a composed cell.

    Args:
        config: of the cell, with `verl`, `model` and perhaps `evaluation`.
        gpus: in all; None takes the cell's own nodes.

    Raises:
        UsageError: the number of GPUs does not go with the cell, or a needed key is missing.
    """
    verl = config["verl"]
    node = int(value_of(verl, "trainer.n_gpus_per_node"))
    gpus = gpus if gpus is not None else node * int(value_of(verl, "trainer.nnodes"))
    prompts, samples = (
        int(value_of(verl, "data.train_batch_size")),
        int(value_of(verl, f"{ROLLOUT}.n")),
    )
    test_freq = int(value_of(verl, "trainer.test_freq"))
    # veRL trains a critic for GAE where the key is null
    has_critic = value_of(verl, "critic.enable", value_of(verl, "algorithm.adv_estimator") == "gae")
    recipe = Recipe(
        model=read_model(_model_name(config)),
        gpus=gpus,
        gpus_per_node=node,
        steps=int(value_of(verl, "trainer.total_training_steps")),
        prompts=prompts,
        samples=samples,
        max_prompt=int(value_of(verl, "data.max_prompt_length")),
        max_response=int(value_of(verl, "data.max_response_length")),
        actor=_trained(verl, ACTOR, gpus),
        critic=_trained(verl, CRITIC, gpus) if has_critic else None,
        has_reference=bool(
            value_of(verl, f"{ACTOR}.use_kl_loss") or value_of(verl, "algorithm.use_kl_in_reward")
        ),
        reference_offloaded=bool(value_of(verl, "actor_rollout_ref.ref.fsdp_config.param_offload")),
        drops_groups=bool(value_of(verl, "algorithm.filter_groups.enable", False)),
        recomputes_log_probs=not value_of(verl, "algorithm.rollout_correction.bypass_mode"),
        tensor_parallel=int(value_of(verl, f"{ROLLOUT}.tensor_model_parallel_size")),
        max_num_seqs=int(value_of(verl, f"{ROLLOUT}.max_num_seqs")),
        cache_share=float(value_of(verl, f"{ROLLOUT}.gpu_memory_utilization")),
        frees_cache=bool(value_of(verl, f"{ROLLOUT}.free_cache_engine")),
        test_freq=max(test_freq, 0),
        evaluation_responses=evaluation_responses(config),
    )
    check_gpus(recipe)
    return recipe


def check_gpus(recipe: Recipe) -> None:
    """Refuse GPUs that veRL could not cut the work of a cell over.

    Raises:
        UsageError: naming both numbers.
    """
    if recipe.gpus < 1 or recipe.gpus % recipe.gpus_per_node:
        raise UsageError(
            f"gpus={recipe.gpus} is not a multiple of verl.trainer.n_gpus_per_node="
            f"{recipe.gpus_per_node}: give whole nodes, or set the size of a node"
        )
    if recipe.gpus % recipe.tensor_parallel:
        raise UsageError(
            f"gpus={recipe.gpus} is not a multiple of verl.{ROLLOUT}.tensor_model_parallel_size="
            f"{recipe.tensor_parallel}: a rollout engine would be cut in two"
        )
    if recipe.responses % recipe.gpus:
        raise UsageError(
            f"gpus={recipe.gpus} does not divide the {recipe.responses} responses of a step"
            f" ({recipe.prompts} prompts x {recipe.samples}): choose a divisor"
        )


def evaluation_responses(config: Mapping[str, Any]) -> int:
    """Return the responses of one evaluation; 0 without `evaluation.questions` in the config."""
    questions = config.get("evaluation", {}).get("questions") or {}
    samples = int(value_of(config["verl"], f"{ROLLOUT}.val_kwargs.n"))
    return samples * sum(int(number) for number in questions.values())


_MISSING = object()


def value_of(verl: Mapping[str, Any], key: str, default: Any = _MISSING) -> Any:
    """Return a dotted key of a `verl` mapping: as set, else the default given, else veRL's own.

    Raises:
        UsageError: it is not set and has no default.
    """
    value: Any = verl
    for part in key.split("."):
        value = value.get(part, _MISSING) if isinstance(value, Mapping) else _MISSING
    if value is not _MISSING and value is not None:
        return value
    if default is not _MISSING:
        return default
    if key in DEFAULTS:
        return DEFAULTS[key]
    raise UsageError(f"the cell does not set verl.{key}, which a plan needs: set it")


def _model_name(config: Mapping[str, Any]) -> str:
    path = str(value_of(config["verl"], "actor_rollout_ref.model.path"))
    # a token is filled in at launch; the model is named beside it
    return str(config["model"]["name"]) if path.startswith("@") else path


def _trained(verl: Mapping[str, Any], place: str, gpus: int) -> Trained:
    engine = f"{place}.fsdp_config" if place == ACTOR else f"{place}.fsdp"
    model = "actor_rollout_ref.model" if place == ACTOR else "critic.model"
    shards = int(value_of(verl, f"{engine}.fsdp_size"))
    epochs = int(value_of(verl, f"{place}.ppo_epochs", value_of(verl, f"{ACTOR}.ppo_epochs")))
    batch = int(value_of(verl, "data.train_batch_size"))
    mini = int(value_of(verl, f"{place}.ppo_mini_batch_size", batch))
    parallel = int(value_of(verl, f"{engine}.ulysses_sequence_parallel_size"))
    return Trained(
        micro_tokens=_micro_tokens(verl, place, parallel),
        sequence_parallel=parallel,
        weight_bytes=2 if "16" in str(value_of(verl, f"{engine}.model_dtype")) else 4,
        shards=min(shards, gpus) if shards > 0 else gpus,
        epochs=epochs,
        updates=epochs * max(batch // mini, 1),
        has_checkpointing=bool(value_of(verl, f"{model}.enable_gradient_checkpointing")),
        has_fused_kernels=place == CRITIC or bool(value_of(verl, f"{model}.use_fused_kernels")),
        chunks_entropy=bool(value_of(verl, f"{ACTOR}.entropy_from_logits_with_chunking")),
        weights_offloaded=bool(value_of(verl, f"{engine}.param_offload")),
        optimizer_offloaded=bool(value_of(verl, f"{engine}.optimizer_offload")),
    )


def _micro_tokens(verl: Mapping[str, Any], place: str, parallel: int) -> int:
    """Return the most tokens of a micro-batch on one GPU.

    Raises:
        UsageError: a micro-batch by tokens is shorter than the longest sequence.
    """
    whole = int(value_of(verl, "data.max_prompt_length")) + int(
        value_of(verl, "data.max_response_length")
    )
    dynamic = value_of(verl, f"{ACTOR}.use_dynamic_bsz")
    if not value_of(verl, f"{place}.use_dynamic_bsz", dynamic):
        rows = value_of(
            verl,
            f"{place}.ppo_micro_batch_size_per_gpu",
            value_of(verl, f"{ACTOR}.ppo_micro_batch_size_per_gpu", 1),
        )
        return int(rows) * whole // parallel
    tokens = int(value_of(verl, f"{place}.ppo_max_token_len_per_gpu"))
    if tokens * parallel < whole:
        raise UsageError(
            f"verl.{place}.ppo_max_token_len_per_gpu={tokens} on {parallel} GPUs per sequence is"
            f" less than prompt and response may need ({whole}): raise it"
        )
    return tokens
