"""Which responses share an update: verl's own mini-batches, in the arms of the ablation."""

import copy
from collections.abc import Callable
from itertools import chain
from math import comb
from typing import Any

import pytest

from harness.spec import config as configs
from harness.spec.seeds import SEEDS
from harness.spec.study import make_study

pytestmark = pytest.mark.engine

Verl = dict[str, Any]
ABLATION = "ablation=updates_per_rollout"


@pytest.fixture(scope="module")
def updates_of() -> Callable[..., list[list[Any]]]:
    from tests.plugins import update_path

    return update_path.updates_of


def cells(*words: str) -> dict[tuple[str, int], Verl]:
    """verl's keys of each cell, by the level and the seed."""
    with configs.session():
        study = make_study([ABLATION, *words])
    return {(cell.levels["updates"], cell.seed): dict(cell.config["verl"]) for cell in study.cells}


def sorted_rows(verl: Verl) -> Verl:
    """The same cell without the shuffling of the actor's rows."""
    other = copy.deepcopy(verl)
    other["actor_rollout_ref"]["actor"]["shuffle"] = False
    return other


def random_draw(questions: int, samples: int, rows: int) -> float:
    """Expected number of different questions among rows drawn without replacement."""
    total = questions * samples
    return questions * (1 - comb(total - samples, rows) / comb(total, rows))


def rows_of(verl: Verl) -> int:
    return verl["data"]["train_batch_size"] * verl["actor_rollout_ref"]["rollout"]["n"]


def questions_of(updates: list[list[Any]]) -> list[int]:
    return [len({row.question for row in update}) for update in updates]


