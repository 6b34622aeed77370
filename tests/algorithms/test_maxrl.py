"""MaxRL's advantages against a plain reference, on random and degenerate batches."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

pytestmark = pytest.mark.engine


def plain(rewards: list[float], uids: list[str]) -> list[float]:
    """R / mean - 1 within the question, in plain Python."""
    found = []
    for reward, uid in zip(rewards, uids, strict=True):
        own = [r for r, u in zip(rewards, uids, strict=True) if u == uid]
        mean = math.fsum(own) / len(own)
        found.append(reward / mean - 1.0 if mean > 0 else 0.0)
    return found


def estimate(rewards: list[float], uids: list[str], lengths: list[int]) -> Any:
    """What veRL gets from its registry, with the reward on the last token of each response."""
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn

    import harness.algorithms.maxrl  # noqa: F401

    width = max(lengths)
    mask, scores = torch.zeros(len(rewards), width), torch.zeros(len(rewards), width)
    for place, (reward, length) in enumerate(zip(rewards, lengths, strict=True)):
        mask[place, :length] = 1
        scores[place, length - 1] = reward
    advantages, returns = get_adv_estimator_fn("maxrl")(
        token_level_rewards=scores,
        response_mask=mask,
        index=np.array(uids, dtype=object),
        config={},
    )
    assert torch.equal(advantages, returns)
    return advantages, mask


@pytest.mark.parametrize("seed", range(5))
def test_random_batches_agree_with_the_plain_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 40))
    uids = [f"q{n}" for n in rng.integers(0, 6, size)]
    rewards = list(rng.integers(0, 2, size).astype(float) if seed % 2 else rng.random(size))
    lengths = list(map(int, rng.integers(1, 9, size)))

    advantages, mask = estimate(rewards, uids, lengths)

    wanted = torch.tensor(plain(rewards, uids), dtype=torch.float32)[:, None] * mask
    torch.testing.assert_close(advantages, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("rewards", "wanted"),
    [
        ([0.0] * 4, [0.0] * 4),
        ([1.0] * 4, [0.0] * 4),
        ([1.0, 0.0, 0.0, 0.0], [3.0, -1.0, -1.0, -1.0]),
        ([1.0], [0.0]),
        ([0.0], [0.0]),
    ],
)
def test_degenerate_groups(rewards: list[float], wanted: list[float]) -> None:
    advantages, _ = estimate(rewards, ["q"] * len(rewards), [2] * len(rewards))
    assert advantages[:, 0].tolist() == wanted


def test_the_order_of_a_batch_does_not_matter() -> None:
    rewards, uids, lengths = [1.0, 0.0, 1.0, 1.0], ["b", "a", "a", "b"], [1, 2, 3, 2]
    straight, _ = estimate(rewards, uids, lengths)
    turned, _ = estimate(rewards[::-1], uids[::-1], lengths[::-1])
    assert torch.equal(straight, turned.flip(0))


@pytest.mark.parametrize("odd", [-0.5, math.nan, math.inf])
def test_a_reward_that_is_no_likelihood_is_refused(odd: float) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        estimate([1.0, odd], ["q", "q"], [1, 1])


def test_its_expectation_is_the_gradient_of_the_expanded_log_likelihood() -> None:
    """Exactly, over all outcomes: one question, right with probability p = sigmoid(x), N tries.

    log p = -sum over k of (1 - p)^k / k; to order N - 1 its derivative in p is
    (1 - (1 - p)^(N - 1)) / p. The plain policy gradient has 1 in that place.
    """
    from harness.algorithms.maxrl import group_advantages

    x, tries = -0.7, 4
    p = 1.0 / (1.0 + math.exp(-x))
    slope = p * (1.0 - p)
    score = {1: slope / p, 0: -slope / (1.0 - p)}
    found = 0.0
    for outcome in itertools.product((0, 1), repeat=tries):
        chance = math.prod(p if o else 1.0 - p for o in outcome)
        reward = torch.tensor(outcome, dtype=torch.float64)
        weights = group_advantages(reward, torch.zeros(tries, dtype=torch.long)).tolist()
        found += chance * sum(w * score[o] for w, o in zip(weights, outcome, strict=True)) / tries
    assert found == pytest.approx(slope * (1.0 - (1.0 - p) ** (tries - 1)) / p)
    assert found != pytest.approx(slope)
