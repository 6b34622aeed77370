"""The CPU as one of verl's platforms (`verl.plugin.platform`).

No longer needed when verl, which in 0.9.1 knows accelerators only, registers a platform "cpu".
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from verl.plugin.platform.platform_base import PlatformBase
from verl.plugin.platform.platform_manager import PlatformRegistry

_MEMORY_QUERIES = frozenset(
    {
        "memory_allocated",
        "max_memory_allocated",
        "memory_reserved",
        "max_memory_reserved",
        "reset_peak_memory_stats",
        "reset_max_memory_allocated",
    }
)


class _CpuDevice:
    """`torch.cpu` with answers to what verl asks of an accelerator's memory.

    verl logs device memory after every phase; a CPU has none of its own, so it is reported as 0
    bytes, and the resident memory of the processes is read by the launcher instead.
    """

    def __getattr__(self, name: str) -> Any:
        if name in _MEMORY_QUERIES:
            return lambda *args, **kwargs: 0
        if name == "mem_get_info":
            return lambda *args, **kwargs: (0, 0)
        if name == "get_device_name":  # verl looks up the peak FLOP/s of a named accelerator
            return lambda *args, **kwargs: "cpu"
        if name in {"empty_cache", "ipc_collect", "manual_seed", "manual_seed_all"}:
            return lambda *args, **kwargs: None
        return getattr(torch.cpu, name)


class PlatformCPU(PlatformBase):
    """verl's device interface on the host processor; the methods are verl's, one line each."""

    device_name = "cpu"
    vendor_name = "cpu"
    device_module = _CpuDevice()

    def is_available(self) -> bool:
        return True

    def current_device(self) -> torch.device:
        # verl moves tensors with `.to(get_device_id())`: an index would mean an accelerator
        return torch.device("cpu")

    def device_count(self) -> int:
        return 1

    def set_device(self, device_index: int) -> None:
        return None

    def synchronize(self, device_index: int | None = None) -> None:
        return None

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        return None

    def empty_cache(self) -> None:
        return None

    def get_device_capability(self, device_index: int = 0) -> tuple[int | None, int | None]:
        return (None, None)

    def communication_backend_name(self) -> str:
        return "gloo"

    def visible_devices_envvar(self) -> str:
        return "CUDA_VISIBLE_DEVICES"

    def ray_resource_name(self) -> str:
        # verl's resource check counts "GPU" or "NPU" only; Ray is started with one logical GPU
        return "GPU"

    def ray_resource_options(self, num_gpus: float) -> dict[str, Any]:
        return {"num_gpus": num_gpus}

    def ray_noset_envvars(self) -> list[str]:
        return ["RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES"]

    def is_ipc_supported(self) -> bool:
        # weights then travel to vLLM through POSIX shared memory
        return False

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:
        yield

    def profiler_start(self) -> None:
        return None

    def profiler_stop(self) -> None:
        return None

    def cudart(self) -> None:
        return None


def register() -> None:
    """Make `VERL_PLATFORM=cpu` known to verl."""
    # verl would print a line about it in each of some twenty processes
    logging.getLogger("verl.plugin.platform.platform_manager").setLevel(
        os.environ.get("VERL_LOGGING_LEVEL", "WARNING")
    )
    PlatformRegistry.register(platform="cpu")(PlatformCPU)
