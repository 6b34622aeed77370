from typing import Any

import pytest

from harness.plan.recipe import DEFAULTS, read_recipe
from harness.schema import UsageError
from tests.plan.stand_in import STAND_IN, stand_in


def test_a_recipe_is_read_from_verls_keys() -> None:
    recipe = read_recipe(STAND_IN)
    assert (recipe.gpus, recipe.responses, recipe.steps, recipe.engines) == (64, 8192, 730, 64)
    assert recipe.critic is not None
    assert (recipe.actor.updates, recipe.critic.updates) == (1, 16)
    assert recipe.evaluation_responses == 728
    assert not recipe.has_reference


def test_fewer_gpus_share_the_weights() -> None:
    assert read_recipe(STAND_IN, 32).actor.shards == 32
    config = stand_in(actor_rollout_ref__actor__fsdp_config={"fsdp_size": 8})
    assert read_recipe(config, 32).actor.shards == 8


def test_a_kl_term_brings_a_reference_and_grpo_no_critic() -> None:
    assert read_recipe(stand_in(actor_rollout_ref__actor__use_kl_loss=True)).has_reference
    assert read_recipe(stand_in(algorithm__use_kl_in_reward=True)).has_reference
    assert read_recipe(stand_in(critic={"enable": False})).critic is None
    assert read_recipe(stand_in(critic={}, algorithm__adv_estimator="grpo")).critic is None


@pytest.mark.parametrize(
    ("changes", "gpus", "words"),
    [
        ({}, 60, "gpus=60 is not a multiple of verl.trainer.n_gpus_per_node=8"),
        ({}, 24, "gpus=24 does not divide the 8192 responses of a step"),
        (
            {"actor_rollout_ref__rollout__tensor_model_parallel_size": 16},
            8,
            "tensor_model_parallel_size=16",
        ),
        ({"critic__ppo_max_token_len_per_gpu": 8192}, 64, "verl.critic.ppo_max_token_len_per_gpu"),
        ({"data": {"train_batch_size": 128}}, 64, "does not set verl.data.max_prompt_length"),
    ],
)
def test_what_cannot_be_planned_is_refused(changes: dict[str, Any], gpus: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_recipe(stand_in(**changes), gpus)


def test_micro_batches_by_rows_are_counted_at_their_longest() -> None:
    config = stand_in(
        actor_rollout_ref__actor__use_dynamic_bsz=False,
        actor_rollout_ref__actor__ppo_micro_batch_size_per_gpu=2,
    )
    assert read_recipe(config).actor.micro_tokens == 2 * 10240


@pytest.mark.engine
def test_the_defaults_are_those_of_the_installed_verl() -> None:
    from importlib.util import find_spec
    from pathlib import Path

    from omegaconf import OmegaConf

    spec = find_spec("verl")
    assert spec is not None and spec.submodule_search_locations
    place = Path(spec.submodule_search_locations[0]) / "trainer" / "config"
    verl = OmegaConf.load(place / "_generated_ppo_trainer.yaml")
    found = {key: OmegaConf.select(verl, key) for key in DEFAULTS}
    # a plan without a word on the estimator or the nodes cannot be: both are the cell's
    assert found == DEFAULTS
