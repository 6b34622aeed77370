"""What the keys of a request may be: types and ranges, checked before anything is planned.

A key that is not named here keeps the type that it has in the files of `harness/conf`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from harness.cli import Option, place, read_value, real, shown, switch, whole
from harness.schema import UsageError, flatten

_MOST_STEPS = 1_000_000
_SHARE = real(0.0, 1.0)
_POSITIVE = real(above=0.0)

RANGES: dict[str, Option] = {
    "steps": whole(1, _MOST_STEPS),
    "results_dir": place(),
    "dry_run": switch(),
    "verbose": switch(),
    "shadow": switch(),
    "dataset.train_size": whole(),
    "dataset.eval_size": whole(),
    "dataset.seed": whole(0),
    "launcher.cells_at_once": whole(1, 1024),
    "launcher.limits.*_bytes": whole(0, 2**62),
    "launcher.limits.*_s": _POSITIVE,
    "launcher.budget_gpu_hours": _POSITIVE,
    "launcher.cpus": _POSITIVE,
    "launcher.memory_gib": _POSITIVE,
    "launcher.resources.*": _POSITIVE,
    "launcher.wait": switch(),
    "launcher.poll_s": _POSITIVE,
    "launcher.retries": whole(0),
    "launcher.nodes": whole(),
    "launcher.gpus_per_node": whole(),
    "launcher.stop_before_s": real(0.0),
    "verl.data.*_batch_size": whole(),
    "verl.data.max_*_length": whole(),
    "verl.data.dataloader_num_workers": whole(0, 1024),
    "verl.reward.num_workers": whole(1, 1024),
    "verl.*.ppo_mini_batch_size": whole(),
    "verl.*_micro_batch_size_per_gpu": whole(),
    "verl.*.ppo_epochs": whole(),
    "verl.*.ppo_max_token_len_per_gpu": whole(),
    "verl.*.optim.lr": real(0.0),
    "verl.*.optim.clip_grad": _POSITIVE,
    "verl.*.clip_ratio*": real(0.0),
    "verl.actor_rollout_ref.rollout.n": whole(1, 100_000),
    "verl.actor_rollout_ref.rollout.val_kwargs.n": whole(1, 100_000),
    "verl.actor_rollout_ref.rollout.max_model_len": whole(),
    "verl.actor_rollout_ref.rollout.max_num_*": whole(),
    "verl.actor_rollout_ref.rollout.*temperature": real(0.0),
    "verl.actor_rollout_ref.rollout.*top_p": real(above=0.0, most=1.0),
    "verl.actor_rollout_ref.rollout.*top_k": whole(-1),
    "verl.actor_rollout_ref.rollout.gpu_memory_utilization": real(above=0.0, most=1.0),
    "verl.actor_rollout_ref.rollout.*_parallel_size": whole(),
    "verl.algorithm.gamma": _SHARE,
    "verl.algorithm.lam": _SHARE,
    "verl.trainer.total_*": whole(),
    "verl.trainer.test_freq": whole(-1),
    "verl.trainer.save_freq": whole(-1),
    "verl.trainer.critic_warmup": whole(0),
    "verl.trainer.nnodes": whole(),
    "verl.trainer.n_gpus_per_node": whole(),
}
"""Key, or pattern of keys, -> what its value may be where it has one."""

_FROM_ELSEWHERE = ("dataset.name", "model.name", "evaluation.name", "reward.name")
"""Said by the file of a group: another value would contradict all else that the file says."""


def check_numbers(text: str, value: Any) -> None:
    """Refuse a number that no file of numbers can hold, wherever it stands in a value.

    Args:
        text: the override.
        value: what Hydra read of it.

    Raises:
        UsageError: an integer beyond 64 bits, infinity, or not a number.
    """
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            check_numbers(text, item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{shown(text)} is no finite number: correct it")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise UsageError(f"{shown(text)} is a number beyond 64 bits: correct it")


def check_types(changes: Sequence[tuple[str, Any]], tree: Mapping[str, Any]) -> None:
    """Refuse overrides of another type than the key has in the files.

    Args:
        changes: dotted keys and their new values.
        tree: the config without them.

    Raises:
        UsageError: naming the first.
    """
    for key, value in changes:
        if key in _FROM_ELSEWHERE:
            group = key.partition(".")[0]
            raise UsageError(f"{key} follows from {group}=: give {group}=<name>, and leave {key}")
        before = _value_of(tree, key)
        found, expected = _type_of(value), _type_of(before)
        # a number may be written where a text is expected
        is_same = found == expected or (found, expected) == ("a number", "a text")
        # its value is known, and its range looked at, once all is composed
        is_free = before in (None, ...) and value is not None
        is_free |= isinstance(value, str) and "${" in value
        # null unsets a key of veRL, or a variable
        may_be_unset = key.startswith(("verl.", "environment.")) and not any(_options(key))
        is_unset = value is None and may_be_unset
        if not (is_same or is_unset or is_free):
            raise UsageError(f"{key}={shown(_written(value))} cannot be: expected {expected}")


def check_ranges(tree: Mapping[str, Any], above: str = "") -> None:
    """Refuse values out of range.

    Args:
        tree: a config, or a part of one.
        above: keys above it, with a dot at the end.

    Raises:
        UsageError: naming the first.
    """
    for key, value in flatten(tree):
        for option in _options(above + key) if value is not None else ():
            read_value(above + key, _written(value), option)


def _options(key: str) -> Iterator[Option]:
    return (option for pattern, option in RANGES.items() if fnmatchcase(key, pattern))


def _written(value: Any) -> str:
    """Return a value as it is written on a command line."""
    return (
        str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
    )


def _value_of(tree: Mapping[str, Any], key: str) -> Any:
    """Return a value; of a key that is not there `...`, since null is a value."""
    node: Any = tree
    for part in key.split("."):
        node = node.get(part, ...) if isinstance(node, Mapping) else ...
    return node


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return "a text" if isinstance(value, str) else "a value"
