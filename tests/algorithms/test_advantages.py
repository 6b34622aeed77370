"""Every algorithm's advantage by the installed veRL against the plain formula."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("verl")

from tests.algorithms import plain
from tests.algorithms.installed import advantages_of, keys_of
from tests.algorithms.plain import Batch, Rows

pytestmark = pytest.mark.engine

FORMULAS: dict[str, Callable[[Batch], Rows]] = {
    "ppo": plain.ppo,
    "decoupled_gae": plain.decoupled_gae,
    "grpo": plain.grpo,
    "grpo_no_std": plain.grpo_no_std,
    "grpo_orz": plain.grpo_orz,
    "dr_grpo": plain.grpo_no_std,
    "dapo": plain.grpo,
    "gspo": plain.grpo,
    "cispo": plain.grpo,
    "rloo": plain.rloo,
    "reinforce_plus_plus": plain.reinforce_plus_plus,
    "maxrl": plain.maxrl,
}
WHITENED = ("ppo", "decoupled_gae", "grpo_orz", "reinforce_plus_plus")


@pytest.fixture(autouse=True)
def verl_as_it_was() -> Iterator[None]:
    """The algorithm files, imported as veRL does; the patched GAE only where it is asked for."""
    from verl.trainer.ppo import core_algos

    import harness.algorithms.maxrl  # noqa: F401

    kept = core_algos.compute_gae_advantage_return
    core_algos.compute_gae_advantage_return = core_algos.get_adv_estimator_fn("gae")
    yield
    core_algos.compute_gae_advantage_return = kept


def by_verl(algorithm: str, batch: Batch, **changes: Any) -> tuple[Any, Any]:
    if algorithm == "decoupled_gae":
        from harness.algorithms.decoupled_gae import install

        install()
    return advantages_of(algorithm, batch, **changes)


def random_batch(seed: int) -> Batch:
    """Groups of different sizes, one to 60 tokens, some tokens that do not count."""
    rng = np.random.default_rng(seed)
    size, width = int(rng.integers(4, 24)), int(rng.integers(2, 60))
    masks = (np.arange(width) < rng.integers(1, width + 1, size)[:, None]) * 1
    if seed % 2:
        masks[0, : width // 2] = 0
    rewards = rng.integers(0, 2, size).astype(float) if seed % 3 else rng.random(size)
    return Batch(
        rewards=rewards.tolist(),
        uids=[f"q{n}" for n in rng.integers(0, 5, size)],
        masks=masks.tolist(),
        values=rng.normal(size=(size, width)).tolist(),
    )


def same(rewards: list[float], uids: list[str], width: int = 4) -> Batch:
    count = len(rewards)
    return Batch(rewards, uids, [[1] * width] * count, [[0.25] * width] * count)


DEGENERATE = {
    "all right": same([1.0] * 6, ["a"] * 3 + ["b"] * 3),
    "all wrong": same([0.0] * 6, ["a"] * 3 + ["b"] * 3),
    "groups of one": same([1.0, 0.0, 1.0], ["a", "b", "c"]),
    "one response": same([1.0], ["a"]),
    "a response without tokens": Batch(
        [1.0, 0.0, 1.0], ["a"] * 3, [[1, 1], [0, 0], [1, 0]], [[0.1, 0.2]] * 3
    ),
    "one token each": same([1.0, 0.0, 0.5, 1.0], ["a", "a", "b", "b"], width=1),
    "huge rewards": same([1e9, -1e9, 3e8, 0.0], ["a", "a", "b", "b"]),
}


ROUNDING = 1e-4
"""veRL adds 1e-8 to the number of tokens, and divides tokens that are all alike by 1e-4."""


def agree(found: Any, wanted: Rows, atol: float = 1e-7) -> bool:
    return bool(np.allclose(found.numpy(), np.array(wanted), rtol=1e-6, atol=atol))


@pytest.mark.parametrize("algorithm", FORMULAS)
@pytest.mark.parametrize("seed", range(6))
def test_random_batches(algorithm: str, seed: int) -> None:
    batch = random_batch(seed)
    assert agree(by_verl(algorithm, batch)[0], FORMULAS[algorithm](batch))


@pytest.mark.parametrize("algorithm", FORMULAS)
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_batches(algorithm: str, case: str) -> None:
    batch = DEGENERATE[case]
    if algorithm == "maxrl" and min(batch.rewards) < 0:
        with pytest.raises(ValueError, match="0 or more"):
            by_verl(algorithm, batch)
        return
    found = by_verl(algorithm, batch)[0]
    assert np.isfinite(found.numpy()).all()
    atol = ROUNDING if algorithm in WHITENED else 1e-7
    assert agree(found, FORMULAS[algorithm](batch), atol)


@pytest.mark.parametrize(
    "algorithm", [name for name in FORMULAS if name not in ("ppo", "decoupled_gae")]
)
@pytest.mark.parametrize("case", ["all right", "all wrong"])
def test_equal_rewards_teach_nothing_without_a_critic(algorithm: str, case: str) -> None:
    found = by_verl(algorithm, DEGENERATE[case])[0]
    assert float(found.abs().max()) <= (ROUNDING if algorithm in WHITENED else 0.0)


@pytest.mark.parametrize("algorithm", WHITENED)
@pytest.mark.parametrize("mask", [[1, 0], [0, 0]])
def test_verl_stops_on_less_than_two_tokens_where_the_file_says_so(
    algorithm: str, mask: list[int]
) -> None:
    with pytest.raises(ValueError, match="mask"):
        by_verl(algorithm, Batch([1.0], ["a"], [mask], [[0.0, 0.0]]))


@pytest.mark.parametrize("algorithm", [name for name in FORMULAS if name not in WHITENED])
def test_the_others_take_an_empty_batch_of_tokens(algorithm: str) -> None:
    assert not by_verl(algorithm, Batch([1.0], ["a"], [[0, 0]], [[0.0, 0.0]]))[0].any()


@pytest.mark.parametrize("algorithm", FORMULAS)
def test_a_changed_reward_is_noticed(algorithm: str) -> None:
    batch = random_batch(1)
    broken = batch._replace(rewards=[1.0 - batch.rewards[0], *batch.rewards[1:]])
    assert not agree(by_verl(algorithm, broken)[0], FORMULAS[algorithm](batch))


@pytest.mark.parametrize("algorithm", ["grpo", "grpo_no_std", "grpo_orz", "rloo", "maxrl"])
def test_a_response_in_another_group_is_noticed(algorithm: str) -> None:
    batch = same([1.0, 0.0, 1.0, 0.0, 0.0, 0.0], ["a"] * 3 + ["b"] * 3)
    broken = batch._replace(uids=["a", "b", "a", "b", "b", "a"])
    assert not agree(by_verl(algorithm, broken)[0], FORMULAS[algorithm](batch))


@pytest.mark.parametrize("gamma", [1.0, 0.99, 0.5])
@pytest.mark.parametrize("lam", [1.0, 0.998, 0.95, 0.0])
def test_gae_takes_any_gamma_and_lambda(gamma: float, lam: float) -> None:
    batch = random_batch(3)
    advantages, returns = by_verl("ppo", batch, gamma=gamma, lam=lam)
    assert agree(advantages, plain.ppo(batch, gamma, lam))
    assert agree(returns, plain.gae(batch, gamma, [lam] * len(batch.rewards))[1])
    assert not agree(advantages, plain.ppo(batch, gamma, lam + 0.1))


def test_the_critic_of_decoupled_gae_learns_returns_of_lambda_one() -> None:
    batch = random_batch(3)
    advantages, returns = by_verl("decoupled_gae", batch)
    assert agree(returns, plain.gae(batch, 1.0, [1.0] * len(batch.rewards))[1])
    assert not agree(advantages, plain.ppo(batch))


def test_decoupled_gae_is_installed_once_and_is_what_verl_calls() -> None:
    from verl.trainer.ppo import core_algos

    from harness.algorithms.decoupled_gae import install

    before = core_algos.compute_gae_advantage_return
    install()
    once = core_algos.compute_gae_advantage_return
    install()
    assert once is core_algos.compute_gae_advantage_return is not before


def test_every_algorithm_file_has_a_formula_here() -> None:
    from harness.spec.choices import group_choices

    assert set(FORMULAS) == set(group_choices()["algorithm"])
    assert all(keys_of(name)["algorithm"]["adv_estimator"] for name in FORMULAS)
