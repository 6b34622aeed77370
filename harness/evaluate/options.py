"""The options of `python -m harness.evaluate`, read and checked: shared by all kinds of suites."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness import provenance
from harness.cli import (
    choice,
    name,
    needed,
    out_folder,
    place,
    real,
    several,
    switch,
    whole,
)
from harness.evaluate.definitions import Suite, names_of, suite_of
from harness.evaluate.engine import Settings
from harness.evaluate.plan import Model
from harness.graders.registry import GRADERS
from harness.micro.models import model_dir, verify_model
from harness.micro.sizes import SIZES
from harness.paths import ROOT
from harness.schema import UsageError
from harness.spec import prepared
from harness.text import visible

OPTIONS = {
    "model": needed(place()),
    "suite": needed(name()),
    "protocol": name("reporting"),
    "out": out_folder(),
    "data": place(),
    "benchmarks": several(name()),
    "samples": whole(1, 100_000, default=0),
    "questions": whole(1, default=0),
    "response_tokens": whole(1, default=0),
    "seed": whole(0, default=1),
    "graders": several(choice(GRADERS, ",".join(GRADERS))),
    "workers": whole(1, 1024, default=2),
    "dtype": name(),
    "tensor_parallel": whole(1, 1024, default=1),
    "memory_share": real(above=0.0, most=1.0, default=0.9),
    "at_once": whole(1, 1_000_000, default=256),
    "backend": name("vllm"),
    "lm_eval": place(),
    "dry_run": switch(),
}
GENERAL_ONLY = ("backend", "lm_eval")
SAMPLED_ONLY = ("protocol", "samples", "graders", "workers", "at_once")
NEEDED_BYTES = 1 << 30
"""Free space that the results may take: responses of 32B models are long."""


def find_model(text: str) -> Model:
    """Return a model by its directory or its name.

    Raises:
        UsageError: it is not here, or is no model.
        DamagedError: the shipped model is damaged.
    """
    if text in SIZES:
        directory = model_dir(text)
        verify_model(directory)
    elif Path(text).is_dir():
        directory = Path(text).resolve()
    else:
        found = prepared.find_model({"name": text, "revision": None})
        if found is None:
            raise UsageError(
                f"there is no model {text!r}: give model=<directory>, one of"
                f" {', '.join(SIZES)}, or the name of one in the hub's cache or below"
                f" ${prepared.MODELS_VARIABLE}"
            )
        directory = found
    if not (directory / "config.json").is_file():
        raise UsageError(
            f"{directory} holds no model (no config.json): give the directory with the weights in"
            " Hugging Face's form"
        )
    name = text if text in SIZES or not Path(text).is_dir() else directory.name
    return Model(name=name, directory=directory, sha256=prepared.fingerprint(directory))


def refuse_idle(given: Mapping[str, Any], suite: Suite) -> None:
    """Refuse options that would do nothing for this kind of suite."""
    for key in SAMPLED_ONLY if suite.tasks else GENERAL_ONLY:
        if given[key] != OPTIONS[key].default:
            kinds = [n for n in names_of("suite") if bool(suite_of(n).tasks) != bool(suite.tasks)]
            raise UsageError(
                f"{key}= does nothing for suite={suite.name}: leave it out (it is for"
                f" suite={' or '.join(kinds)})"
            )


def graders_of(text: str, protocols: str) -> tuple[str, ...]:
    """Return the graders that were named and the protocol's, in the order of the registry."""
    named = (protocols, *text.split(","))
    return tuple(grader for grader in GRADERS if grader in named)


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Return the layout of the engine."""
    return Settings(given["tensor_parallel"], given["memory_share"], given["at_once"])


def data_root(given: Mapping[str, Any]) -> Path:
    """Return the directory of prepared data."""
    return Path(given["data"] or os.environ.get(prepared.DATA_VARIABLE) or ROOT / "data")


def out_of(given: Mapping[str, Any]) -> Path:
    """Return the directory of the results."""
    if given["out"]:
        return Path(given["out"])
    model = Path(given["model"]).name or "model"
    return ROOT / "evaluations" / f"{model}-{given['suite']}-{given['protocol']}"


def say(text: str) -> None:
    """Print a line of progress, apart from the results."""
    print(visible(text), file=sys.stderr, flush=True)


@cache
def collected() -> dict[str, Any]:
    """Return code state, versions and machine; collected once per process."""
    return provenance.collect(ROOT)
