"""An ablation file, read and checked: its factors, their levels and the control.

Where a question needs other levels at another scale, the file says so by scale (a name or a
pattern), and the first that fits replaces these keys; where it makes no sense, it says why:

    at:
      orz_*: {control: {...}, factors: {...}, steps: 200}
    scales: {only: [orz_*], because: the micro-world has one base model}

Pure functions of the file as a mapping; `harness.spec.matrix` makes cells of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, cast

from harness.cli import suggest
from harness.schema import UsageError

Design = Literal["product", "one_at_a_time"]
DESIGNS = ("product", "one_at_a_time")

_REQUIRED = ("title", "question", "source", "control", "seeds", "steps", "factors")
_OPTIONAL = ("design", "consequences", "primary_metrics", "scales", "at")
_AT = ("control", "factors", "design", "seeds", "steps", "consequences", "primary_metrics")


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
        seeds: of the whole study: how many of the fixed list, or which ones.
        steps: training steps of the whole study.
        consequences: dotted key prefixes that may differ between arms besides the factors' keys.
        has_own_steps: the steps are made for the scale that was asked for, and win over what the
            scale says; else they are made for the micro-world.
        document: the file as read, with what it says of the scale, for verdicts and reports.
    """

    name: str
    factors: Mapping[str, Mapping[str, Level]]
    control: Mapping[str, str]
    design: Design
    seeds: int | tuple[int, ...]
    steps: int
    consequences: tuple[str, ...]
    primary_metrics: tuple[str, ...]
    has_own_steps: bool
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


def read_ablation(name: str, document: Mapping[str, Any], scale: str | None = None) -> Ablation:
    """Check one ablation file.

    Args:
        name: stem of the file.
        document: its content.
        scale: for which it is read; None reads it as written, for every scale.

    Raises:
        UsageError: a key is missing or unknown, a factor has less than two levels, the control
            names no level, two factors set the same key, or the file is not for the scale.
    """
    place = f"ablations/{name}.yaml"
    _check_keys(place, document)
    if scale is not None:
        _check_scale(place, document, scale)
    changes = changes_at(document, scale)
    document = {**document, **changes}
    design = document.get("design", "product")
    if design not in DESIGNS:
        raise UsageError(f"unknown design {design!r} in {place}: {suggest(str(design), DESIGNS)}")
    ablation = Ablation(
        name=name,
        factors=_read_factors(place, document["factors"]),
        control=dict(document["control"]),
        design=cast(Design, design),
        seeds=_seeds(place, document["seeds"]),
        steps=_whole(place, "steps", document["steps"]),
        consequences=tuple(document.get("consequences") or ()),
        primary_metrics=tuple(document.get("primary_metrics") or ()),
        has_own_steps="steps" in changes or "scales" in document,
        document=document,
    )
    _check_control(place, ablation)
    _check_owners(place, ablation)
    return ablation


def scales_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the patterns of the scales at which an ablation makes sense; ("*",) is all."""
    return tuple((document.get("scales") or {}).get("only") or ("*",))


def is_for(document: Mapping[str, Any], scale: str) -> bool:
    """Return whether an ablation makes sense at a scale."""
    return any(fnmatchcase(scale, pattern) for pattern in scales_of(document))


def changes_at(document: Mapping[str, Any], scale: str | None) -> dict[str, Any]:
    """Return the keys of an ablation file that are others at a scale: those of the first match."""
    for pattern, changes in (document.get("at") or {}).items():
        if scale is not None and fnmatchcase(scale, pattern):
            return dict(changes)
    return {}


def _check_scale(place: str, document: Mapping[str, Any], scale: str) -> None:
    if not is_for(document, scale):
        raise UsageError(
            f"{place} is not for scale={scale}: {document['scales']['because']};"
            f" give a scale of {_list(scales_of(document))}"
        )


def _list(words: Sequence[str]) -> str:
    return ", ".join(words)


def _check_keys(place: str, document: Mapping[str, Any]) -> None:
    for key in _REQUIRED:
        if key not in document:
            raise UsageError(f"{place} has no `{key}`: add it")
    for key in document:
        if key not in (*_REQUIRED, *_OPTIONAL):
            hint = suggest(str(key), (*_REQUIRED, *_OPTIONAL))
            raise UsageError(f"{place} has an unknown key `{key}`: {hint}")
    for pattern, changes in (document.get("at") or {}).items():
        for key in changes:
            if key not in _AT:
                hint = suggest(str(key), _AT)
                raise UsageError(f"`at: {pattern}` of {place} has an unknown key `{key}`: {hint}")
    scales = document.get("scales")
    if scales is not None and set(scales) != {"only", "because"}:
        raise UsageError(
            f"`scales` of {place} has the keys {_list(sorted(scales))}: expected `only`, a list of"
            " patterns, and `because`, a reason"
        )


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
            hint = suggest(str(level), list(ablation.factors[factor]))
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


def _seeds(place: str, value: Any) -> int | tuple[int, ...]:
    if isinstance(value, list):
        return tuple(_whole(place, "seeds", seed) for seed in value)
    return _whole(place, "seeds", value)


def _whole(place: str, key: str, value: Any) -> int:
    if not isinstance(value, int) or value < 1:
        raise UsageError(f"{key}={value!r} in {place} is not a whole number from 1: correct it")
    return value
