"""A bundle in a folder: what `read_bundle` checks, and that the folder holds nothing else."""

from __future__ import annotations

from pathlib import Path

from harness.schema import DamagedError
from harness.store.bundle import CURVES, MANIFEST, SCORES, Bundle, read_bundle


def verify_bundle(directory: Path, name: str = "", *, is_judged: bool = False) -> Bundle:
    """Read a bundle, check every byte and every statement of its manifest against the rows.

    Args:
        directory: of the bundle.
        name: that it must have; "" takes any.
        is_judged: it is a candidate: what only lowers its numbers is a doubt, and no error.

    Raises:
        DamagedError: a file is missing, foreign or changed, or the rows contradict the manifest.
    """
    extra = sorted({path.name for path in directory.iterdir()} - {MANIFEST, CURVES, SCORES})
    if extra:
        raise DamagedError(
            f"{directory} holds {', '.join(extra)}, which its manifest does not know: take it away"
        )
    bundle = read_bundle(directory, is_judged=is_judged)
    if name and bundle.name != name:
        raise DamagedError(
            f"{directory} says that it is {bundle.name}, it stands where {name} belongs: was it"
            " moved or copied by hand?"
        )
    return bundle


def name_of(directory: Path) -> str:
    """Return the name that a baseline has by where it stands: `<scale>/<study>@v<N>`."""
    return f"{directory.parent.parent.name}/{directory.parent.name}@{directory.name}"
