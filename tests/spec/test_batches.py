"""Batch sizes are looked at before launch."""

import pytest

from harness.schema import UsageError
from harness.spec.batches import check_batches, divisions
from harness.spec.config import session
from harness.spec.study import make_study


def sizes(**changed: int) -> dict:
    given = {"batch": 8, "mini": 8, "micro": 32, "log_prob": 64, "critic_mini": 4, **changed}
    return {
        "data": {"train_batch_size": given["batch"]},
        "actor_rollout_ref": {
            "actor": {
                "ppo_mini_batch_size": given["mini"],
                "ppo_micro_batch_size_per_gpu": given["micro"],
                "use_dynamic_bsz": False,
            },
            "rollout": {"n": 8, "log_prob_micro_batch_size_per_gpu": given["log_prob"]},
        },
        "critic": {"ppo_mini_batch_size": given["critic_mini"]},
    }


def test_sizes_that_fit_pass() -> None:
    check_batches(sizes(), "a=b")
    assert len(list(divisions(sizes()))) == 4


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"log_prob": 128}, "rollout.log_prob_micro_batch_size_per_gpu"),
        ({"mini": 3}, "actor.ppo_mini_batch_size"),
        ({"micro": 24}, "actor.ppo_micro_batch_size_per_gpu"),
        ({"critic_mini": 5}, "critic.ppo_mini_batch_size"),
    ],
)
def test_a_size_that_does_not_divide_is_named(changed: dict[str, int], key: str) -> None:
    with pytest.raises(UsageError, match=key):
        check_batches(sizes(**changed), "a=b")


def test_dynamic_micro_batches_are_not_looked_at() -> None:
    verl = sizes(micro=24, log_prob=128)
    verl["actor_rollout_ref"]["actor"]["use_dynamic_bsz"] = True
    check_batches(verl, "a=b")


def test_a_study_is_refused_before_launch() -> None:
    with session(), pytest.raises(UsageError, match="do not divide"):
        make_study(["ablation=kl_penalty", "verl.data.train_batch_size=6"])
