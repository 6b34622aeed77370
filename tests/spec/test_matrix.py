import copy
from typing import Any

import pytest

from harness.schema import UsageError
from harness.spec.ablation import Ablation, read_ablation
from harness.spec.matrix import (
    Arm,
    arms_of,
    build_cells,
    check_overrides,
    differences,
    select_seeds,
    with_seed,
)
from tests.cells import CONFIG, INPUTS

USE_KL = "verl.actor_rollout_ref.actor.use_kl_loss"


def two_factors(design: str = "product", **changes: Any) -> Ablation:
    document = {
        "title": "t",
        "question": "q",
        "source": "s",
        "control": {"kl": "none", "clip": "low"},
        "design": design,
        "seeds": 2,
        "steps": 2,
        "factors": {
            "kl": {"loss": {"set": {USE_KL: True}}, "none": {"set": {USE_KL: False}}},
            "clip": {
                "low": {"set": {"verl.clip": 0.2}},
                "high": {"set": {"verl.clip": 0.3}},
                "none": {"set": {"verl.clip": 9.0}},
            },
        },
    }
    return read_ablation("x", {**document, **changes})


def set_key(config: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(config)
    *path, last = key.split(".")
    node = result
    for part in path:
        node = node.setdefault(part, {})
    node[last] = value
    return result


def configs_of(ablation: Ablation) -> list[tuple[Arm, dict[str, Any]]]:
    pairs = []
    for arm in arms_of(ablation):
        config = CONFIG
        for key, value in arm.settings.items():
            config = set_key(config, key, value)
        pairs.append((arm, config))
    return pairs


def names(arms: list[Arm]) -> list[str]:
    return [",".join(arm.levels.values()) for arm in arms]


def test_product_has_every_combination_and_the_control_first() -> None:
    found = names(arms_of(two_factors()))
    assert found[0] == "none,low"
    assert sorted(found) == sorted(
        f"{k},{c}" for k in ("loss", "none") for c in ("low", "high", "none")
    )


def test_one_at_a_time_changes_one_factor() -> None:
    found = names(arms_of(two_factors("one_at_a_time")))
    assert found == ["none,low", "loss,low", "none,high", "none,none"]


def test_levels_keep_the_named_ones_only() -> None:
    assert names(arms_of(two_factors(), ["clip:none", "high"])) == [
        "loss,high",
        "loss,none",
        "none,high",
        "none,none",
    ]


@pytest.mark.parametrize("word", ["nope", "none", "kl:high"])
def test_an_unknown_or_ambiguous_level_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match=f"unknown level '{word}'"):
        arms_of(two_factors(), [word])


def test_seeds_are_the_first_of_the_list() -> None:
    assert select_seeds(None, 3) == (1, 2, 3)
    assert select_seeds(2, 3) == (1, 2)
    assert select_seeds([5, 3], 3) == (5, 3)
    assert select_seeds(None, (4, 5)) == (4, 5)
    assert select_seeds(2, (4, 5)) == (1, 2)


@pytest.mark.parametrize("request_", [0, -1, 65, [], [1, 1], [0], [99]])
def test_impossible_seeds_are_refused(request_: Any) -> None:
    with pytest.raises(UsageError, match="seeds="):
        select_seeds(request_, 3)


def test_cells_come_seed_by_seed_and_share_seeds_between_arms() -> None:
    ablation = two_factors()
    cells = build_cells(ablation, "micro", configs_of(ablation), (1, 2), lambda _: INPUTS)
    assert [cell.seed for cell in cells] == [1] * 6 + [2] * 6
    first = [cell.config for cell in cells if cell.seed == 1]
    assert len({config["environment"]["HARNESS_SEED_REQUEST"] for config in first}) == 1
    assert len({config["verl"]["data"]["seed"] for config in first}) == 1
    other = next(cell for cell in cells if cell.seed == 2).config
    assert other["verl"]["data"]["seed"] != first[0]["verl"]["data"]["seed"]


def test_a_cell_without_a_critic_gets_no_critic_seeds() -> None:
    without = set_key(CONFIG, "verl.critic", {"enable": False})
    assert with_seed(without, 1)["verl"]["critic"] == {"enable": False}
    assert "data_loader_seed" in with_seed(CONFIG, 1)["verl"]["critic"]
    assert CONFIG["verl"]["critic"] == {"enable": True, "ppo_mini_batch_size": 2}


