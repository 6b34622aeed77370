"""The mapping file: how the names, units and runs of a foreign log become ours.

docs/importing.md describes its form for users.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingType
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from harness.metrics.columns import TRAINING, column_of
from harness.schema import UsageError
from harness.typed import Form, Text, checked, read_yaml

# tensorboardX writes _ for @
_ACCURACY = re.compile(r"val-core/(?P<source>.+)/acc/mean[@_](?P<k>\d{1,6})")
_MEAN = re.compile(r".*(?:mean|avg)@(?P<k>\d{1,6})")
_OWN_MEAN = re.compile(r"accuracy_.+@(?P<k>\d{1,6})")
_BY_PATH = {column.path: column.name for column in TRAINING}
_BY_NAME = frozenset(_BY_PATH.values())
_OWN = re.compile(r"(?:accuracy|pass_at_n|format|response_tokens|truncated)_\S+")
# names of reward functions in other suites
_NOT_OURS = re.compile(r"(?:accuracy|format)_reward.*")
_MOST_NAME = 120


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
        fixed: arm and seed of the whole log, and the step of one that is an evaluation.
        metrics: foreign name -> ours; besides, verl's names and our own are known.
        metric: ours, of a file that does not name it: a column per run, or one column Value.
        runs: name of a run in the log -> its arm and seed.
        document: the file as it was read, for the manifest; None without a file.
    """

    step: Text = ""
    arm: Text = ""
    seed: Text = ""
    fixed: MappingType[Literal["arm", "seed", "step"], Text] = {}
    metrics: MappingType[Text, _Target] = {}
    metric: _Target | None = None
    runs: MappingType[Text, MappingType[Literal["arm", "seed"], Text]] = {}
    document: Any = None

    @model_validator(mode="after")
    def _check(self) -> Mapping:
        ours = [target.name for target in self.metrics.values()]
        twice = sorted({name for name in ours if ours.count(name) > 1})
        if twice:
            raise ValueError(f"has two names that become {twice[0]}: keep one of them")
        stated: dict[str, MappingType[Any, str]] = {"`fixed`": self.fixed, **self.runs}
        for where, who in stated.items():
            if "seed" in who:
                seed_number(who["seed"], f"{where} of the mapping file")
        return self

    def target(self, name: str) -> Target | None:
        """Return our name and scale of a foreign metric; None if it is not to be read.

        What the file names counts; besides, verl's names and our own are known. A mean reward of a
        validation is no accuracy: only verl's `acc` is taken for one, and the k of its mean@k is
        part of the name, since means of 4 and of 32 samples are two metrics.
        """
        return self.metrics.get(name) or _usual_target(name)

    def samples(self, targets: MappingType[str, Target]) -> dict[str, int]:
        """Return our name -> k of its mean@k, where the foreign name states it, or else ours."""
        found = {
            target.name: _ACCURACY.fullmatch(name)
            or _MEAN.fullmatch(name)
            or _OWN_MEAN.fullmatch(target.name)
            for name, target in targets.items()
        }
        return {name: int(match["k"]) for name, match in found.items() if match}


@lru_cache(maxsize=1 << 12)
def _usual_target(name: str) -> Target | None:
    # remembered: every log of a study has the same names
    if name in _BY_PATH:
        return Target(name=_BY_PATH[name])
    found = _ACCURACY.fullmatch(name)
    if found:
        # what names a figure's file has no slash
        source = found["source"].replace("/", ".")
        ours = f"accuracy_{source}@{int(found['k'])}"
        return Target(name=ours) if len(name) <= _MOST_NAME and ours.isprintable() else None
    is_own = _OWN.fullmatch(name) and not _NOT_OURS.fullmatch(name) and "/" not in name
    is_own = bool(is_own) and len(name) <= _MOST_NAME and name.isprintable()
    return Target(name=name) if name in _BY_NAME or is_own else None


def targets_of(
    path: Path,
    names: Iterable[str],
    mapping: Mapping,
    aliases: Sequence[tuple[str, str]] = (),
) -> dict[str, Target]:
    """Return our metric of each foreign name of a log that has one.

    Of two names of one metric the one that the mapping file names counts, else the first of the
    reader's `aliases`, else verl's name.

    Args:
        path: the log, for an error.
        names: that it has.
        mapping: what is known in general.
        aliases: (foreign name, ours) that a reader knows besides.

    Raises:
        UsageError: two names become one metric, and nothing says which one counts.
    """
    ranks = {name: place for place, (name, _) in enumerate(aliases, start=1)}
    ours = dict(aliases)
    found: dict[str, tuple[int, str, Target]] = {}
    for name in names:
        known = None if name in mapping.metrics else ours.get(name)
        target = Target(name=known) if known else mapping.target(name)
        if target is None:
            continue
        rank = 0 if name in mapping.metrics else ranks.get(name, len(ranks) + 1)
        best = found.get(target.name)
        if best and best[0] == rank and name != best[1]:
            raise UsageError(
                f"{path} has two names of {target.name}, {best[1]!a} and {name!a}: say in a mapping"
                " file which one counts"
            )
        if best is None or rank < best[0]:
            found[target.name] = (rank, name, target)
    return {name: target for _, name, target in found.values()}


def read_mapping(path: Path | None) -> Mapping:
    """Read a mapping file; None gives the names of verl and our own.

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
    text = str(value).strip()
    # int() would take 1_0, digits of any script, and five thousand of them
    number = int(text) if re.fullmatch(r"[0-9]{1,19}", text) else -1
    if not 0 <= number <= 1 << 62 or isinstance(value, bool):
        raise UsageError(f"{place}: seed {value!r} is not a whole number from 0 on")
    return number
