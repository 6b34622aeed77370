"""Small plans on the micro suite, for tests without a model."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from harness.evaluate.definitions import protocol_of, suite_of
from harness.evaluate.plan import Model, Plan, adjusted, load_sets
from harness.evaluate.questions import Set


def small_plan(**changes: Any) -> Plan:
    """Two questions of each of the three sets, two samples each, by the training protocol."""
    suite = suite_of("micro")
    given = {"samples": 2, "questions": 2, "protocol": "training", "response": 0, **changes}
    protocol = protocol_of(given["protocol"])
    return Plan(
        suite=suite,
        protocol=adjusted(protocol, suite, given["samples"], given["response"]),
        sets=_sets(given["questions"]),
        model=Model("fake", Path("nowhere"), given.get("model", "0" * 64)),
        seed=given.get("seed", 1),
        dtype="float32",
        versions={"vllm": "1"},
    )


@cache
def _sets(questions: int) -> tuple[Set, ...]:
    return load_sets(suite_of("micro"), (), Path("nowhere"), questions)
