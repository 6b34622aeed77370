"""An ablation file, read and checked: its factors, their levels and the control.

Where a question needs other levels at another scale, the file says so by scale (a name or a
pattern), and the first that fits replaces these keys; where it makes no sense, it says why:

    at:
      orz_*: {control: {...}, factors: {...}, steps: 200}
    scales: {only: [orz_*], because: the micro-world's prompts are in no language}

All but `load_ablation` are functions of the file as a mapping; `harness.spec.matrix` makes cells of
it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from harness.cli import suggest
from harness.paths import ABLATIONS
from harness.schema import UsageError
from harness.spec.choices import ablation_files
from harness.typed import Form, Many, Text, checked, read_yaml

Design = Literal["product", "one_at_a_time"]

Whole = Annotated[int, Field(ge=1)]
# a strict form takes no list for a tuple
Seeds = Annotated[
    Whole | tuple[Whole, ...],
    BeforeValidator(lambda found: tuple(found) if isinstance(found, list) else found),
]


class Level(Form):
    """What one level of a factor changes.

    Attributes:
        choose: config group -> choice.
        settings: dotted config key -> value.
    """

    choose: Mapping[str, Text] = {}
    settings: Mapping[str, Any] = Field({}, alias="set")


class Scales(Form):
    """At which scales a question makes sense: patterns, and why at no other."""

    only: Many[str]
    because: str


class AtScale(Form):
    """The keys of an ablation that may be others at a scale."""

    control: Mapping[str, Text] | None = None
    factors: Mapping[str, Mapping[Text, Level]] | None = None
    design: Design | None = None
    seeds: Seeds | None = None
    steps: Whole | None = None
    consequences: Many[str] | None = None
    primary_metrics: Many[str] | None = None


class AblationFile(Form):
    """What stands in an ablation file.

    Attributes:
        factors: factor -> level name -> level, in file order.
        control: factor -> level of the arm that the others are compared with.
        seeds: of the whole study: how many of the fixed list, or which ones.
        steps: training steps of the whole study.
        consequences: dotted key prefixes that may differ between arms besides the factors' keys.
        at: name or pattern of a scale -> what is other there.
    """

    title: str
    question: str
    source: str
    control: Mapping[str, Text]
    seeds: Seeds
    steps: Whole
    factors: Mapping[str, Mapping[Text, Level]]
    design: Design = "product"
    consequences: Many[str] = ()
    primary_metrics: Many[str] = ()
    scales: Scales | None = None
    at: Mapping[str, AtScale] = {}

    @model_validator(mode="after")
    def _check_levels(self) -> AblationFile:
        if set(self.control) != set(self.factors):
            raise ValueError(
                f"names {', '.join(sorted(self.control)) or 'nothing'} in its control: name one"
                f" level of each factor ({', '.join(self.factors)})"
            )
        owners: dict[str, str] = {}
        for factor, levels in self.factors.items():
            if len(levels) < 2:
                raise ValueError(f"has {len(levels)} level(s) of the factor {factor}: give two")
            if self.control[factor] not in levels:
                wrong, hint = self.control[factor], suggest(self.control[factor], levels)
                raise ValueError(f"has the unknown level {wrong!r} in its control: {hint}")
            keys = (key for level in levels.values() for key in (*level.settings, *level.choose))
            doubled = next((k for k in keys if owners.setdefault(k, factor) != factor), None)
            if doubled is not None:
                raise ValueError(
                    f"has {doubled} changed by two factors, {owners[doubled]} and {factor}: leave"
                    " it to one"
                )
        return self


class Ablation(AblationFile):
    """One ablation, as it is at a scale.

    Attributes:
        name: stem of the file.
        has_own_steps: the steps are made for the scale that was asked for, and win over what the
            scale says; else they are made for the micro-world.
        document: the file as read, with what it says of the scale, for verdicts and reports.
    """

    name: str
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


def load_ablation(name: str, directory: Path = ABLATIONS) -> dict[str, Any]:
    """Return one ablation file as a mapping.

    Raises:
        UsageError: there is no such file, or it is not a mapping in YAML.
    """
    path = ablation_files(directory).get(name)
    if path is None:
        names = ", ".join(ablation_files(directory))
        raise UsageError(f"unknown ablation {name!r}: choose one of {names} (ablations/*.yaml)")
    document = read_yaml(path, place=f"ablations/{name}.yaml", wrong=UsageError)
    if not isinstance(document, dict):
        raise UsageError(f"ablations/{name}.yaml holds no mapping: see the other files there")
    return document


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
    # as written first: what a scale replaces must be right all the same
    checked(AblationFile, document, place, wrong=UsageError)
    if scale is not None and not is_for(document, scale):
        raise UsageError(
            f"{place} is not for scale={scale}: {document['scales']['because']};"
            f" give a scale of {', '.join(scales_of(document))}"
        )
    changes = changes_at(document, scale)
    document = document_at(document, scale)
    own = {
        "name": name,
        "has_own_steps": "steps" in changes or "scales" in document,
        "document": document,
    }
    return checked(Ablation, document, place, wrong=UsageError, own=own)


def scales_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the patterns of the scales at which an ablation makes sense; ("*",) is all."""
    return tuple((document.get("scales") or {}).get("only") or ("*",))


def is_for(document: Mapping[str, Any], scale: str) -> bool:
    """Tell whether an ablation makes sense at a scale."""
    return any(fnmatchcase(scale, pattern) for pattern in scales_of(document))


def document_at(document: Mapping[str, Any], scale: str | None) -> dict[str, Any]:
    """Return an ablation file with the keys that are others at a scale; None: as written."""
    return {**document, **changes_at(document, scale)}


def changes_at(document: Mapping[str, Any], scale: str | None) -> dict[str, Any]:
    """Return the keys of an ablation file that are others at a scale: those of the first match."""
    for pattern, changes in (document.get("at") or {}).items():
        if scale is not None and fnmatchcase(scale, pattern):
            return dict(changes)
    return {}
