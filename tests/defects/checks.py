"""Component checks: golden tensors through the installed verl against plain formulas."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.plugins.fingerprint import MEASURES
from tests.defects.formulas import FORMULAS


def agrees(name: str) -> None:
    """Ask verl for the numbers of one formula, and compare each."""
    np.testing.assert_allclose(MEASURES[name](), FORMULAS[name](), rtol=1e-5, atol=1e-6)


class _AskedError(Exception):
    """Raised by what must be asked."""


def _asked(*_: Any, **__: Any) -> None:
    raise _AskedError


def reference_is_asked() -> None:
    """The log-probabilities of the reference are those of the reference's own workers."""
    from verl.trainer.ppo.v1 import trainer_base

    trainer = SimpleNamespace(
        config=SimpleNamespace(
            actor_rollout_ref=SimpleNamespace(rollout=SimpleNamespace(temperature=1.0))
        ),
        ref_in_actor=False,
        ref_policy_wg=SimpleNamespace(compute_ref_log_prob=_asked),
        actor_rollout_wg=SimpleNamespace(
            compute_log_prob=lambda batch: pytest.fail("asked the policy")
        ),
    )
    with pytest.raises(_AskedError):
        trainer_base.PPOTrainer._compute_ref_log_prob(trainer, SimpleNamespace(extra_info={}), {})


def stop_strings_are_asked_for() -> None:
    """Every request names the stop strings of the recipe."""
    module = importlib.import_module("harness.plugins.agent_loop")
    loop = object.__new__(module.PairedAgentLoop)
    loop.stop, loop.run_seed = ("</answer>",), 1
    seen: dict[str, Any] = {}

    async def record(self: Any, parameters: Any, *_: Any, **__: Any) -> None:
        seen.update(parameters)
        raise _AskedError

    parent = module.PairedAgentLoop.__mro__[1]
    kept = parent.run
    parent.run = record
    try:
        words = {"extra_info": {"question_id": "q"}, "session_id": 0, "global_steps": 1}
        with pytest.raises(_AskedError):
            asyncio.run(loop.run({}, **words))
    finally:
        parent.run = kept
    assert seen["stop"] == ["</answer>"]


CHECKS: dict[str, Callable[[], None]] = {
    **{name: partial(agrees, name) for name in MEASURES},
    "reference_is_asked": reference_is_asked,
    "stop_strings_are_asked_for": stop_strings_are_asked_for,
}
