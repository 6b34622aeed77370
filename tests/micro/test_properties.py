"""The world has what it must have, with a margin; today's world of chains has not."""

import copy
import json
from typing import Any

import pytest

from harness.micro.models import model_dir
from harness.micro.properties import PROPERTIES, missing, table
from harness.micro.sizes import SIZES

CHAINS = {
    # the base model of before 2026-11-27, whose one attempt is as long as its question: accuracy,
    # format and lengths of eval_easy from its manifest (04fc115), the other numbers from lab 0001
    "families": {
        "search": {
            "attempts": 1.0,
            "direct": 0.70,
            "accuracy": 0.27,
            "format": 0.70,
            "reflecting": 0.08,
            "steps_right": 0.92,
            "truncated": 0.0,
        },
    },
    "persistence": {
        "search": [{"right": 0.62, "thinking_tokens": 28}, {"right": 0.62, "thinking_tokens": 28}]
    },
}


def statistics(size: str) -> dict[str, Any]:
    return json.loads((model_dir(size) / "manifest.json").read_text())["base_statistics"]


def test_the_default_model_has_every_property() -> None:
    assert missing(statistics("micro_0_8m")) == []


def test_the_world_of_chains_has_not() -> None:
    assert {"thinking longer pays", "the model guesses", "little is right", "no short cut"} <= set(
        missing(CHAINS)
    )


SPOILED = {
    "thinking longer pays": lambda s: s["persistence"]["search"][-1].update(right=0.85),
    "the model gives up": lambda s: s["families"]["search"].update(attempts=3.5),
    "the model guesses": lambda s: s["families"]["search"].update(direct=0.2),
    "little is right": lambda s: s["families"]["search"].update(accuracy=0.25),
    "the model is sloppy": lambda s: s["families"]["search"].update(format=0.9),
    "reflection is rare": lambda s: s["families"]["orbit"].update(reflecting=0.2),
    "steps are reliable": lambda s: s["families"]["orbit"].update(steps_right=0.98),
    "verdicts are reliable": lambda s: s["families"]["search"].update(verdicts_right=0.98),
    "no short cut": lambda s: s.update(direct=[0.5] * 60),
    "room up to the limit": lambda s: s["families"]["chain"].update(truncated=0.06),
}


@pytest.mark.parametrize("name", [p.name for p in PROPERTIES])
def test_a_world_without_one_property_is_told_so(name: str) -> None:
    found = copy.deepcopy(statistics("micro_0_8m"))
    SPOILED[name](found)
    assert missing(found) == [name]


def test_what_was_not_measured_is_missing() -> None:
    assert len(missing({})) == len(PROPERTIES)
    assert {row[2] for row in table({})} == {"not measured"}


def test_every_size_knows_its_steps() -> None:
    for size in SIZES:
        assert statistics(size)["families"]["search"]["steps_right"] > 0.9
