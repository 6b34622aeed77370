"""Entry point that verl loads in every process: enables the CPU, unless there is a GPU to use.

verl reads `VERL_USE_EXTERNAL_MODULES=harness.plugins.cpu` while it imports itself, in the driver,
in every Ray worker and in vLLM's worker process. Nothing heavy is imported here.
"""

from __future__ import annotations

import os

from harness.plugins import (
    engine_patches,
    lean_ray,
    packed_attention,
    platform_cpu,
    trainer_patches,
    vllm_patches,
    warm,
)

PLATFORM = "cpu"
"""Value of VERL_PLATFORM that asks for this platform."""


def enable() -> bool:
    """Register the CPU platform and its patches if `VERL_PLATFORM` asks for it.

    Returns:
        Whether the CPU was enabled. False on a machine whose run asks for another platform (or
        leaves the choice to verl): then nothing at all is changed.
    """
    if os.environ.get("VERL_PLATFORM", "").strip().lower() != PLATFORM:
        return False
    platform_cpu.register()
    engine_patches.apply()
    packed_attention.register()
    vllm_patches.apply()
    trainer_patches.apply()
    lean_ray.apply()
    warm.start_for_driver()
    return True


ENABLED = enable()