def test_two_identical_cells_are_refused() -> None:
    ablation = two_factors()
    pairs = [(arm, CONFIG) for arm, _ in configs_of(ablation)]
    with pytest.raises(UsageError, match="same work: kl=none,clip=low and"):
        build_cells(ablation, "micro", pairs, (1,), lambda _: INPUTS)


def test_an_undeclared_difference_is_refused_with_key_and_values() -> None:
    ablation = two_factors()
    pairs = configs_of(ablation)
    pairs[1] = (pairs[1][0], set_key(pairs[1][1], "verl.trainer.test_freq", 5))
    with pytest.raises(UsageError) as error:
        build_cells(ablation, "micro", pairs, (1,), lambda _: INPUTS)
    assert "verl.trainer.test_freq is 2 in kl=none,clip=low and 5" in str(error.value)


def test_a_key_that_only_one_arm_has_is_a_difference() -> None:
    ablation = two_factors()
    pairs = configs_of(ablation)
    pairs[1] = (pairs[1][0], set_key(pairs[1][1], "verl.extra", None))
    with pytest.raises(UsageError, match=r"undeclared difference .* verl.extra"):
        build_cells(ablation, "micro", pairs, (1,), lambda _: INPUTS)


def test_a_declared_consequence_may_differ() -> None:
    ablation = two_factors(consequences=["verl.trainer.test_freq"])
    pairs = configs_of(ablation)
    pairs[1] = (pairs[1][0], set_key(pairs[1][1], "verl.trainer.test_freq", 5))
    assert len(build_cells(ablation, "micro", pairs, (1,), lambda _: INPUTS)) == 6


def test_the_diff_of_the_arms_names_the_factors_keys_only() -> None:
    ablation = two_factors()
    cells = build_cells(ablation, "micro", configs_of(ablation), (1,), lambda _: INPUTS)
    found = differences([(cell.arm, cell.config) for cell in cells])
    assert {difference.key for difference in found} == {USE_KL, "verl.clip"}
    assert found[0].values["kl=none,clip=low"] is False
    assert differences([]) == []


def test_equal_configs_have_no_differences() -> None:
    assert differences([("a", CONFIG), ("b", copy.deepcopy(CONFIG))]) == []


@pytest.mark.parametrize("key", [USE_KL, "verl.actor_rollout_ref.actor", f"{USE_KL}.deeper"])
def test_an_override_of_a_factor_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match=r"touches a factor of ablations/x.yaml"):
        check_overrides(two_factors(), [key], [], [])


def test_an_override_of_what_a_group_choice_decides_is_refused() -> None:
    with pytest.raises(UsageError, match=r"verl.critic.enable touches a factor"):
        check_overrides(two_factors(), ["verl.critic.enable"], [], ["verl.critic.enable"])


def test_an_override_beside_the_factors_is_allowed() -> None:
    check_overrides(two_factors(), ["verl.critic.optim.lr", "verl.clipping"], ["reward"], [])


def test_an_override_of_a_chosen_group_is_refused() -> None:
    factors = {
        "algorithm": {
            "ppo": {"choose": {"algorithm": "ppo"}},
            "grpo": {"choose": {"algorithm": "grpo"}},
        }
    }
    ablation = two_factors(factors=factors, control={"algorithm": "ppo"})
    with pytest.raises(UsageError, match="override algorithm= touches a factor"):
        check_overrides(ablation, [], ["algorithm"], [])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("verl.critic.ppo_mini_batch_size", 3, "critic.ppo_mini_batch_size=3 does not divide"),
        ("verl.actor_rollout_ref.actor.ppo_mini_batch_size", 8, "does not divide"),
        ("verl.actor_rollout_ref.rollout.max_model_len", 11, "need .12."),
    ],
)
def test_sizes_that_verl_would_pad_or_cut_are_refused(key: str, value: int, message: str) -> None:
    ablation = two_factors()
    pairs = [(arm, set_key(config, key, value)) for arm, config in configs_of(ablation)]
    with pytest.raises(UsageError, match=message):
        build_cells(ablation, "micro", pairs, (1,), lambda _: INPUTS)
