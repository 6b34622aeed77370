"""The mapping file: how the names, units and runs of a foreign log become ours.

step: global_step          # column of the training step
arm: variant               # column of the arm (CSV); or, for the whole log:
seed: seed                 # column of the seed (CSV); or, for the whole log:
fixed: {arm: "kl=none", seed: 3}
metrics:
  critic/score/mean: reward
  val_acc_percent: {name: accuracy_math500, scale: 0.01}
runs:                      # W&B: name of a run -> which arm and seed it is
  ppo-a: {arm: ppo, seed: 1}
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from harness.metrics.columns import TRAINING, column_of
from harness.schema import UsageError

KEYS = ("step", "arm", "seed", "fixed", "metrics", "runs")
# tensorboardX writes _ for @
_ACCURACY = re.compile(r"val-core/(?P<source>[^/]+)/acc/mean[@_]\d+")
_BY_PATH = {column.path: column.name for column in TRAINING}


class Target(NamedTuple):
    """Our name of a foreign metric, and the factor that brings its unit to ours."""

    name: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """How a log is read.

    Attributes:
        step / arm / seed: names of columns; "" where there is none.
        fixed: arm and seed of the whole log.
        metrics: foreign name -> ours; where a mapping file names none, verl's names are known.
        runs: name of a W&B run -> its arm and seed.
        document: the file as it was read, for the manifest; None without a file.
    """

    step: str = ""
    arm: str = ""
    seed: str = ""
    fixed: MappingType[str, Any] = field(default_factory=dict)
    metrics: MappingType[str, Target] = field(default_factory=dict)
    runs: MappingType[str, MappingType[str, Any]] = field(default_factory=dict)
    document: Any = None

    def target(self, name: str) -> Target | None:
        """Return our name and scale of a foreign metric; None if it is not to be read.

        What the file names counts; besides, verl's own names are known. A mean reward of a
        validation is no accuracy: only verl's `acc` is taken for one.
        """
        if name in self.metrics:
            return self.metrics[name]
        if name in _BY_PATH:
            return Target(_BY_PATH[name])
        found = _ACCURACY.fullmatch(name)
        return Target(f"accuracy_{found['source']}") if found else None


def read_mapping(path: Path | None) -> Mapping:
    """Read a mapping file; None gives the names of verl.

    Raises:
        UsageError: it is not there, not YAML, or names what does not exist.
    """
    if path is None:
        return Mapping()
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"the mapping file {path} cannot be read: {error}") from error
    if not isinstance(document, dict) or not set(document) <= set(KEYS):
        raise UsageError(f"the mapping file {path} must be a mapping of {', '.join(KEYS)}")
    metrics = _mapping(path, document, "metrics")
    targets = {str(name): _target(path, name, value) for name, value in metrics.items()}
    ours = [target.name for target in targets.values()]
    twice = sorted({name for name in ours if ours.count(name) > 1})
    if twice:
        raise UsageError(f"two names of {path} become {twice[0]}: keep one of them")
    runs = _mapping(path, document, "runs")
    fixed = _mapping(path, document, "fixed")
    for where, value in (("fixed", fixed), *runs.items()):
        if not isinstance(value, dict) or not set(value) <= {"arm", "seed"}:
            raise UsageError(f"{where} of {path} is {value!r}: expected arm and seed")
        if "seed" in value:
            seed_number(value["seed"], str(path))
    return Mapping(
        **{key: str(document.get(key) or "") for key in ("step", "arm", "seed")},
        fixed=fixed,
        metrics=targets,
        runs=runs,
        document=document,
    )


def seed_number(value: object, place: str) -> int:
    """Return a seed as a number.

    Raises:
        UsageError: it is not a whole number from 0 to 2^62.
    """
    try:
        number = int(str(value))
    except ValueError:
        number = -1
    if not 0 <= number <= 1 << 62 or isinstance(value, bool):
        raise UsageError(f"{place}: seed {value!r} is not a whole number from 0 on")
    return number


def _mapping(path: Path, document: MappingType[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key) or {}
    if not isinstance(value, dict):
        raise UsageError(f"{key} of the mapping file {path} is {value!r}: expected a mapping")
    return value


def _target(path: Path, name: object, value: object) -> Target:
    entry = {"name": value} if isinstance(value, str) else value
    if not isinstance(entry, dict) or "name" not in entry or not set(entry) <= {"name", "scale"}:
        raise UsageError(f"{name} of {path} is {value!r}: expected our name, or name and scale")
    scale = entry.get("scale", 1.0)
    is_number = isinstance(scale, int | float) and not isinstance(scale, bool)
    if not is_number or not math.isfinite(scale) or scale == 0:
        raise UsageError(f"{name} of {path} has scale {scale!r}: expected a number besides 0")
    column_of(str(entry["name"]))
    return Target(str(entry["name"]), float(scale))
