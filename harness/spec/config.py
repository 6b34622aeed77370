"""Composes the configs of a request: Hydra's groups, the ablation files, and one config per arm.

Hydra and OmegaConf stay in here and in the command lines: what leaves is plain mappings.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from harness.cli import shown
from harness.paths import ABLATIONS, CONF
from harness.schema import UsageError
from harness.spec import shadow
from harness.spec.choices import CONFIG_NAME, ROOT_KEYS, ablation_files, group_choices
from harness.spec.values import check_numbers, check_ranges, check_types

MICRO = "micro"
SHADOW_LIST = CONF / "shadow.yaml"
CELL_KEYS = ("verl", "reward", "dataset", "model", "evaluation", "environment")
"""Root keys that make a cell's config; the others say which cells, where and how."""

# a level of an ablation can say "an eighth of the batch" at every scale
OmegaConf.register_new_resolver("quotient", lambda whole, part: whole // part, replace=True)
OmegaConf.register_new_resolver("product", lambda left, right: left * right, replace=True)
OmegaConf.register_new_resolver("equal", lambda left, right: left == right, replace=True)
OmegaConf.register_new_resolver("unequal", lambda left, right: left != right, replace=True)


class Change(NamedTuple):
    """One override: a config group or a dotted key, and what it becomes."""

    name: str
    is_group: bool
    is_added: bool
    value: Any
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a command line asks for.

    Attributes:
        ablation: name of the ablation file.
        scale: name of the scale; that of a shadow begins with `harness.spec.shadow.SCALE_PREFIX`.
        seeds: number of seeds, a list of seeds, or None for the ablation's own number.
        steps: training steps, or None for those of the whole study.
        scale_steps: training steps of the whole study at this scale, or None for the ablation's.
        levels: level names to keep, or None for all.
        results_dir: as given; relative to the working directory.
        dry_run: print and launch nothing.
        verbose: print the commands in full.
        launcher: the launcher's settings.
        overrides: of the command line, as given.
        changes: the overrides, read.
        added_keys: dotted verl keys that verl accepts beside those of its generated config.
    """

    ablation: str
    scale: str
    seeds: int | tuple[int, ...] | None
    steps: int | None
    scale_steps: int | None
    levels: tuple[str, ...] | None
    results_dir: Path
    dry_run: bool
    verbose: bool
    launcher: Mapping[str, Any]
    overrides: tuple[str, ...]
    changes: tuple[Change, ...]
    added_keys: tuple[str, ...]


def register_ablations(directory: Path = ABLATIONS) -> None:
    """Make every ablation file a choice of the Hydra group `ablation`."""
    store = ConfigStore.instance()
    for name in ablation_files(directory):
        store.store(group="ablation", name=name, node={"ablation": name}, package="_global_")


@contextmanager
def session() -> Iterator[None]:
    """Let this module compose outside a Hydra application, for tests and other command lines."""
    register_ablations()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield


def read_overrides(overrides: Sequence[str]) -> tuple[Change, ...]:
    """Read overrides in Hydra's grammar.

    Raises:
        UsageError: one is not of the form `key=value`.
    """
    groups = group_choices()
    changes: list[Change] = []
    for text in overrides:
        try:
            (override,) = OverridesParser.create().parse_overrides([text])
        except Exception as error:
            raise UsageError(_misread(text, error)) from error
        if override.is_delete():
            raise UsageError(f"{text!r} removes a key: set the key to another value, or to null")
        name = override.key_or_group
        is_added = override.is_add() or override.is_force_add()
        check_numbers(text, override.value())
        changes.append(Change(name, name in groups, is_added, override.value(), text))
    return tuple(changes)


def _misread(text: str, error: Exception) -> str:
    first = next(iter(str(error).splitlines()), type(error).__name__)
    if "Lexer" in f"{first}{type(error.__cause__).__name__}":
        key, _, value = text.partition("=")
        first = f"letters beyond a-z and signs are put in quotes, as {key}=\"'{value[:40]}'\""
    return f"{shown(text)} is not of the form key=value: {first}"


def read_request(overrides: Sequence[str]) -> Request:
    """Compose the command line and return what it asks for, as plain data.

    Needs a Hydra application or a `session` around it.

    Raises:
        UsageError: a root key has a value of the wrong kind.
    """
    changes = read_overrides(overrides)
    groups = tuple(change.text for change in changes if change.is_group)
    keys = [(change.name, change.value) for change in changes if not change.is_group]
    check_types(keys, plain(composed(groups)))
    tree = _shadowed_or_not(plain(composed(tuple(overrides))))
    check_ranges({key: tree[key] for key in (*ROOT_KEYS, "launcher")})
    seeds = _whole_or_list("seeds", tree["seeds"])
    levels = tree["levels"]
    return Request(
        ablation=tree["ablation"],
        scale=tree["scale"],
        seeds=seeds,
        steps=tree["steps"],
        scale_steps=tree["recipe"]["steps"],
        levels=None if levels is None else _names("levels", levels),
        results_dir=Path(str(tree["results_dir"])),
        dry_run=tree["dry_run"],
        verbose=tree["verbose"],
        launcher=tree["launcher"],
        overrides=tuple(overrides),
        changes=changes,
        added_keys=tuple(tree["verl_added_keys"]),
    )


def arm_config(
    overrides: Sequence[str], choose: Mapping[str, str], settings: Mapping[str, Any], steps: int
) -> dict[str, Any]:
    """Return the resolved config of one arm, without seeds.

    The groups that the arm chooses win over the overrides; `settings`, dotted keys, are set last.
    """
    config = _arm_tree(overrides, choose, {**settings, "verl.trainer.total_training_steps": steps})
    return _cell_part(_shadowed_or_not(plain(config)))


def replaced_keys(
    overrides: Sequence[str], choose: Mapping[str, str], settings: Mapping[str, Any]
) -> list[shadow.Replacement]:
    """Return the keys that a shadow replaces in one arm (see `arm_config`); none without one."""
    recipe = plain(_arm_tree(overrides, choose, settings))
    made, keys = _shadowed_or_not(recipe), (*CELL_KEYS, "launcher", "steps", "seeds")
    return shadow.replacements({k: recipe[k] for k in keys}, {k: made[k] for k in keys})


def composed(overrides: tuple[str, ...]) -> DictConfig:
    """Return the tree of a command line, as Hydra composes it. Needs a session around it.

    Hydra reads and merges a dozen files each time (0.1 s). Overrides of `ROOT_KEYS` are set on a
    copy of what the others make (0.01 s); a sweep among them goes to Hydra, which refuses it.
    """
    of_root = [text for text in overrides if text.partition("=")[0] in ROOT_KEYS]
    config = _composed_files(tuple(text for text in overrides if text not in of_root))
    if not of_root:
        return config
    parsed = OverridesParser.create().parse_overrides(of_root)
    if any(override.is_sweep_override() for override in parsed):
        return _composed_files(overrides)
    config = copy.deepcopy(config)
    for override in parsed:
        OmegaConf.update(config, override.key_or_group, override.value(), merge=False)
    return config


@lru_cache(maxsize=512)
def _composed_files(overrides: tuple[str, ...]) -> DictConfig:
    return compose(CONFIG_NAME, overrides=list(overrides))


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a tree as a mapping, every interpolation resolved."""
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


def composed_tree(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the resolved config of a command line. Needs a `session` around it."""
    return plain(composed(tuple(overrides)))


def composed_keys(groups: Sequence[str]) -> frozenset[str]:
    """Return every dotted key, leaf or not, of the config that overrides of groups make.

    Needs a `session` around it.
    """
    config = composed(tuple(groups))
    tree = cast(dict[str, Any], OmegaConf.to_container(config, resolve=False))
    return frozenset(_all_keys(tree))


def without_unused(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cell's config without the settings of a critic that it does not have.

    So a change of the critic leaves the id of a cell without one as it was.
    """
    verl = dict(config["verl"])
    if verl.get("critic", {}).get("enable") is False:
        verl["critic"] = {"enable": False}
    return {**config, "verl": verl}


def _arm_tree(
    overrides: Sequence[str], choose: Mapping[str, str], settings: Mapping[str, Any]
) -> DictConfig:
    chosen = [f"{group}={name}" for group, name in choose.items()]
    kept = [text for text in overrides if text.partition("=")[0] not in choose]
    # what is composed is cached and shared
    config = copy.deepcopy(composed((*kept, *chosen)))
    # a level may set a key that no file has
    OmegaConf.set_struct(config, False)
    for key, value in settings.items():
        OmegaConf.update(config, key, value, force_add=True)
    return config


def _cell_part(tree: Mapping[str, Any]) -> dict[str, Any]:
    part = {key: tree[key] for key in CELL_KEYS}
    # the mark that a shadow bears, not the `shadow: false` of the command line
    mark = tree[shadow.MARK]
    return {**part, shadow.MARK: mark} if isinstance(mark, Mapping) else part


def _shadowed_or_not(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a composed config as it is, or its shadow if it asks for one."""
    if not tree[shadow.MARK]:
        return tree
    if tree["scale"] == MICRO:
        raise UsageError("shadow=true is for the scales of the paper: scale=micro runs as it is")
    replaced = shadow.read_list(SHADOW_LIST)
    micro = plain(composed((f"ablation={tree['ablation']}", f"scale={MICRO}")))
    made = shadow.shadow_of(tree, micro, replaced)
    for key, value in replaced.request.items():
        if made[key] is None:
            made[key] = value
    return made


def _all_keys(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _all_keys(value, f"{prefix}{key}.")


def _whole_or_list(key: str, value: Any) -> int | tuple[int, ...] | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, list) and all(type(item) is int for item in value):
        return tuple(value)
    raise UsageError(f"{key}={value!r} is neither a number nor a list of numbers: correct it")


def _names(key: str, value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    # a level may be called 0.5 or 128
    if not items or any(isinstance(i, bool) or not isinstance(i, str | int | float) for i in items):
        raise UsageError(f"{key}={value!r} is no list of names: write {key}=[<name>,<name>]")
    return tuple(map(str, items))
