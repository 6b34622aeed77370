from dataclasses import replace

import pytest

from harness.plan.hardware import read_gpu
from harness.plan.lengths import Lengths
from harness.plan.recipe import read_recipe
from harness.plan.steps import Efficiency, Load, Work, concurrency, step_seconds, step_work
from tests.plan.stand_in import STAND_IN, stand_in

HALF = Efficiency(compute=0.5, memory=0.5, turn_s=0.01)


def load(mean: float = 1500.0, gpus: int | None = None) -> Load:
    return Load(
        recipe=read_recipe(STAND_IN, gpus),
        gpu=read_gpu("h800"),
        lengths=Lengths(mean, 8192),
        prompt_tokens=200.0,
        at_once=128.0,
    )


def work(which: Load, part: str) -> Work:
    return next(item for item in step_work(which) if item.part == part)


def test_operations_of_training_by_hand() -> None:
    here = load()
    model = here.recipe.model
    tokens = 8192 * 1700.0
    squares = 8192 * (200**2 + 2 * 200 * 1500 + here.lengths.second_moment)
    forward = 2 * model.multiplied * tokens + 2 * 28 * 3584 * squares
    assert work(here, "actor update").operations == pytest.approx(4 * forward)
    assert work(here, "old log-probs").operations == pytest.approx(forward)
    assert work(here, "actor update").compute_s == pytest.approx(4 * forward / 64 / 989e12)


def test_generation_by_hand() -> None:
    here = load()
    item = work(here, "generation")
    # 128 responses per engine, all at once: the turns of the last of 8,192
    assert item.turns == pytest.approx(here.lengths.any_active(8192))
    context = 128 * (200 * 1500 + here.lengths.second_moment / 2)
    read = item.turns * 2 * here.recipe.model.parameters + context * 57344
    assert item.memory_s == pytest.approx(read / 3.35e12)


def test_an_engine_with_fewer_places_takes_more_turns() -> None:
    few = replace(load(), at_once=32.0)
    waiting = (128 - 32) * 1500 / 32
    assert work(few, "generation").turns == pytest.approx(waiting + few.lengths.any_active(32 * 64))


def test_seconds_are_the_sum_of_the_roofs_or_the_transfer() -> None:
    item = Work(part="x", operations=0, compute_s=1.0, memory_s=2.0, turns=100, transfer_s=3.0)
    assert item.seconds(HALF) == pytest.approx(2 + 4 + 1)
    assert replace(item, transfer_s=9.0).seconds(HALF) == 9.0


def test_a_step_takes_longer_with_longer_responses_and_shorter_on_more_gpus() -> None:
    def whole(which: Load) -> float:
        return sum(step_seconds(which, HALF).values())

    assert whole(load(500)) < whole(load(1500)) < whole(load(5000))
    assert whole(load(gpus=128)) < whole(load(gpus=64)) < whole(load(gpus=32))


def test_only_what_a_cell_does_takes_time() -> None:
    parts = step_seconds(load(), HALF)
    assert "reference log-probs" not in parts
    assert {"values", "critic update", "evaluation"} <= parts.keys()
    plain = replace(load(), recipe=read_recipe(stand_in(critic={"enable": False})))
    assert not {"values", "critic update"} & step_seconds(plain, HALF).keys()


def test_sequences_at_once_are_limited_by_setting_and_cache() -> None:
    recipe = read_recipe(STAND_IN)
    assert concurrency(recipe, 1e9, 200, 1500) == 128
    assert concurrency(recipe, 9500, 200, 1500) == 10
    assert concurrency(recipe, 10, 200, 1500) == 1
