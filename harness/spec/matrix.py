"""Factors, levels and seeds become cells; a comparison that is not controlled is refused here.

Pure functions of mappings: ablations as read by `harness.spec.ablation`, configs as nested
mappings.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from harness.cli import suggest
from harness.schema import CellSpec, Inputs, UsageError, computed_items
from harness.spec.ablation import Ablation
from harness.spec.seeds import SEEDS, seed_environment, verl_seed_keys

ABSENT = "(absent)"
"""Stands for the value of a key that an arm does not have; null is a value."""


class Arm(NamedTuple):
    """One combination of levels, with everything that it changes."""

    levels: Mapping[str, str]
    choose: Mapping[str, str]
    settings: Mapping[str, Any]


class Difference(NamedTuple):
    """A config key whose value is not the same in all arms: arm name -> value, or `ABSENT`."""

    key: str
    values: Mapping[str, Any]


def arms_of(ablation: Ablation, only: Sequence[str] | None = None) -> list[Arm]:
    """Return the arms, the control first.

    Args:
        ablation: what to expand, by product or one factor at a time around the control.
        only: level names ("loss" or "kl:loss"); an arm stays if each of its levels is named, or
            belongs to a factor of which no level is named. None keeps all.

    Raises:
        UsageError: `only` names a level that there is not.
    """
    factors = list(ablation.factors)
    combinations = [
        dict(zip(factors, levels, strict=True))
        for levels in itertools.product(*(ablation.factors[f] for f in factors))
    ]
    if ablation.design == "one_at_a_time":
        combinations = [c for c in combinations if _distance(c, ablation.control) <= 1]
    combinations.sort(key=lambda c: _distance(c, ablation.control) > 0)
    kept = _named_levels(ablation, only)
    return [
        _make_arm(ablation, c)
        for c in combinations
        if all(c[factor] in names for factor, names in kept.items())
    ]


def select_seeds(
    request: int | Sequence[int] | None, default: int | Sequence[int]
) -> tuple[int, ...]:
    """Return the training seeds of a request: the first N of the list, or the named ones.

    Args:
        request: what the command line asks for; None takes the ablation's.
        default: what the ablation asks for.

    Raises:
        UsageError: none, too many, repeated, or not in the list.
    """
    wanted = default if request is None else request
    if isinstance(wanted, int):
        if not 1 <= wanted <= len(SEEDS):
            raise UsageError(f"seeds={wanted} makes no run: give 1 to {len(SEEDS)}, or a list")
        return SEEDS[:wanted]
    seeds = tuple(wanted)
    unknown = [seed for seed in seeds if seed not in SEEDS]
    if not seeds or unknown or len(set(seeds)) != len(seeds):
        written = ",".join(map(str, seeds))
        raise UsageError(
            f"seeds=[{written}] is not a list of different seeds from 1 to {len(SEEDS)}: correct it"
        )
    return seeds


def check_overrides(
    ablation: Ablation, keys: Sequence[str], groups: Sequence[str], differing: Sequence[str]
) -> None:
    """Refuse a command line that decides what the ablation decides.

    Args:
        ablation: the ablation that is asked for.
        keys: dotted keys of the command line.
        groups: config groups of the command line.
        differing: dotted keys that differ between the arms without the command line's keys.

    Raises:
        UsageError: an override touches a factor.
    """
    place = f"ablations/{ablation.name}.yaml"
    for group in groups:
        if group in ablation.chosen_groups:
            raise UsageError(
                f"override {group}= touches a factor of {place}, which chooses {group} itself:"
                " drop it, or write another ablation file"
            )
    for key in keys:
        touched = [k for k in (*ablation.factor_keys, *differing) if _related(key, k)]
        if touched:
            raise UsageError(
                f"override {key} touches a factor of {place}, whose arms differ in"
                f" {min(touched)}: drop it, or write another ablation file"
            )


def build_cells(
    ablation: Ablation,
    scale: str,
    configs: Sequence[tuple[Arm, Mapping[str, Any]]],
    seeds: Sequence[int],
    inputs_of: Callable[[Mapping[str, Any]], Inputs],
) -> list[CellSpec]:
    """Return the cells, seed by seed, so that an interrupted study holds whole comparisons.

    Args:
        ablation: what is compared.
        scale: name of the scale.
        configs: the arms with their resolved configs, without seeds.
        seeds: the training seeds.
        inputs_of: content hashes of what a config refers to.

    Raises:
        UsageError: a config is inconsistent, an undeclared key differs between two arms, or two
            cells are the same work.
    """
    for _, config in configs:
        check_config(config)
    check_declared(ablation, configs)
    inputs = [inputs_of(config) for _, config in configs]
    cells = [
        CellSpec(
            scale=scale,
            ablation=ablation.name,
            levels=arm.levels,
            seed=seed,
            config=with_seed(config, seed),
            inputs=arm_inputs,
        )
        for seed in seeds
        for (arm, config), arm_inputs in zip(configs, inputs, strict=True)
    ]
    _check_distinct(ablation, cells)
    return cells


def with_seed(config: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return a config with every seed key and variable set; the critic's only if there is one."""
    has_critic = config["verl"].get("critic", {}).get("enable", True)
    result = dict(config)
    result["environment"] = {**config.get("environment", {}), **seed_environment(seed)}
    for key, value in verl_seed_keys(seed).items():
        if has_critic or not key.startswith("critic."):
            result = _with_key(result, ["verl", *key.split(".")], value)
    return result


