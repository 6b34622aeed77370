"""Golden numbers of rliable, for tests that run without it.

Needs an environment of its own with rliable 1.2.0 and pandas below 3 (arch does not import with
pandas 3)::

    python -m venv rliable-env
    rliable-env/bin/pip install rliable==1.2.0 "pandas<3"
    rliable-env/bin/python scripts/golden_rliable.py tests/golden/rliable.json

rliable draws its indices from numpy's global generator whatever `random_state` it is given, so the
global seed is set before each call; a test draws the same indices from a RandomState of that seed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

SEED = 2026
SAME = 200
"""Draws of the comparison with the same indices."""

SCALAR_DRAWS = 10_000
THRESHOLDS = [0.3, 0.5, 0.6, 0.7, 0.9]


def inputs() -> dict[str, np.ndarray]:
    """Return made-up scores, rounded so that the file holds them exactly.

    Returns:
        "treat" of shape (10 seeds, 26 questions), "control" (8, 26).
    """
    rng = np.random.RandomState(SEED)
    task_Q = rng.uniform(0.3, 0.8, size=26)
    # of no use any more, but the numbers that are stored were drawn after these
    rng.uniform(size=12)
    return {
        "treat": (task_Q + 0.02 + rng.normal(0.0, 0.05, size=(10, 26))).round(3),
        "control": (task_Q + rng.normal(0.0, 0.05, size=(8, 26))).round(3),
    }


def golden() -> dict[str, Any]:
    """Return every golden number, by rliable's own functions."""
    from rliable import library, metrics

    scores = inputs()

    def four(score: np.ndarray) -> np.ndarray:
        return np.array(
            [
                metrics.aggregate_mean(score),
                metrics.aggregate_median(score),
                metrics.aggregate_iqm(score),
                metrics.aggregate_optimality_gap(score),
            ]
        )

    def improvement(treat: np.ndarray, control: np.ndarray) -> np.ndarray:
        return np.array([metrics.probability_of_improvement(treat, control)])

    def profile(score: np.ndarray) -> np.ndarray:
        return np.asarray(library.score_distributions(score, THRESHOLDS))

    arms = [scores["treat"], scores["control"]]
    return {
        "versions": {name: version(name) for name in ("rliable", "arch", "scipy", "numpy")},
        "made_by": "scripts/golden_rliable.py",
        "seed": SEED,
        "thresholds": THRESHOLDS,
        "inputs": {name: score.tolist() for name, score in scores.items()},
        "same_indices": {
            "four": _interval(library, scores["treat"], four, SAME),
            "improvement": _interval(library, arms, improvement, SAME),
            "profile": _interval(library, scores["treat"], profile, SAME),
        },
        "own_indices": {
            "four": _interval(library, scores["treat"], four, SCALAR_DRAWS),
        },
    }


def _interval(
    library: Any,
    scores: np.ndarray | list[np.ndarray],
    function: Callable[..., np.ndarray],
    draws: int,
) -> dict[str, Any]:
    """Return points and bounds, with the global generator at the stated seed."""
    np.random.seed(SEED)  # noqa: NPY002 - rliable draws from the global generator
    point, bounds = library.get_interval_estimates({"a": scores}, function, reps=draws)
    low, high = bounds["a"]
    return {
        "draws": draws,
        "point": point["a"].tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("one argument is expected, the file to write: tests/golden/rliable.json")
    Path(sys.argv[1]).write_text(json.dumps(golden()) + "\n")
