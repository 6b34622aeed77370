"""Patches of verl's trainer process that change no number, one small function each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from harness.plugins.after_import import after_import

BOOTSTRAP_SWITCH = "HARNESS_BOOTSTRAP"
"""Environment variable: "loop" leaves verl's own resampling, to measure what the patch saves."""

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


def apply() -> None:
    """Put every patch of this module in wait for the module that it changes."""
    if os.environ.get(BOOTSTRAP_SWITCH) != "loop":
        after_import("verl.trainer.ppo.metric_utils", _vectorise_bootstrap)
