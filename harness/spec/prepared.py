"""Models and data sets that lie ready on this machine: where they are, and what they are.

Nothing is fetched here. Models lie below $HARNESS_MODELS, or in the cache of the Hugging Face hub;
prepared data sets lie below $HARNESS_DATA, or in `data/` of the checkout.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.paths import ROOT
from harness.provenance import ABSENT
from harness.schema import DamagedError, UsageError
from harness.untrusted.files import read_bytes
from harness.untrusted.json_text import parse_json

MODELS_VARIABLE = "HARNESS_MODELS"
DATA_VARIABLE = "HARNESS_DATA"
MANIFEST = "manifest.json"
"""Of a prepared data set: its key "sha256" maps each Parquet file to its hash."""

_EDGE = 1 << 20


def find_model(settings: Mapping[str, Any]) -> Path | None:
    """Return the directory of a model of the hub on this machine, None if it is not here.

    Args:
        settings: `name` (owner/name on the hub, or a directory's name) and `revision`, a commit of
            the hub; null takes the one that the cache calls main.
    """
    name, revision = str(settings["name"]), settings.get("revision")
    own = os.environ.get(MODELS_VARIABLE)
    if own:
        for path in (Path(own, name), Path(own, name.rpartition("/")[2])):
            if path.is_dir():
                return path
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = home / "hub" / f"models--{name.replace('/', '--')}"
    main = cache / "refs" / "main"
    if revision is None and main.is_file():
        revision = main.read_text().strip()
    snapshot = cache / "snapshots" / str(revision)
    return snapshot if revision and snapshot.is_dir() else None


def fingerprint(directory: Path) -> str:
    """Return a sha256 over the name, size and both ends of every file below a directory.

    The first and the last MiB of each file: the header of a weights file, with the name, type and
    place of every tensor, is in it. All bytes of 32 billion parameters would take minutes.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(directory).as_posix()}|{size}|".encode())
        with path.open("rb") as file:
            digest.update(file.read(_EDGE))
            if size > _EDGE:
                # a file of less than two MiB: its second half must not be read twice
                file.seek(max(_EDGE, size - _EDGE))
                digest.update(file.read())
    return digest.hexdigest()


def model_identity(settings: Mapping[str, Any]) -> str:
    """Return the fingerprint of a model, "absent" if it is not on this machine."""
    directory = find_model(settings)
    return ABSENT if directory is None else fingerprint(directory)


def require_model(settings: Mapping[str, Any]) -> Path:
    """Return the directory of a model.

    Raises:
        UsageError: it is not on this machine.
    """
    directory = find_model(settings)
    if directory is None:
        raise UsageError(
            f"model {settings['name']} is not on this machine: fetch it with `hf download"
            f" {settings['name']}`, or put its directory below ${MODELS_VARIABLE}"
        )
    return directory


def data_directory(settings: Mapping[str, Any]) -> Path:
    """Return the directory of a data set: `<root>/<name>`, or `<root>/<name>-<train_size>`."""
    root = Path(os.environ.get(DATA_VARIABLE) or ROOT / "data")
    size = settings.get("train_size")
    return root / (str(settings["name"]) if size is None else f"{settings['name']}-{size}")


def data_identity(settings: Mapping[str, Any]) -> str:
    """Return the sha256 over a prepared data set's hashes, "absent" if it is not prepared.

    Raises:
        DamagedError: its manifest cannot be read.
    """
    directory = data_directory(settings)
    if not directory.is_dir():
        return ABSENT
    stated = _stated(directory)
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()


def require_data(settings: Mapping[str, Any]) -> Path:
    """Return the directory of a prepared data set, its files compared with their hashes.

    Raises:
        UsageError: it is not prepared.
        DamagedError: a file is missing or not what it was.
    """
    directory = data_directory(settings)
    if not directory.is_dir():
        size = settings.get("train_size")
        part = "" if size is None else f" size={size}"
        raise UsageError(
            f"the data set {settings['name']} is not prepared in {directory}: prepare it with"
            f" `python -m harness.data prepare dataset={settings['name']}{part}` (docs/datasets.md)"
        )
    for name, expected in _stated(directory).items():
        path = directory / name
        found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
        if found != expected:
            raise DamagedError(
                f"{path} is damaged: found sha256 {found}, expected {expected}; prepare it again"
            )
    return directory


def _stated(directory: Path) -> dict[str, str]:
    path = directory / MANIFEST
    try:
        return {str(name): str(sha) for name, sha in parse_json(read_bytes(path))["sha256"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(
            f"{path} cannot be read ({type(error).__name__}): prepare the data set again"
        ) from error
