"""A full recipe in miniature: weights, data and hardware-bound keys replaced, all else as it is.

What is replaced stands in one list, `harness/conf/shadow.yaml`. Pure functions of mappings: the
recipe and the micro-world come composed, and a new mapping goes out. A shadow is never a result: it
has its own scale name (`SCALE_PREFIX`), so its runs lie apart and no rule of a claim speaks of it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, model_validator

from harness.schema import UsageError, flatten
from harness.typed import Form, Many, read_form

SCALE_PREFIX = "shadow_"
"""Begins the name of the scale of every shadow."""

MARK = "shadow"
"""Key of a shadow's config that says of what it is one; so no id of it is that of a result."""

ABSENT = "(absent)"
"""Stands for the value of a key that one side does not have; null is a value."""

_MISSING = object()


class Replacement(NamedTuple):
    """A key that a shadow changed, with the recipe's value and its own."""

    key: str
    recipe: Any
    shadow: Any


class Division(Form):
    """By what a value is divided, and what stands where the recipe has null."""

    by: int
    of_null: int | None = None


class ShadowList(Form):
    """What a shadow replaces.

    Attributes:
        micro: dotted keys that take the micro-world's value, or lose theirs if it has none; for a
            mapping this holds for all below it.
        divided: dotted key -> how.
        fixed: dotted key -> value.
        request: "steps" and "seeds" of a command line that names none.
    """

    micro: Many[str]
    divided: Mapping[str, Division]
    fixed: Mapping[str, Any] = Field(alias="set")
    request: Mapping[Literal["steps", "seeds"], int]

    @model_validator(mode="after")
    def _check_keys(self) -> ShadowList:
        twice = sorted(set(self.divided) & set(self.fixed))
        if twice:
            raise ValueError(f"both divides and sets {twice[0]}: leave one of them")
        return self


def read_list(path: Path) -> ShadowList:
    """Read the list; `UsageError` if a part is missing, unknown, or at odds with another."""
    return read_form(ShadowList, path, place=path.name, wrong=UsageError)


def shadow_of(
    recipe: Mapping[str, Any], micro: Mapping[str, Any], replaced: ShadowList
) -> dict[str, Any]:
    """Return the shadow of a config; neither argument is changed.

    Args:
        recipe: the composed config of a recipe, its `scale`, `model` and `dataset` among its keys.
        micro: the composed config of the micro-world.
        replaced: what to replace.

    Raises:
        UsageError: a value that is to be divided is no multiple of its divisor.
    """
    result = copy.deepcopy(dict(recipe))
    for key in replaced.micro:
        _put(result, key, _get(micro, key))
    for key, how in replaced.divided.items():
        value = _get(recipe, key)
        if value is not _MISSING:
            _put(result, key, _divided(key, value, how))
    for key, value in replaced.fixed.items():
        _put(result, key, value)
    if "scale" in recipe:
        result["scale"] = f"{SCALE_PREFIX}{recipe['scale']}"
    # else two arms that differ in model or data, which are replaced, would be the same work
    result[MARK] = {"of": recipe.get("scale"), "model": recipe["model"], "data": recipe["dataset"]}
    return result


def replacements(recipe: Mapping[str, Any], shadow: Mapping[str, Any]) -> list[Replacement]:
    """Return every key whose value is not the same in both, in the recipe's order."""
    before = dict(flatten(recipe))
    after = {key: value for key, value in flatten(shadow) if not key.startswith(f"{MARK}.")}
    return [
        Replacement(key, before.get(key, ABSENT), after.get(key, ABSENT))
        for key in {**before, **after}
        if before.get(key, _MISSING) != after.get(key, _MISSING)
    ]


def _divided(key: str, value: Any, how: Division) -> int:
    if value is None and how.of_null is not None:
        return how.of_null
    if not isinstance(value, int) or value % how.by:
        raise UsageError(
            f"{key}={value!r} has no shadow: expected a multiple of {how.by}, by which"
            " harness/conf/shadow.yaml divides it"
        )
    return value // how.by


def _get(tree: Mapping[str, Any], dotted: str) -> Any:
    value: Any = tree
    for part in dotted.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return _MISSING
        value = value[part]
    return value


def _put(tree: dict[str, Any], dotted: str, value: Any) -> None:
    """Set a dotted key, or remove it if the value is `_MISSING`; ways to it are made as needed."""
    *way, last = dotted.split(".")
    for part in way:
        if value is _MISSING and not isinstance(tree.get(part), dict):
            return
        tree = tree.setdefault(part, {})
    if value is _MISSING:
        tree.pop(last, None)
    else:
        tree[last] = copy.deepcopy(value)
