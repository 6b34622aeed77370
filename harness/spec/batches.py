"""Batch sizes that fit into each other, checked before a cell is launched.

veRL pads a batch that its mini-batches do not divide to a common multiple, silently (a critic
mini-batch of 11 for 128 x 64 would train on 90,112 rows), and stops after the whole start-up when a
micro-batch does not divide what it is given. Neither should happen after minutes of waiting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from harness.schema import UsageError


class Division(NamedTuple):
    """One size that has to divide another; both in rows (responses)."""

    part_key: str
    part: int
    whole_key: str
    whole: int


def divisions(verl: Mapping[str, Any]) -> Iterator[Division]:
    """Yield what has to divide what in a cell's `verl` mapping; a key that is not set is left out.

    With `use_dynamic_bsz` veRL cuts micro-batches by tokens, so only mini-batches are checked.
    """
    # veRL states batches and mini-batches in prompts, micro-batches in responses
    samples = int(_get(verl, "actor_rollout_ref.rollout.n") or 1)
    batch = ("data.train_batch_size", int(_get(verl, "data.train_batch_size") or 0) * samples)
    for model in ("actor_rollout_ref.actor", "critic"):
        mini_key = f"{model}.ppo_mini_batch_size"
        mini = (mini_key, int(_get(verl, mini_key) or 0) * samples)
        yield from _pair(mini, batch)
        if not _get(verl, f"{model}.use_dynamic_bsz"):
            yield from _pair(_rows(verl, f"{model}.ppo_micro_batch_size_per_gpu"), mini)
    if not _get(verl, "actor_rollout_ref.actor.use_dynamic_bsz"):
        for room in ("actor_rollout_ref.ref", "actor_rollout_ref.rollout"):
            yield from _pair(_rows(verl, f"{room}.log_prob_micro_batch_size_per_gpu"), batch)
        yield from _pair(_rows(verl, "critic.forward_micro_batch_size_per_gpu"), batch)


def check_batches(verl: Mapping[str, Any], arm: str) -> None:
    """Refuse batch sizes of which one does not divide the other.

    Raises:
        UsageError: naming the arm, both keys and both numbers of rows.
    """
    for division in divisions(verl):
        if division.whole % division.part:
            raise UsageError(
                f"arm {arm}: verl.{division.part_key} comes to {division.part} rows, which do not"
                f" divide the {division.whole} rows of verl.{division.whole_key}: choose sizes of"
                " which each divides the next"
            )


def _pair(part: tuple[str, int], whole: tuple[str, int]) -> Iterator[Division]:
    if part[1] and whole[1]:
        yield Division(part[0], part[1], whole[0], whole[1])


def _rows(verl: Mapping[str, Any], key: str) -> tuple[str, int]:
    return key, int(_get(verl, key) or 0)


def _get(tree: Mapping[str, Any], dotted: str) -> Any:
    value: Any = tree
    for part in dotted.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value
