"""Patches of verl's trainer process, one small function each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from harness.plugins import base_divergence, fingerprint, step_measures
from harness.plugins.after_import import after_import
from harness.plugins.engine_patches import DIFFERENCE_KEY, ENTROPY_KEY

BOOTSTRAP_SWITCH = "HARNESS_BOOTSTRAP"
"""Environment variable: "loop" leaves verl's own resampling, to measure what the patch saves."""

MEASURED_IN_UPDATE = {
    "actor/entropy": ENTROPY_KEY,
    "training/rollout_probs_diff_mean": DIFFERENCE_KEY,
}
"""What the pass for old log-probs reports -> what the update calls it."""

_REDUCTIONS = (np.max, np.min, np.mean)
"""What numbers are reduced by; numpy takes each along an axis."""


def _vectorise_bootstrap(module: ModuleType) -> None:
    """Resample validation scores in one array operation instead of a loop in Python.

    Works around, in verl 0.9.1: `bootstrap_metric` calls a function for each of 1,000 resamples of
    each question, number and size: 10 s after a validation of 256 short responses. Numbers are
    reduced along an axis here, from the same indices, to the same values; anything else (votes)
    goes the old way.
    No longer needed when: docs/upstream/loop_bootstrap.py ends with 1.
    """
    original = module.bootstrap_metric

    def bootstrap_metric(
        data: list[Any],
        subset_size: int,
        reduce_fns: Sequence[Callable[[np.ndarray], float]],
        n_bootstrap: int = 1000,
        seed: int = 42,
    ) -> list[tuple[float, float]]:
        are_known = all(function in _REDUCTIONS for function in reduce_fns)
        if not are_known or not all(isinstance(value, int | float) for value in data):
            return list(original(data, subset_size, reduce_fns, n_bootstrap, seed))
        # the global generator, as verl seeds and draws from it: the same resamples
        np.random.seed(seed)  # noqa: NPY002
        drawn = np.random.choice(len(data), size=(n_bootstrap, subset_size), replace=True)  # noqa: NPY002
        sample = np.asarray(data, dtype=np.float64)[drawn]
        results = [function(sample, axis=1) for function in reduce_fns]  # type: ignore[call-arg]
        return [(float(np.mean(result)), float(np.std(result))) for result in results]

    module.bootstrap_metric = bootstrap_metric


def _name_as_measured_before(module: ModuleType) -> None:
    """Report the entropy and the difference that an update in bypass mode measures by their names.

    `engine_patches._measure_in_update` measures them, and says why.
    """
    trainer = module.PPOTrainer
    original = trainer._update_actor

    def update_actor(self: Any, batch: Any, metrics: dict[str, Any]) -> Any:
        result = original(self, batch, metrics)
        if self.config.algorithm.rollout_correction.bypass_mode:
            for key, measured in MEASURED_IN_UPDATE.items():
                # neither is measured where somebody switched the entropy off
                if measured in metrics:
                    metrics[key] = metrics.pop(measured)
        return result

    trainer._update_actor = update_actor


def _patch_trainer(module: ModuleType) -> None:
    _name_as_measured_before(module)
    step_measures.report(module)
    fingerprint.report(module)
    if os.environ.get(base_divergence.SWITCH) == "1":
        base_divergence.report(module)


def apply() -> None:
    """Put every patch of this module in wait for the module that it changes."""
    if os.environ.get(BOOTSTRAP_SWITCH) != "loop":
        after_import("verl.trainer.ppo.metric_utils", _vectorise_bootstrap)
    after_import("verl.trainer.ppo.v1.trainer_base", _patch_trainer)
