"""Joint surges: how often chance is taken for one, and how often a planted one is found."""

import numpy as np
import pytest

from harness.stats.moments import joint_moments

WIDTH = 5


def noise(rng: np.random.Generator, steps: int, memory: float) -> np.ndarray:
    """Three curves that remember themselves and not each other."""
    fresh = rng.normal(size=(3, steps))
    curve = np.zeros((3, steps))
    for step in range(1, steps):
        curve[:, step] = memory * curve[:, step - 1] + fresh[:, step]
    return curve


def found(value: np.ndarray, seed: int) -> float:
    return joint_moments(value, width=WIDTH, rng=np.random.default_rng(seed), draws=199).p


@pytest.mark.parametrize("memory", [0.0, 0.8])
@pytest.mark.parametrize("growth", [0.0, 8.0])
def test_null_curves_are_taken_for_a_moment_at_the_stated_rate(
    memory: float, growth: float
) -> None:
    rng = np.random.default_rng(0)
    # all three grow and level off, as in training: a common trend is no moment
    trend = growth * (1 - np.exp(-np.arange(100) / 25))
    flagged = [found(trend + noise(rng, 100, memory), seed) <= 0.05 for seed in range(200)]
    # four standard errors above 5 %
    assert np.mean(flagged) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 200)


def test_a_planted_moment_is_found_where_it_is() -> None:
    rng = np.random.default_rng(1)
    near, p = [], []
    for seed in range(60):
        value = noise(rng, 100, 0.3)
        value[:, 60:] += 4.0
        moments = joint_moments(value, width=WIDTH, rng=np.random.default_rng(seed), draws=199)
        near.append(abs(moments.largest - 60) <= 2)
        p.append(moments.p)
    assert np.mean(near) > 0.8
    assert np.mean(np.array(p) <= 0.05) > 0.6


def test_jumps_at_different_steps_are_no_moment() -> None:
    rng = np.random.default_rng(2)
    flagged = []
    for seed in range(60):
        value = noise(rng, 100, 0.3)
        for curve, step in enumerate((30, 50, 70)):
            value[curve, step:] += 4.0
        flagged.append(found(value, seed) <= 0.05)
    assert np.mean(flagged) < 0.2


def test_the_same_draws_give_the_same_answer() -> None:
    value = noise(np.random.default_rng(3), 80, 0.5)
    assert found(value, 4) == found(value, 4)


@pytest.mark.parametrize(
    "value",
    [
        np.zeros((3, 100)),
        np.ones((1, 100)),
        np.random.default_rng(0).normal(size=(3, 39)),
        np.full((3, 100), np.nan),
    ],
)
def test_what_cannot_be_looked_at_is_refused(value: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        found(value, 0)
