"""Patches that let verl's FSDP engines run on a CPU, one small function each."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

from harness.plugins.after_import import after_import

MOVES_SWITCH = "HARNESS_SKIP_MOVES"
"""Environment variable: "1" leaves micro-batches where they are: on a CPU they go nowhere."""

THREADS_VARIABLE = "HARNESS_TRAINING_THREADS"
"""Environment variable with the threads of training passes (an int); unset, torch's own number."""

LOG_PROBS_SWITCH = "HARNESS_LOG_PROBS_AT_ONCE"
"""Environment variable: "1" takes the log-probs of all packed tokens in one operation."""

ENTROPY_KEY = "actor/entropy_loss"
"""verl's name of the entropy of the actor's update."""

DIFFERENCE_KEY = "actor/old_probs_diff_mean"
"""Mean difference of a token's probability between the update and the old log-probs; without a pass
for these they are the rollout's."""

CRITIC_SEED_VARIABLE = "HARNESS_SEED_CRITIC_INIT"
"""Environment variable with the seed of the value head (an int, see harness.spec.seeds)."""


class _CpuEngine:
    """What the engines do differently on a CPU; stands before verl's class."""

    def initialize(self) -> None:
        import torch

        if threads := os.environ.get(THREADS_VARIABLE):
            torch.set_num_threads(int(threads))
        super().initialize()  # type: ignore[misc]

    def forward_step(self, micro_batch: Any, *args: Any, **kwargs: Any) -> Any:
        """Run verl's step on a batch that says where it is.

        Works around, in verl 0.9.1 with tensordict 0.10: the step moves each micro-batch to the
        device, and a batch that does not name its device is walked through row by row, even if all
        of it is there already.
        No longer needed when: a profile of `forward_step` without the switch shows no time in
        `TensorDict.to`.
        """
        import torch

        if os.environ.get(MOVES_SWITCH) == "1":
            # the public `to` would walk through the rows, once, to set this
            micro_batch._device = torch.device("cpu")
        return super().forward_step(micro_batch, *args, **kwargs)  # type: ignore[misc]


def _register_cpu_engines(module: ModuleType) -> None:
    """Register verl's FSDP2 engines for the device "cpu".

    Works around, in verl 0.9.1: they are registered for "cuda" and "npu" only.
    No longer needed when: `EngineRegistry.register(... device=[..., "cpu"])` stands in
    `verl/workers/engine/fsdp/transformer_impl.py`.
    """
    from verl.workers.engine.base import EngineRegistry

    for model_type, base in (
        ("language_model", module.FSDPEngineWithLMHead),
        ("value_model", module.FSDPEngineWithValueHead),
    ):
        body = {"__doc__": f"{base.__name__} on a CPU."}
        engine = type(f"Cpu{base.__name__}", (_CpuEngine, base), body)
        EngineRegistry.register(model_type=model_type, backend=["fsdp2"], device=["cpu"])(engine)


def _no_offload_policy(module: ModuleType) -> None:
    """Give forward-only FSDP2 engines (the reference policy) no CPU offload policy.

    Works around, in verl 0.9.1: `CPUOffloadPolicy(pin_memory=True)` asks for an accelerator; on a
    CPU the parameters are where an offload would put them.
    No longer needed when: a cell with a KL term starts without this. It fails with "Cannot access
    accelerator device when none is available".
    """
    from torch.distributed.fsdp import OffloadPolicy

    module.CPUOffloadPolicy = lambda pin_memory=True: OffloadPolicy()


def _patch_engines(module: ModuleType) -> None:
    _register_cpu_engines(module)
    _no_offload_policy(module)


def _gloo_only(module: ModuleType) -> None:
    """Initialise the process group with plain "gloo", and for a lone worker without a port.

    Works around, in verl 0.9.1: the backend is named `cpu:gloo,<device>:<backend>`, which names cpu
    twice on a CPU, and torch refuses it; and torch's store of a group listens on every address of
    the machine, which it cannot be told otherwise.
    No longer needed when: `initialize_global_process_group_ray()` succeeds with VERL_PLATFORM=cpu,
    and tests/e2e/test_cells.py finds no open port without this.
    """
    original = module.initialize_global_process_group_ray

    def initialize(timeout_second: float | None = None, backend: str | None = None) -> None:
        import torch.distributed as dist

        if int(os.environ.get("WORLD_SIZE", "1")) == 1 and not dist.is_initialized():
            dist.init_process_group(
                backend=backend or "gloo", rank=0, world_size=1, store=dist.HashStore()
            )
        # leaves a group alone that is there
        original(timeout_second=timeout_second, backend=backend or "gloo")

    module.initialize_global_process_group_ray = initialize