def test_a_mini_batch_of_the_micro_scale_mixes_questions_as_a_random_draw_does(updates_of) -> None:
    arms = cells("scale=micro", "seeds=5")
    mixed = [n for seed in SEEDS[:5] for n in questions_of(updates_of(arms["8", seed], "actor"))]
    verl = arms["8", 1]
    batch, rows = verl["data"]["train_batch_size"], rows_of(verl)
    expected = random_draw(batch, rows // batch, rows // 8)
    assert sum(mixed) / len(mixed) == pytest.approx(expected, abs=0.5)
    assert min(mixed) > 1


def test_without_shuffling_a_mini_batch_of_the_micro_scale_is_whole_questions(updates_of) -> None:
    verl = cells("scale=micro", "seeds=1")["8", 1]
    whole = verl["data"]["train_batch_size"] // 8
    assert questions_of(updates_of(sorted_rows(verl), "actor")) == [whole] * 8


@pytest.mark.parametrize("ranks", [8, 64])
def test_a_mini_batch_of_the_paper_s_scale_mixes_questions(updates_of, ranks: int) -> None:
    """Across data-parallel ranks, of which each shuffles its own rows."""
    verl = cells("scale=orz_7b", "seeds=1")["8", 1]
    expected = random_draw(128, 64, 1024)
    assert expected > 127.9
    mixed = questions_of(updates_of(verl, "actor", ranks=ranks))
    assert len(mixed) == 8 and min(mixed) > 125
    kept = questions_of(updates_of(sorted_rows(verl), "actor", ranks=ranks))
    assert max(kept) < 50


def test_a_shadow_of_the_paper_s_scale_mixes_questions_too(updates_of) -> None:
    verl = cells("scale=orz_7b", "shadow=true")["8", 1]
    mixed, kept = (questions_of(updates_of(one, "actor")) for one in (verl, sorted_rows(verl)))
    assert min(mixed) > max(kept)


@pytest.mark.parametrize("scale", ["micro", "orz_7b"])
def test_one_mini_batch_keeps_its_rows_in_their_order(updates_of, scale: str) -> None:
    """So nothing changes where there is one update per batch: not even the order of a sum."""
    verl = cells(f"scale={scale}", "seeds=1")["1", 1]
    (update,) = updates_of(verl, "actor")
    assert update == sorted(update)
    assert updates_of(sorted_rows(verl), "actor") == [update]


def test_each_response_is_in_one_mini_batch_and_the_seed_of_the_cell_says_in_which(
    updates_of,
) -> None:
    arms = cells("scale=micro", "seeds=2")
    one, again, other = (
        updates_of(arms["8", seed], "actor", seed=batch) for seed, batch in ((1, 0), (1, 9), (2, 0))
    )
    for updates in (one, other):
        rows = list(chain(*updates))
        assert len(rows) == len(set(rows)) == rows_of(arms["8", 1])
    # verl's generator begins anew with each batch, as the authors' does: the same places
    assert one == again
    assert one != other


@pytest.mark.parametrize("scale", ["micro", "orz_7b"])
def test_the_critic_is_the_same_in_both_arms(updates_of, scale: str) -> None:
    arms = cells(f"scale={scale}", "seeds=1")
    assert updates_of(arms["1", 1], "critic") == updates_of(arms["8", 1], "critic")


def test_by_verl_s_default_the_critic_would_follow_the_actor(updates_of) -> None:
    """The partner of the test above: why the scales say what the critic does."""
    arms = cells("scale=micro", "seeds=1")
    one, eight = arms["1", 1], arms["8", 1]
    for verl in (one, eight):
        del verl["critic"]["shuffle"]
    assert updates_of(one, "critic") != updates_of(eight, "critic")


@pytest.fixture(scope="module")
def gradient_of() -> Callable[[list[Any]], Any]:
    """The gradient of verl's PPO loss over the given responses, through the shipped model."""
    import torch
    from transformers import AutoModelForCausalLM
    from verl.trainer.ppo.core_algos import compute_policy_loss_vanilla
    from verl.workers.config import ActorConfig

    from harness.micro.models import model_dir

    model = AutoModelForCausalLM.from_pretrained(model_dir(), dtype=torch.float32)
    generator = torch.Generator().manual_seed(0)
    # one response for each (question, sample), however many of them a batch has
    shape = (64, 64)
    tokens = torch.randint(3, 60, (*shape, 24), generator=generator)
    mask = torch.arange(23) < torch.randint(4, 24, (*shape, 1), generator=generator)
    advantages = torch.randn((*shape, 1), generator=generator).expand(*shape, 23)
    config = ActorConfig(
        strategy="fsdp2", rollout_n=8, ppo_micro_batch_size_per_gpu=8, clip_ratio_c=1e6
    )

    def gradient(rows: list[Any]) -> torch.Tensor:
        chosen = tuple(torch.tensor(rows).T)
        logits = model(tokens[chosen]).logits[:, :-1]
        log_probs = logits.log_softmax(-1).gather(-1, tokens[chosen][:, 1:, None]).squeeze(-1)
        model.zero_grad()
        loss, _ = compute_policy_loss_vanilla(
            old_log_prob=log_probs.detach(),
            log_prob=log_probs,
            advantages=advantages[chosen],
            response_mask=mask[chosen].float(),
            loss_agg_mode="token-mean",
            config=config,
        )
        loss.backward()
        return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])

    return gradient


def test_the_order_of_rows_in_one_mini_batch_is_rounding(updates_of, gradient_of) -> None:
    import torch

    arms = cells("scale=micro", "seeds=1")
    (kept,) = updates_of(arms["1", 1], "actor")
    shuffled = list(chain(*updates_of(arms["8", 1], "actor")))
    assert kept != shuffled
    torch.testing.assert_close(gradient_of(kept), gradient_of(shuffled), rtol=1e-4, atol=1e-6)


def test_the_order_of_rows_in_eight_mini_batches_is_not(updates_of, gradient_of) -> None:
    verl = cells("scale=micro", "seeds=1")["8", 1]
    mixed, whole = (updates_of(one, "actor")[0] for one in (verl, sorted_rows(verl)))
    one, other = gradient_of(mixed), gradient_of(whole)
    assert float((one - other).norm() / one.norm()) > 0.1
