"""What the rules of a diagnosis read, and the numbers that they answer with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from harness.metrics.columns import TRAINING


class Step(NamedTuple):
    """What is known of one step.

    Attributes:
        number: from 1; 0 is the evaluation before training.
        values: metric -> finite number.
    """

    number: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a rule must know of a run beside its numbers.

    Attributes:
        updates_per_rollout: of the actor with one batch of responses; None is unknown.
        resumed_from: step of the checkpoint that the record says the run went on from, for steps
            that begin behind it.
    """

    updates_per_rollout: int | None = None
    resumed_from: int | None = None


class Evidence(NamedTuple):
    """A measured number.

    Attributes:
        text: the number and its steps in words.
        metric: that was measured; "" for the numbers of the steps themselves.
        step: the last one that counts.
    """

    text: str
    metric: str
    step: int


def step_of(row: Mapping[str, Any]) -> Step | None:
    """Return what a line of metrics.jsonl says; None if it is none."""
    number, data = row.get("step"), row.get("data")
    if not isinstance(number, int) or not isinstance(data, Mapping):
        return None
    values = {column.name: data[column.path] for column in TRAINING if column.path in data}
    return Step(number, {name: float(v) for name, v in values.items() if _is_finite(v)})


def setting_of(verl: Mapping[str, Any], resumed_from: int | None = None) -> Setting:
    """Return what is set in the `verl` part of a run's nested config; what it lacks is unknown."""
    actor = verl.get("actor_rollout_ref", {}).get("actor", {})
    batch, mini = verl.get("data", {}).get("train_batch_size"), actor.get("ppo_mini_batch_size")
    updates = int(batch // mini * (actor.get("ppo_epochs") or 1)) if batch and mini else None
    return Setting(updates_per_rollout=updates, resumed_from=resumed_from)


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)
