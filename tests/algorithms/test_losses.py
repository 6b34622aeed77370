"""Every algorithm's policy loss and gradient by the installed veRL against the plain formula."""

import math
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("verl")

from tests.algorithms import plain
from tests.algorithms.installed import keys_of, loss_of
from tests.algorithms.plain import Policy, Rows

pytestmark = pytest.mark.engine

LONGEST = 288
CLIPPED = (
    "ppo",
    "decoupled_gae",
    "grpo",
    "grpo_no_std",
    "grpo_orz",
    "rloo",
    "maxrl",
    "reinforce_plus_plus",
)
FORMULAS: dict[str, Callable[[Policy], float]] = {
    **dict.fromkeys(CLIPPED, plain.token_mean),
    "dapo": lambda policy: plain.token_mean(policy, 0.2, 0.28),
    "dr_grpo": lambda policy: plain.per_constant(policy, LONGEST),
    "gspo": lambda policy: plain.gspo(policy, 3e-4, 4e-4),
}


def random_policy(seed: int, spread: float = 0.3) -> Policy:
    """Ratios inside and outside every clip; one advantage per response, as without a critic."""
    rng = np.random.default_rng(seed)
    size, width = int(rng.integers(2, 8)), int(rng.integers(2, 9))
    masks = (np.arange(width) < rng.integers(1, width + 1, size)[:, None]) * 1
    old = -rng.exponential(size=(size, width))
    new = old + spread * rng.normal(size=(size, width))
    advantages = rng.normal(size=(size, 1)) * masks
    return Policy(new.tolist(), old.tolist(), advantages.tolist(), masks.tolist())


def uniform(new: float, old: float, advantage: float, masks: list[list[int]]) -> Policy:
    def rows(value: float) -> Rows:
        return [[value * m for m in mask] for mask in masks]

    return Policy(rows(new), rows(old), rows(advantage), masks)


DEGENERATE = {
    "on-policy": random_policy(1, spread=0.0),
    "no advantage": uniform(-1.0, -1.2, 0.0, [[1, 1], [1, 0]]),
    "one token": uniform(-1.0, -1.1, 0.7, [[1]]),
    "a response without tokens": uniform(-1.0, -1.1, -0.7, [[1, 1], [0, 0]]),
    "far above the clip, right": uniform(-0.1, -5.0, 1.0, [[1, 1]]),
    "far below the clip, right": uniform(-5.0, -0.1, 1.0, [[1, 1]]),
    "far below the clip, wrong": uniform(-5.0, -0.1, -1.0, [[1, 1]]),
    "huge advantage": uniform(-1.0, -1.1, 1e9, [[1, 1], [1, 0]]),
}


def slopes(formula: Callable[[Policy], float], policy: Policy, step: float = 1e-6) -> Rows:
    """The gradient in the new log-probabilities, by central differences."""
    found = [[0.0] * len(row) for row in policy.new]
    for i, row in enumerate(policy.new):
        for t in range(len(row)):
            sides = []
            for sign in (1, -1):
                new = [list(r) for r in policy.new]
                new[i][t] += sign * step
                sides.append(formula(policy._replace(new=new)))
            found[i][t] = (sides[0] - sides[1]) / (2 * step)
    return found


def check(algorithm: str, policy: Policy) -> None:
    loss, gradient = loss_of(algorithm, policy)
    wanted = FORMULAS[algorithm](policy)
    assert math.isclose(loss, wanted, rel_tol=1e-9, abs_tol=1e-12)
    scale = max(1.0, float(np.abs(policy.advantages).max()))
    wanted_slopes = np.array(slopes(FORMULAS[algorithm], policy)) / scale
    np.testing.assert_allclose(np.array(gradient) / scale, wanted_slopes, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("algorithm", FORMULAS)
@pytest.mark.parametrize("seed", range(4))
def test_random_policies(algorithm: str, seed: int) -> None:
    check(algorithm, random_policy(seed))


@pytest.mark.parametrize("algorithm", FORMULAS)
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_policies(algorithm: str, case: str) -> None:
    if algorithm == "gspo" and case == "on-policy":
        # the ratio is exactly 1, and the clip's edge is as near as rounding: see the next test
        return
    check(algorithm, DEGENERATE[case])


@pytest.mark.parametrize("seed", range(4))
def test_on_policy_gspo_is_the_mean_over_responses_of_the_mean_over_tokens(seed: int) -> None:
    policy = random_policy(seed, spread=0.0)
    _, gradient = loss_of("gspo", policy)
    wanted = [
        [-a * m / sum(mask) / len(policy.masks) for a, m in zip(row, mask, strict=True)]
        for row, mask in zip(policy.advantages, policy.masks, strict=True)
    ]
    np.testing.assert_allclose(gradient, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("policy", [random_policy(0), random_policy(1), *DEGENERATE.values()])
def test_cispo_keeps_the_gradient_of_clipped_tokens(policy: Policy) -> None:
    loss, gradient = loss_of("cispo", policy)
    wanted, wanted_slopes = plain.cispo(policy, 0.2)
    assert math.isclose(loss, wanted, rel_tol=1e-9, abs_tol=1e-12)
    np.testing.assert_allclose(gradient, wanted_slopes, rtol=1e-9, atol=1e-12)


def test_cispo_has_a_gradient_where_ppo_has_none() -> None:
    policy = DEGENERATE["far above the clip, right"]
    assert not np.any(loss_of("ppo", policy)[1])
    assert np.all(np.array(loss_of("cispo", policy)[1]) < 0)


def test_the_clip_of_dapo_is_wider_above_alone() -> None:
    between = uniform(math.log(1.25), 0.0, 1.0, [[1]])
    assert not np.any(loss_of("grpo", between)[1])
    assert np.any(loss_of("dapo", between)[1])
    below = uniform(math.log(0.75), 0.0, -1.0, [[1]])
    assert not np.any(loss_of("dapo", below)[1])


def test_the_constant_of_dr_grpo_is_the_longest_response_of_the_scale() -> None:
    assert keys_of("dr_grpo")["data"]["max_response_length"] == LONGEST
    assert keys_of("dr_grpo")["actor_rollout_ref"]["actor"]["loss_scale_factor"] == LONGEST


@pytest.mark.parametrize("algorithm", FORMULAS)
def test_a_changed_advantage_is_noticed(algorithm: str) -> None:
    policy = random_policy(2)
    broken = policy._replace(advantages=[[-a for a in row] for row in policy.advantages])
    with pytest.raises(AssertionError):
        loss, _ = loss_of(algorithm, broken)
        assert math.isclose(loss, FORMULAS[algorithm](policy), rel_tol=1e-6)
