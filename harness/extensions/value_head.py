"""The critic's engine with a value head that is drawn from the cell's own seed.

The head is the one part of the critic that no file holds. verl 0.9.1 draws it from a generator that
nobody seeded (`fsdp_config.seed` acts only with full determinism), so two arms of one seed would
differ from the first step on. Its spread is the critic's `initializer_range`, a key of the config.
No longer needed when two processes that load one critic with one `critic.fsdp.seed` have one head.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithValueHead

SEED_VARIABLE = "HARNESS_SEED_CRITIC_INIT"
"""Environment variable with the seed of the head (an int, see harness.spec.seeds)."""


def seeded(build: Callable[[], Any]) -> Any:
    """Return what `build` returns, with torch's CPU generator at the cell's seed meanwhile.

    verl loads weights on the CPU, on the first rank, and sends them to the others. The generator is
    left as it was found.

    Raises:
        KeyError: the variable is not set: the head would be no part of the pairing.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(os.environ[SEED_VARIABLE]))
        return build()


class SeededValueEngine(FSDPEngineWithValueHead):
    """verl's FSDP engine of a value model; see the module."""

    def _build_module(self) -> Any:
        return seeded(super()._build_module)
