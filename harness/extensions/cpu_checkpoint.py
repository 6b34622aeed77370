"""Lets a cell on a CPU go on from a checkpoint: `torch.cpu` gets the `set_rng_state` that it lacks.

verl 0.9.1 saves no random state of a device called "cpu" beside that of the CPU itself
(`checkpoint_manager.get_rng_state`), but on loading finds the CPU's under the device's name and
hands it to the device (`load_rng_state`). It is set a second time then, to the same value.

Named in `environment.VERL_USE_EXTERNAL_MODULES`, after `harness.plugins.cpu` and a comma, beside
`verl.trainer.save_freq`; cells that save nothing need it not. No longer needed when a cell resumes
without it (`tests/extensions/test_cpu_checkpoint.py` says when).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from harness.plugins.after_import import after_import


def _add_setter(module: ModuleType) -> None:
    def set_rng_state(state: Any) -> None:
        import torch

        torch.set_rng_state(state)

    if not hasattr(module, "set_rng_state"):
        module.set_rng_state = set_rng_state


after_import("torch.cpu", _add_setter)
