"""Agreement with rliable: golden numbers that `scripts/golden_rliable.py` made with it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden_rliable import inputs

from harness.stats import aggregates
from harness.stats.percentile import Plan
from harness.stats.stratified import (
    NAMES,
    aggregate_intervals,
    improvement_interval,
    profile_intervals,
)

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "rliable.json").read_text()
)
SCORES = {name: np.array(score) for name, score in GOLDEN["inputs"].items()}
EXACT = 1e-12


def legacy(*shapes: tuple[int, ...], draws: int = 200) -> list[np.ndarray]:
    """Return the indices that rliable drew, one array for each of its inputs."""
    rng = np.random.RandomState(GOLDEN["seed"])
    drawn = [[rng.choice(shape[0], shape) for shape in shapes] for _ in range(draws)]
    return [np.stack(part) for part in zip(*drawn, strict=True)]


def worst(found: Any, golden: dict[str, Any]) -> float:
    """Return the largest deviation of points and bounds."""
    expected = [golden["point"], golden["low"], golden["high"]]
    return float(np.abs(np.asarray(found) - np.asarray(expected)).max())


def four(index: np.ndarray | None, draws: int) -> np.ndarray:
    rng = np.random.default_rng(1) if index is None else None
    plan = Plan(draws=draws, unit="cell")
    found = aggregate_intervals(SCORES["treat"], rng=rng, index_BSQ=index, plan=plan)
    return np.array([found[name].interval for name in NAMES]).T


def test_the_inputs_are_those_of_the_stated_seed() -> None:
    for name, score in inputs().items():
        np.testing.assert_array_equal(score, SCORES[name])


def test_four_aggregates_with_the_same_indices() -> None:
    (index,) = legacy((10, 26))
    golden = GOLDEN["same_indices"]["four"]
    assert worst(four(index, 200), golden) < EXACT
    assert worst(four(index[:, ::-1, ::-1], 200), golden) > 1e-6  # other indices, other bounds


def test_probability_of_improvement_with_the_same_indices() -> None:
    treat, control = legacy((10, 26), (8, 26))
    found = improvement_interval(SCORES["treat"], SCORES["control"], indices=(treat, control))
    golden = GOLDEN["same_indices"]["improvement"]
    assert worst(np.array(found.interval)[:, None], golden) < EXACT
    other = improvement_interval(SCORES["treat"], SCORES["control"], indices=(treat, control[::-1]))
    assert worst(np.array(other.interval)[:, None], golden) > 1e-6


def test_profile_with_the_same_indices() -> None:
    (index,) = legacy((10, 26))
    found = profile_intervals(SCORES["treat"], np.array(GOLDEN["thresholds"]), index_BSQ=index)
    golden = GOLDEN["same_indices"]["profile"]
    assert worst([found.point_T, found.low_T, found.high_T], golden) < EXACT


def test_four_aggregates_with_own_indices() -> None:
    assert worst(four(None, 10_000), GOLDEN["own_indices"]["four"]) < 0.001


def test_a_changed_number_is_noticed() -> None:
    moved = SCORES["treat"].copy()
    moved[0, 0] += 0.3
    assert abs(aggregates.mean(moved) - GOLDEN["same_indices"]["four"]["point"][0]) > 1e-6
    with pytest.raises(ValueError, match="expected indices"):
        four(legacy((10, 25))[0], 200)
