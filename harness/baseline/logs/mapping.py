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

import re
from collections.abc import Mapping as MappingType
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from harness.metrics.columns import TRAINING, column_of
from harness.schema import UsageError
from harness.typed import Form, Text, checked, read_yaml

# tensorboardX writes _ for @
_ACCURACY = re.compile(r"val-core/(?P<source>[^/]+)/acc/mean[@_]\d+")
_BY_PATH = {column.path: column.name for column in TRAINING}


class Target(Form):
    """Our name of a foreign metric, and the factor that brings its unit to ours."""

    name: str
    scale: float = 1.0

    @model_validator(mode="after")
    def _check(self) -> Target:
        column_of(self.name)
        if self.scale == 0:
            raise ValueError("has scale 0: expected another number")
        return self


_Target = Annotated[
    Target, BeforeValidator(lambda found: {"name": found} if isinstance(found, str) else found)
]


class Mapping(Form):
    """How a log is read.

    Attributes:
        step / arm / seed: names of columns; "" where there is none.
        fixed: arm and seed of the whole log.
        metrics: foreign name -> ours; where a mapping file names none, verl's names are known.
        runs: name of a W&B run -> its arm and seed.
        document: the file as it was read, for the manifest; None without a file.
    """

    step: Text = ""
    arm: Text = ""
    seed: Text = ""
    fixed: MappingType[Literal["arm", "seed"], Text] = {}
    metrics: MappingType[Text, _Target] = {}
    runs: MappingType[Text, MappingType[Literal["arm", "seed"], Text]] = {}
    document: Any = None

    @model_validator(mode="after")
    def _check(self) -> Mapping:
        ours = [target.name for target in self.metrics.values()]
        twice = sorted({name for name in ours if ours.count(name) > 1})
        if twice:
            raise ValueError(f"has two names that become {twice[0]}: keep one of them")
        for where, who in (("`fixed`", self.fixed), *self.runs.items()):
            if "seed" in who:
                seed_number(who["seed"], f"{where} of the mapping file")
        return self

    def target(self, name: str) -> Target | None:
        """Return our name and scale of a foreign metric; None if it is not to be read.

        What the file names counts; besides, verl's own names are known. A mean reward of a
        validation is no accuracy: only verl's `acc` is taken for one.
        """
        if name in self.metrics:
            return self.metrics[name]
        return _target_of_verl(name)


@lru_cache(maxsize=1 << 12)
def _target_of_verl(name: str) -> Target | None:
    # remembered: every log of a study has the same names
    if name in _BY_PATH:
        return Target(name=_BY_PATH[name])
    found = _ACCURACY.fullmatch(name)
    return Target(name=f"accuracy_{found['source']}") if found else None


def read_mapping(path: Path | None) -> Mapping:
    """Read a mapping file; None gives the names of verl.

    Raises:
        UsageError: it is not there, not YAML, or names what does not exist.
    """
    if path is None:
        return Mapping()
    place = f"the mapping file {path}"
    document = read_yaml(path, place=place, wrong=UsageError)
    return checked(Mapping, document, place, wrong=UsageError, own={"document": document})


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