def _load_critic(
    local_path: str, torch_dtype: Any, model_config: Any, trust_remote_code: bool
) -> Any:
    """Load a value model with the attention of its config and a seeded value head."""
    import torch
    from transformers import AutoModelForTokenClassification

    # The head is the one part of the critic that no file holds. verl draws it from a generator that
    # nobody seeded: two runs of one seed would differ from the first step on.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(os.environ.get(CRITIC_SEED_VARIABLE, "0")))
        return AutoModelForTokenClassification.from_pretrained(
            local_path,
            dtype=torch_dtype,
            config=model_config,
            attn_implementation=model_config._attn_implementation or "sdpa",
            trust_remote_code=trust_remote_code,
        )


def _patch_critic_loading(module: ModuleType) -> None:
    """Load the critic by `_load_critic`.

    Works around, in verl 0.9.1: `load_valuehead_model` asks for flash-attention whatever the config
    says and then reports a missing trl; its head is initialised unseeded.
    No longer needed when: it takes the attention from the config, and two processes that load one
    critic with one seed have the same head.
    """
    module.load_valuehead_model = _load_critic


def _vectorise_log_probs(module: ModuleType) -> None:
    """Reduce all rows of packed logits in one operation.

    Works around, in verl 0.9.1: `logprobs_from_logits_v2` saves memory by a loop over the first
    dimension. Of packed logits, (tokens, vocabulary), that is one operation per token, and as many
    backwards. Anything else goes the old way.
    No longer needed when: its loop is over sequences or chunks.
    """
    import torch

    original = module.logprobs_from_logits_v2

    def logprobs_from_logits_v2(logits: Any, labels: Any) -> Any:
        # half precision goes the old way: verl takes another formula for it
        if logits.dim() != 2 or logits.dtype not in (torch.float32, torch.float64):
            return original(logits, labels)
        chosen = logits.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
        return chosen - torch.logsumexp(logits, dim=-1)

    module.logprobs_from_logits_v2 = logprobs_from_logits_v2


def _measure_in_update(module: ModuleType) -> None:
    """Measure in the actor's update what the pass for old log-probs measures where there is one.

    Works around, in verl 0.9.1: with `algorithm.rollout_correction.bypass_mode` the entropy of the
    policy and the difference of a token's probability between rollout and training engine are not
    reported, since the pass that measured them is left out. With one update per batch the update
    itself begins with the same policy on the same tokens.
    No longer needed when: a step in bypass mode reports both.
    """
    import torch

    original = module.ppo_loss

    def ppo_loss(config: Any, model_output: Any, data: Any, *args: Any, **kwargs: Any) -> Any:
        if config.entropy_coeff == 0 and "entropy" in model_output:
            # verl would go backwards through it, to multiply by 0
            model_output["entropy"] = model_output["entropy"].detach()
        loss, metrics = original(config, model_output, data, *args, **kwargs)
        if ENTROPY_KEY in metrics:
            with torch.no_grad():
                metrics[DIFFERENCE_KEY] = _difference(module, model_output, data)
        return loss, metrics

    module.ppo_loss = ppo_loss


def _difference(module: ModuleType, model_output: Any, data: Any) -> Any:
    """Return this micro-batch's share of the mean difference of a token's probability."""
    new = module.no_padding_2_padding(model_output["log_probs"], data).exp()
    fields = data.select("response_mask", "old_log_probs").to_padded_tensor()
    mask = fields["response_mask"].to(bool)
    total = ((new - fields["old_log_probs"].exp()).abs() * mask).sum()
    tokens = data["batch_num_tokens"] / data["dp_size"]
    return module.Metric(value=total / tokens, aggregation=module.AggregationType.SUM)


def apply() -> None:
    """Put every patch of this module in wait for the module that it changes."""
    after_import("verl.workers.engine.fsdp.transformer_impl", _patch_engines)
    after_import("verl.utils.distributed", _gloo_only)
    after_import("verl.utils.model", _patch_critic_loading)
    after_import("verl.workers.utils.losses", _measure_in_update)
    if os.environ.get(LOG_PROBS_SWITCH) == "1":
        after_import("verl.utils.torch_functional", _vectorise_log_probs)
