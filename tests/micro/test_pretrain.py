"""A short prefix of pre-training, rebuilt from the seed."""

import json
from typing import Any

import pytest

from harness.micro.models import model_dir
from harness.micro.sizes import SIZES
from harness.micro.training import Schedule, build_model, rate_of_step, train

pytestmark = pytest.mark.engine

SMALLEST = "micro_0_3m"
REBUILT_STEPS = 10
RELATIVE_TOLERANCE = 1e-3
"""Sums are ordered differently on other CPUs; ten steps amplify that to about 1e-4."""


def manifest() -> dict[str, Any]:
    return json.loads((model_dir(SMALLEST) / "manifest.json").read_text())


def rebuilt_losses(seed: int) -> list[float]:
    from harness.micro.tokenizer import build_tokenizer

    tokenizer = build_tokenizer()
    model = build_model(SMALLEST, len(tokenizer), tokenizer.eos_token_id, seed)
    steps = manifest()["steps"]
    schedule = Schedule(steps, SIZES[SMALLEST].peak_rate)
    return train(model, tokenizer, schedule=schedule, seed=seed, stop_after=REBUILT_STEPS)


def test_first_losses_are_the_recorded_ones() -> None:
    recorded = manifest()["first_losses"][:REBUILT_STEPS]
    assert rebuilt_losses(manifest()["seed"]) == pytest.approx(recorded, rel=RELATIVE_TOLERANCE)


def test_another_seed_gives_other_losses() -> None:
    recorded = manifest()["first_losses"][:REBUILT_STEPS]
    assert rebuilt_losses(manifest()["seed"] + 1) != pytest.approx(recorded, rel=RELATIVE_TOLERANCE)


def test_rate_warms_up_and_falls() -> None:
    rates = [rate_of_step(step, Schedule(1000, 3e-3)) for step in range(1000)]
    assert rates[0] < rates[10] < max(rates)
    assert rates[-1] < 0.02 * max(rates)
