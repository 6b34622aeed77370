"""Effects of a full two-level design: against means by hand, and coverage under noise."""

import itertools

import numpy as np
import pytest

from harness.stats.factorial import factorial_effects, is_full
from harness.stats.intervals import paired_t

FOUR = np.array(list(itertools.product((0, 1), repeat=4)))
TWO = np.array(list(itertools.product((0, 1), repeat=2)))


def test_two_factors_by_hand() -> None:
    # arms 00, 01, 10, 11
    value = np.array([[1.0, 2.0, 4.0, 9.0], [1.0, 4.0, 2.0, 9.0]])
    found = factorial_effects(value, TWO)
    assert list(found) == [(0,), (1,), (0, 1)]
    assert found[0,].point == pytest.approx(np.mean([6.5 - 1.5, 5.5 - 2.5]))
    assert found[1,].point == pytest.approx(np.mean([5.5 - 2.5, 6.5 - 1.5]))
    assert found[0, 1].point == pytest.approx(np.mean([(9 - 2) - (4 - 1), (9 - 4) - (2 - 1)]))


def test_a_main_effect_is_the_paired_difference_of_the_means_of_its_arms() -> None:
    value = np.random.default_rng(0).normal(size=(5, 16))
    high, low = (value[:, FOUR[:, 2] == level].mean(axis=1) for level in (1, 0))
    found = factorial_effects(value, FOUR)
    assert found[2,] == pytest.approx(paired_t(high, low))
    assert len(found) == 4 + 6


def test_the_order_of_the_arms_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    value, order = rng.normal(size=(3, 16)), rng.permutation(16)
    one = factorial_effects(value, FOUR)
    other = factorial_effects(value[:, order], FOUR[order])
    for key, interval in one.items():
        assert other[key] == pytest.approx(interval)


def test_known_effects_are_covered_at_the_stated_rate() -> None:
    rng = np.random.default_rng(2)
    true = {(0,): 0.5, (3,): -0.2, (1, 2): 0.3}
    sign = 2 * FOUR - 1
    mean = sum(size * sign[:, list(key)].prod(axis=1) / 2 ** len(key) for key, size in true.items())
    inside = []
    for _ in range(600):
        # what a seed does to all arms alike must not count
        value = mean + rng.normal(size=(3, 1)) * 5 + rng.normal(size=(3, 16)) * 0.3
        for key, interval in factorial_effects(value, FOUR).items():
            inside.append(interval.low <= true.get(key, 0.0) <= interval.high)
    # four standard errors of 6,000 intervals, ten of a study
    assert abs(np.mean(inside) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 6000)


@pytest.mark.parametrize(
    "level",
    [FOUR[:15], np.vstack([FOUR[:15], FOUR[:1]]), np.array([[0], [1]]), np.array([[0, 0], [1, 1]])],
)
def test_a_design_that_is_not_full_is_refused(level: np.ndarray) -> None:
    assert not is_full(level)
    with pytest.raises(ValueError, match="every combination of two levels once"):
        factorial_effects(np.zeros((3, len(level))), level)
