"""Entry point that verl loads in every process of a run on NVIDIA GPUs.

verl reads `VERL_USE_EXTERNAL_MODULES=harness.extensions.cuda` while it imports itself. Nothing
heavy is imported here: the engine is registered when somebody else imports verl's FSDP engines, and
the trainer is told to measure its steps when somebody else imports it.
"""

from __future__ import annotations

from types import ModuleType

from harness.plugins import fingerprint, step_measures
from harness.plugins.after_import import after_import


def _register(module: ModuleType) -> None:
    """Register the seeded value engine for NVIDIA GPUs, which verl prefers to its own.

    verl 0.9.1 looks for an engine by (device, vendor) first and by device second; its own are
    registered by device alone.
    No longer needed when: see `value_head`.
    """
    from verl.workers.engine.base import EngineRegistry

    from harness.extensions.value_head import SeededValueEngine

    EngineRegistry.register(
        model_type="value_model", backend=["fsdp2"], device="cuda", vendor="nvidia"
    )(SeededValueEngine)


def _patch_trainer(module: ModuleType) -> None:
    step_measures.report(module)
    fingerprint.report(module)


after_import("verl.workers.engine.fsdp", _register)
after_import("verl.trainer.ppo.v1.trainer_base", _patch_trainer)
