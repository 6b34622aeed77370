"""The shipped base models: where they are, their hashes, and whether they are undamaged."""

import hashlib
import json
from pathlib import Path

from harness.micro.pretrain import MANIFEST, file_hashes
from harness.micro.sizes import SIZES
from harness.schema import DamagedError, UsageError

DEFAULT_MODEL = "micro_0_8m"


def model_dir(name: str = DEFAULT_MODEL) -> Path:
    """The directory of a shipped model, its tokenizer and manifest.

    Raises:
        UsageError: If there is no size of that name.
    """
    if name not in SIZES:
        raise UsageError(f"there is no micro model {name!r}: expected one of {', '.join(SIZES)}")
    return Path(__file__).parent / "weights" / name


def verify_model(directory: Path) -> None:
    """Compare every file with the sha256 of the manifest.

    Raises:
        DamagedError: Names the first damaged, missing or surplus file, both hashes and the remedy.
    """
    manifest = directory / MANIFEST
    try:
        expected = json.loads(manifest.read_text())["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise DamagedError(
            f"the base model's manifest {manifest} cannot be read ({type(error).__name__}): "
            f"restore it with git checkout -- {manifest}"
        ) from error
    found = file_hashes(directory)
    for name in sorted(expected.keys() | found.keys()):
        if name not in expected:
            raise DamagedError(
                f"the base model has a file that its manifest does not name, {directory / name}: "
                f"remove it"
            )
        if found.get(name) != expected[name]:
            raise DamagedError(
                f"the base model's file {directory / name} is damaged: found sha256 "
                f"{found.get(name, 'no file')}, expected {expected[name]}; restore it with "
                f"git checkout -- {directory / name}"
            )


def model_hash(name: str = DEFAULT_MODEL) -> str:
    """The sha256 over the names and hashes of the shipped files, as the manifest states them."""
    stated = json.loads((model_dir(name) / MANIFEST).read_text())["sha256"]
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()
