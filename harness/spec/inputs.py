"""Where the model and the data of a config come from: by name, each with its content hash."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from harness.cli import suggest
from harness.micro import dataset, models
from harness.micro.sizes import SIZES
from harness.schema import UsageError
from harness.spec import prepared
from harness.spec.choices import group_choices
from harness.writing import take_name

MICRO_DATASET = "micro_families"
"""Made from a seed. Runs of before 2026-11-27 say `micro`: chains alone, another world."""

GONE = {"dataset": "micro", "model": "micro_base"}
"""What the first micro-world was called; its runs are still read, and nothing of it is made."""


def data_hash(settings: Mapping[str, Any]) -> str:
    """Return the sha256 of the training and evaluation rows of a `dataset` mapping.

    "absent" for a data set that is not prepared on this machine: its cells can be planned, not run.

    Raises:
        UsageError: the data set is not known.
    """
    _check_name("dataset", settings["name"])
    if settings["name"] != MICRO_DATASET:
        return prepared.data_identity(settings)
    return _micro_hash(**_sizes(settings))


def data_dir(settings: Mapping[str, Any], parent: Path, identity: str) -> Path:
    """Return the directory of a cell's data set, which need not exist.

    `parent` is that of the data sets that this suite writes itself, `identity` the set's hash.
    """
    if settings["name"] != MICRO_DATASET:
        return prepared.data_directory(settings)
    return parent / identity[:16]


def write_data(settings: Mapping[str, Any], parent: Path) -> Path:
    """Write the data set below a directory, once for all cells, and return its directory.

    It gets its final name only when it is complete, and is never written again. A data set that
    somebody prepared is only checked.

    Raises:
        UsageError: the directory cannot be written, the disk is full, or nothing is prepared.
        DamagedError: a prepared file is not what it was.
    """
    if settings["name"] != MICRO_DATASET:
        return prepared.require_data(settings)
    final = parent / data_hash(settings)[:16]
    if final.is_dir():
        return final
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _write_whole(settings, parent, final)
    except OSError as error:
        # another process may have been faster: its content is the same
        if not final.is_dir():
            raise UsageError(
                f"cannot write the data set to {final}: {error.strerror}; free space, or give"
                " results_dir=<writable directory>"
            ) from error
    return final


def verify_data(settings: Mapping[str, Any]) -> None:
    """Compare the files of a prepared data set with their hashes; the micro-world needs none.

    Raises:
        UsageError: it is not prepared on this machine.
        DamagedError: a file is not what it was.
    """
    if settings["name"] != MICRO_DATASET:
        prepared.require_data(settings)


def model_dir(settings: Mapping[str, Any]) -> Path:
    """Return the directory of the initial model of a `model` mapping.

    For a model of the hub that is not on this machine, its name there: what a plan shows.

    Raises:
        UsageError: the model is not known.
    """
    _check_name("model", settings["name"])
    if settings["name"] not in SIZES:
        return prepared.find_model(settings) or Path(settings["name"])
    return models.model_dir(settings["name"])


def model_hash(settings: Mapping[str, Any]) -> str:
    """Return the sha256 over the files of the initial model, as its manifest states them.

    For a model of the hub its fingerprint, "absent" if it is not on this machine.

    Raises:
        DamagedError: the manifest cannot be read.
    """
    if settings["name"] not in SIZES:
        return prepared.model_identity(settings)
    try:
        return models.model_hash(settings["name"])
    except (OSError, ValueError, KeyError):
        # says which file it is, and what to do
        verify_model(settings)
        raise


def verify_model(settings: Mapping[str, Any]) -> None:
    """Compare the files of the initial model with their hashes.

    Raises:
        DamagedError: naming the first file that is not what it was, and the remedy.
        UsageError: a model of the hub is not on this machine.
    """
    if settings["name"] not in SIZES:
        prepared.require_model(settings)
        return
    models.verify_model(model_dir(settings))


def _write_whole(settings: Mapping[str, Any], parent: Path, final: Path) -> None:
    # beside the final name, since only within one file system a rename is atomic
    half = Path(tempfile.mkdtemp(prefix=".half-", dir=parent))
    try:
        dataset.write_datasets(half, **_sizes(settings))
        take_name(half, final)
    finally:
        shutil.rmtree(half, ignore_errors=True)


@cache
def _micro_hash(**sizes: Any) -> str:
    return dataset.dataset_hash(**sizes)


def _sizes(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: settings[key] for key in ("train_size", "eval_size", "seed", "families")}


def _check_name(group: str, name: str) -> None:
    known = _names(group)
    if name == GONE[group]:
        raise UsageError(
            f"{group} {name!r} is of the first micro-world (chains alone), which is no longer made;"
            f" there are: {', '.join(known)}"
        )
    if name not in known:
        raise UsageError(f"unknown {group} {name!r}: {suggest(name, known)}")


@cache
def _names(group: str) -> tuple[str, ...]:
    """Return the names that the files of a config group give to what they choose."""
    files = group_choices()[group].values()
    return tuple(str(yaml.safe_load(path.read_text())[group]["name"]) for path in files)