def differences(configs: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Difference]:
    """Return the keys in which named configs differ, in order of first appearance."""
    return differing_keys({name: dict(computed_items(config)) for name, config in configs})


def differing_keys(flat: Mapping[str, Mapping[str, Any]]) -> list[Difference]:
    """Return the keys in which named flattened configs differ, in order of first appearance."""
    keys = dict.fromkeys(itertools.chain.from_iterable(flat.values()))
    found = []
    for key in keys:
        values = {name: items.get(key, ABSENT) for name, items in flat.items()}
        first = next(iter(values.values()))
        if any(value != first for value in values.values()):
            found.append(Difference(key, values))
    return found


def check_declared(ablation: Ablation, configs: Sequence[tuple[Arm, Mapping[str, Any]]]) -> None:
    """Refuse arms that differ in a key that neither a factor nor a consequence declares.

    Raises:
        UsageError: naming the key and two of its values.
    """
    named = [(arm_name(arm.levels), config) for arm, config in configs]
    for difference in differences(named):
        # a shadow's mark repeats what its recipe was, and nothing computes with it
        declared = difference.key in ablation.factor_keys or any(
            _below(difference.key, prefix) for prefix in (*ablation.consequences, "shadow")
        )
        if not declared:
            (arm, value), *others = difference.values.items()
            other, different = next(pair for pair in others if pair[1] != value)
            raise UsageError(
                f"undeclared difference between arms of ablations/{ablation.name}.yaml:"
                f" {difference.key} is {value!r} in {arm} and {different!r} in {other};"
                " name it under consequences, or make it equal"
            )


def check_config(config: Mapping[str, Any]) -> None:
    """Refuse sizes that veRL would silently pad, and a request longer than the model's window.

    Raises:
        UsageError: a mini-batch does not divide the batch, or the window is too small.
    """
    verl = config["verl"]
    batch = verl["data"]["train_batch_size"]
    actor_rollout_ref = verl["actor_rollout_ref"]
    parts = {"actor_rollout_ref.actor": actor_rollout_ref["actor"], "critic": verl["critic"]}
    for place, part in parts.items():
        size = part.get("ppo_mini_batch_size")
        if size is not None and batch % size:
            raise UsageError(
                f"verl.{place}.ppo_mini_batch_size={size} does not divide"
                f" verl.data.train_batch_size={batch}, and veRL would pad the batch: choose a"
                " divisor"
            )
    window = actor_rollout_ref["rollout"].get("max_model_len")
    needed = verl["data"]["max_prompt_length"] + verl["data"]["max_response_length"]
    if window is not None and window < needed:
        raise UsageError(
            f"verl.actor_rollout_ref.rollout.max_model_len={window} is less than prompt and"
            f" response need ({needed}): raise it"
        )


def arm_name(levels: Mapping[str, str]) -> str:
    """Return the name of an arm, as `CellSpec.arm`."""
    return ",".join(f"{factor}={level}" for factor, level in levels.items())


def _distance(levels: Mapping[str, str], control: Mapping[str, str]) -> int:
    return sum(levels[factor] != control[factor] for factor in control)


def _named_levels(ablation: Ablation, only: Sequence[str] | None) -> dict[str, set[str]]:
    kept: dict[str, set[str]] = {}
    for word in only or ():
        factor, _, level = word.rpartition(":")
        owners = [
            name
            for name, levels in ablation.factors.items()
            if level in levels and factor in ("", name)
        ]
        if len(owners) != 1:
            names = [f"{f}:{name}" for f, levels in ablation.factors.items() for name in levels]
            raise UsageError(
                f"unknown level {word!r} of ablations/{ablation.name}.yaml: {suggest(word, names)}"
            )
        kept.setdefault(owners[0], set()).add(level)
    return kept


def _make_arm(ablation: Ablation, levels: Mapping[str, str]) -> Arm:
    chosen = [ablation.factors[factor][level] for factor, level in levels.items()]
    return Arm(
        levels=levels,
        choose={group: name for level in chosen for group, name in level.choose.items()},
        settings={key: value for level in chosen for key, value in level.settings.items()},
    )


def _check_distinct(ablation: Ablation, cells: Sequence[CellSpec]) -> None:
    seen: dict[str, CellSpec] = {}
    for cell in cells:
        other = seen.setdefault(cell.cell_id, cell)
        if other is not cell:
            raise UsageError(
                f"two cells of ablations/{ablation.name}.yaml are the same work: {other.arm} and"
                f" {cell.arm} at seed {cell.seed}; let their levels differ"
            )


def _with_key(tree: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    head, *rest = path
    changed = _with_key(tree.get(head, {}), rest, value) if rest else value
    return {**tree, head: changed}


def _below(key: str, prefix: str) -> bool:
    return key == prefix or key.startswith(f"{prefix}.")


def _related(key: str, other: str) -> bool:
    return _below(key, other) or _below(other, key)
