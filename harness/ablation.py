"""An ablation file, read and checked: its factors, their levels and the control.

Pure functions of the file as a mapping; `harness.matrix` makes cells of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from harness.names import near
from harness.schema import UsageError

Design = Literal["product", "one_at_a_time"]
DESIGNS = ("product", "one_at_a_time")

_REQUIRED = ("title", "question", "source", "control", "seeds", "steps", "factors")
_OPTIONAL = ("design", "consequences", "primary_metrics", "rule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What one level of a factor changes.

    Attributes:
        choose: config group -> choice.
        settings: dotted config key -> value.
    """

    choose: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """One ablation file, checked.

    Attributes:
        name: stem of the file.
        factors: factor -> level name -> level, in file order.
        control: factor -> level of the arm that the others are compared with.
        seeds: number of seeds of the whole study.
        steps: training steps of the whole study.
        consequences: dotted key prefixes that may differ between arms besides the factors' keys.
        document: the file as read, for verdicts and reports.
    """

    name: str
    factors: Mapping[str, Mapping[str, Level]]
    control: Mapping[str, str]
    design: Design
    seeds: int
    steps: int
    consequences: tuple[str, ...]
    primary_metrics: tuple[str, ...]
    document: Mapping[str, Any]

    @property
    def factor_keys(self) -> frozenset[str]:
        """Dotted keys that some level of some factor sets."""
        levels = itertools.chain.from_iterable(f.values() for f in self.factors.values())
        return frozenset(key for level in levels for key in level.settings)

    @property
    def chosen_groups(self) -> frozenset[str]:
        """Config groups that some level of some factor chooses."""
        levels = itertools.chain.from_iterable(f.values() for f in self.factors.values())
        return frozenset(group for level in levels for group in level.choose)


def read_ablation(name: str, document: Mapping[str, Any]) -> Ablation:
    """Check one ablation file.

    Raises:
        UsageError: a key is missing or unknown, a factor has less than two levels, the control
            names no level, or two factors set the same key.
    """
    place = f"ablations/{name}.yaml"
    _check_keys(place, document)
    design = document.get("design", "product")
    if design not in DESIGNS:
        raise UsageError(f"unknown design {design!r} in {place}: {near(str(design), DESIGNS)}")
    ablation = Ablation(
        name=name,
        factors=_read_factors(place, document["factors"]),
        control=dict(document["control"]),
        design=cast(Design, design),
        seeds=_whole(place, "seeds", document["seeds"]),
        steps=_whole(place, "steps", document["steps"]),
        consequences=tuple(document.get("consequences") or ()),
        primary_metrics=tuple(document.get("primary_metrics") or ()),
        document=document,
    )
    _check_control(place, ablation)
    _check_owners(place, ablation)
    return ablation


def _list(words: Sequence[str]) -> str:
    return ", ".join(words)


def _check_keys(place: str, document: Mapping[str, Any]) -> None:
    for key in _REQUIRED:
        if key not in document:
            raise UsageError(f"{place} has no `{key}`: add it")
    for key in document:
        if key not in (*_REQUIRED, *_OPTIONAL):
            hint = near(str(key), (*_REQUIRED, *_OPTIONAL))
            raise UsageError(f"{place} has an unknown key `{key}`: {hint}")


def _read_factors(place: str, factors: Mapping[str, Any]) -> dict[str, dict[str, Level]]:
    result: dict[str, dict[str, Level]] = {}
    for factor, levels in factors.items():
        if len(levels) < 2:
            raise UsageError(f"factor {factor} of {place} has {len(levels)} level(s): give two")
        result[factor] = {}
        for name, changes in levels.items():
            unknown = set(changes) - {"choose", "set"}
            if unknown:
                raise UsageError(
                    f"level {factor}={name} of {place} has an unknown key {min(unknown)!r}:"
                    " expected `choose` or `set`"
                )
            result[factor][str(name)] = Level(
                choose=changes.get("choose") or {}, settings=changes.get("set") or {}
            )
    return result


def _check_control(place: str, ablation: Ablation) -> None:
    if set(ablation.control) != set(ablation.factors):
        raise UsageError(
            f"control of {place} names {_list(sorted(ablation.control))}: name one level of each"
            f" factor ({_list(list(ablation.factors))})"
        )
    for factor, level in ablation.control.items():
        if level not in ablation.factors[factor]:
            hint = near(str(level), list(ablation.factors[factor]))
            raise UsageError(f"unknown level {level!r} in the control of {place}: {hint}")


def _check_owners(place: str, ablation: Ablation) -> None:
    owners: dict[str, str] = {}
    for factor, levels in ablation.factors.items():
        for level in levels.values():
            for key in (*level.settings, *level.choose):
                if owners.setdefault(key, factor) != factor:
                    raise UsageError(
                        f"{key} is changed by two factors of {place}, {owners[key]} and {factor}:"
                        " leave it to one"
                    )


def _whole(place: str, key: str, value: Any) -> int:
    if not isinstance(value, int) or value < 1:
        raise UsageError(f"{key}={value!r} in {place} is not a whole number from 1: correct it")
    return value
