"""The options of `python -m harness.evaluate`, read and checked: shared by all kinds of suites."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness import provenance
from harness.cli import suggest
from harness.evaluate.definitions import Suite, names_of, suite_of
from harness.evaluate.engine import Settings
from harness.evaluate.plan import Model
from harness.graders.registry import GRADERS
from harness.micro.models import model_dir, verify_model
from harness.micro.sizes import SIZES
from harness.paths import ROOT
from harness.schema import UsageError
from harness.spec import prepared

DEFAULTS = {
    "protocol": "reporting",
    "out": "",
    "data": "",
    "benchmarks": "",
    "samples": "0",
    "questions": "0",
    "response_tokens": "0",
    "seed": "1",
    "graders": ",".join(GRADERS),
    "workers": "2",
    "dtype": "",
    "tensor_parallel": "1",
    "memory_share": "0.9",
    "at_once": "256",
    "backend": "vllm",
    "lm_eval": "",
    "dry_run": "false",
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


def refuse_idle(given: Mapping[str, str], suite: Suite) -> None:
    """Refuse options that would do nothing for this kind of suite."""
    for name in SAMPLED_ONLY if suite.tasks else GENERAL_ONLY:
        if given[name] != DEFAULTS[name]:
            kinds = [n for n in names_of("suite") if bool(suite_of(n).tasks) != bool(suite.tasks)]
            raise UsageError(
                f"{name}= does nothing for suite={suite.name}: leave it out (it is for"
                f" suite={' or '.join(kinds)})"
            )


def graders_of(text: str, protocols: str) -> tuple[str, ...]:
    """Return the graders that were named and the protocol's, in the order of the registry.

    Raises:
        UsageError: one is not known.
    """
    names = tuple(dict.fromkeys([protocols, *(name for name in text.split(",") if name)]))
    unknown = next((name for name in names if name not in GRADERS), None)
    if unknown is not None:
        raise UsageError(f"unknown grader {unknown!r}: {suggest(unknown, GRADERS)}")
    return tuple(name for name in GRADERS if name in names)


def settings_of(given: Mapping[str, str]) -> Settings:
    """Return the layout of the engine.

    Raises:
        UsageError: an option is no number in its range.
    """
    try:
        share = float(given["memory_share"])
    except ValueError:
        share = 0.0
    if not 0.0 < share <= 1.0:
        raise UsageError(f"memory_share={given['memory_share']} is no share: give 0 to 1")
    return Settings(whole(given, "tensor_parallel", 1), share, whole(given, "at_once", 1))


def whole(given: Mapping[str, str], key: str, least: int) -> int:
    """Return an option as a whole number; `UsageError` if it is none, or below `least`."""
    text = given[key]
    if not text.isdecimal() or int(text) < least:
        raise UsageError(f"{key}={text} is not a whole number of {least} or more: correct it")
    return int(text)


def data_root(given: Mapping[str, str]) -> Path:
    """Return the directory of prepared data."""
    return Path(given["data"] or os.environ.get(prepared.DATA_VARIABLE) or ROOT / "data")


def out_of(given: Mapping[str, str]) -> Path:
    """Return the directory of the results."""
    if given["out"]:
        return Path(given["out"])
    model = Path(given["model"]).name or "model"
    return ROOT / "evaluations" / f"{model}-{given['suite']}-{given['protocol']}"


def say(text: str) -> None:
    """Print a line of progress, apart from the results."""
    print(text, file=sys.stderr, flush=True)


@cache
def collected() -> dict[str, Any]:
    """Return code state, versions and machine; collected once per process."""
    return provenance.collect(ROOT)
