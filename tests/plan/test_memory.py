from dataclasses import replace

import pytest

from harness.plan.hardware import read_gpu
from harness.plan.memory import GIB, plan_memory
from harness.plan.models import read_model
from harness.plan.recipe import Recipe, read_recipe
from harness.plan.remedies import LARGEST, find_remedy
from tests.plan.stand_in import STAND_IN, stand_in

H800 = read_gpu("h800")


def phase(recipe: Recipe, name: str) -> dict[str, float]:
    return next(p.parts for p in plan_memory(recipe, H800).phases if p.name == name)


def test_the_actors_update_by_hand() -> None:
    recipe = read_recipe(STAND_IN)
    model = read_model("Qwen/Qwen2.5-7B")
    parts = phase(recipe, "actor update")
    states = (model.parameters + model.value_parameters) / 64
    gathered = 2 * (2 * model.layer_parameters + 2 * 152064 * 3584)
    assert parts["weights"] == pytest.approx(4 * states + gathered)
    assert parts["optimizer"] == pytest.approx(8 * states)
    assert parts["gradients"] == pytest.approx(4 * model.parameters / 64)
    assert parts["logits"] == 4 * 16384 * 152064
    inputs = 2 * 28 * 3584 * 16384
    inner = 2 * 16384 * (6 * 3584 + 2 * 3584 + 2 * 512 + 3 * 18944)
    assert parts["activations"] == inputs + 2 * inner
    assert parts["KV cache"] == 0


def test_generation_takes_the_engines_share() -> None:
    recipe = read_recipe(STAND_IN)
    parts, model = phase(recipe, "generation"), recipe.model
    cache = 0.7 * H800.memory_bytes - 2 * model.parameters - 3 * GIB
    assert parts["KV cache"] == pytest.approx(cache)
    assert plan_memory(recipe, H800).cached_tokens == pytest.approx(cache / 57344)


def test_settings_change_what_they_should() -> None:
    recipe = read_recipe(STAND_IN)
    offloaded = replace(recipe, actor=replace(recipe.actor, optimizer_offloaded=True))
    saved = phase(recipe, "generation")["optimizer"] - phase(offloaded, "generation")["optimizer"]
    assert saved == pytest.approx(8 * recipe.model.parameters / 64)
    # in its own phase it is back
    assert phase(offloaded, "actor update") == pytest.approx(phase(recipe, "actor update"))
    awake = replace(recipe, frees_cache=False)
    assert phase(awake, "actor update")["KV cache"] > 0
    kept = replace(recipe, has_reference=True, reference_offloaded=False)
    assert phase(kept, "generation")["weights"] > phase(recipe, "generation")["weights"]
    fused = replace(recipe, actor=replace(recipe.actor, has_fused_kernels=True))
    assert phase(fused, "actor update")["logits"] == 0


def test_the_stand_in_fits_on_its_cluster() -> None:
    assert plan_memory(read_recipe(STAND_IN), H800).fits


def test_a_cell_that_does_not_fit_is_given_settings_with_which_it_does() -> None:
    recipe = read_recipe(stand_in(actor_rollout_ref__model__path="Qwen/Qwen2.5-32B"), 32)
    assert not plan_memory(recipe, H800).fits
    remedy = find_remedy(recipe, H800)
    assert remedy.gpus == 32
    assert remedy.overrides


def test_a_cell_that_fits_needs_no_remedy() -> None:
    assert find_remedy(read_recipe(STAND_IN), H800) == ((), 64)


def test_more_gpus_are_named_where_settings_do_not_do() -> None:
    recipe = read_recipe(stand_in(actor_rollout_ref__model__path="Qwen/Qwen2.5-32B"), 8)
    small = replace(H800, memory_bytes=40 * GIB)
    remedy = find_remedy(recipe, small)
    assert remedy.gpus is not None and remedy.gpus > 8


def test_what_cannot_fit_at_all_is_told_so() -> None:
    tiny = replace(H800, memory_bytes=6 * GIB)
    assert find_remedy(read_recipe(STAND_IN), tiny) == ((), None)
    assert LARGEST == 1024
