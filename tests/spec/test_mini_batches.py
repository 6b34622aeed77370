"""Rows are shuffled where a batch makes several updates of the policy, and nowhere else."""

from collections.abc import Iterator
from typing import Any

import pytest

from harness.schema import UsageError
from harness.spec import config as configs
from harness.spec.choices import group_choices
from harness.spec.study import make_study

SCALES = sorted(group_choices()["scale"])
MINI = "verl.actor_rollout_ref.actor.ppo_mini_batch_size"
HALVES = (
    f"{MINI}='${{quotient:${{verl.data.train_batch_size}},2}}'",
    "verl.actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=8",
)


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    with configs.session():
        yield


def arms(*words: str) -> dict[str, dict[str, Any]]:
    cells = make_study(["ablation=updates_per_rollout", "seeds=1", *words]).cells
    return {cell.levels["updates"]: dict(cell.config["verl"]) for cell in cells}


def levels_at(scale: str) -> list[str]:
    return ["1", "1_rate_x10", "4", "8"] if scale == "micro" else ["1", "8"]


@pytest.mark.parametrize("scale", SCALES)
def test_an_arm_with_several_updates_shuffles_and_its_control_does_not(scale: str) -> None:
    found = {
        level: verl["actor_rollout_ref"]["actor"] for level, verl in arms(f"scale={scale}").items()
    }
    wanted = {level: level in ("4", "8") for level in levels_at(scale)}
    assert {level: actor["shuffle"] for level, actor in found.items()} == wanted
    assert len({actor["data_loader_seed"] for actor in found.values()}) == 1


@pytest.mark.parametrize("scale", SCALES)
def test_the_critic_s_order_is_said_and_equal_in_all_arms(scale: str) -> None:
    """Left unsaid it would follow the actor's in veRL, unseen by the check of the arms."""
    critics = [verl["critic"] for verl in arms(f"scale={scale}").values()]
    assert len(critics) == len(levels_at(scale))
    assert isinstance(critics[0]["shuffle"], bool)
    assert all(critic == critics[0] for critic in critics)


def test_a_smaller_mini_batch_of_the_command_line_shuffles_too() -> None:
    words = ["ablation=kl_penalty", "levels=[none]", "seeds=1"]
    assert policy(words)["shuffle"] is False
    assert policy([*words, *HALVES])["shuffle"] is True
    told = "verl.actor_rollout_ref.actor.shuffle=false"
    assert policy([*words, *HALVES, told])["shuffle"] is False


def policy(words: list[str]) -> dict[str, Any]:
    return dict(make_study(words).cells[0].config["verl"]["actor_rollout_ref"]["actor"])


def test_the_arms_cannot_be_told_otherwise() -> None:
    with pytest.raises(UsageError, match="touches a factor"):
        arms("verl.actor_rollout_ref.actor.shuffle=false")
