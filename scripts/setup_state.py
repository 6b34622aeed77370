"""The exact versions of a lock file, and what two small files in .venv say about the environment.

Standard library only; starts on Python 3.8.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Iterable, NamedTuple

SUPPORTED = ((3, 11), (3, 12))
DISTRIBUTION = "reasoner-zero-bench"

_STATE_FILE = "setup-state.json"
_STAMP_FILE = "setup-complete"
_PIN = re.compile(
    r"""^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)"""
    r"""(?:\s*;\s*platform_machine == ["'](\w+)["'])?\s*\\?$"""
)


class Pin(NamedTuple):
    """One exact version of a lock file; ``name`` is normalised (lower case, dashes)."""

    name: str
    version: str


def normalised(name: str) -> str:
    """Return a distribution name as indexes compare it: lower case, runs of ``-_.`` as a dash."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(path: Path, machine: str) -> list[Pin]:
    """Read the exact versions of one requirements file that apply to a processor architecture.

    Args:
        path: a file of ``name==version`` lines, comments, and continued ``--hash=`` lines.
        machine: the architecture as ``platform.machine()`` names it.

    Raises:
        ValueError: a line pins no exact version or has a marker other than ``platform_machine``.
    """
    pins = []
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = raw.split(" #")[0].strip()
        if not line or line.startswith(("#", "--hash=sha256:")):
            continue
        match = _PIN.match(line)
        if match is None:
            raise ValueError(
                f"{path}:{number}: expected name==version, found {line!r} "
                "(the only marker allowed is platform_machine)"
            )
        name, version, wanted = match.groups()
        if wanted in (None, machine):
            pins.append(Pin(normalised(name), version))
    return pins


def fingerprint(root: Path, files: Iterable[str]) -> str:
    """Hash what decides the environment: its files of requirements/ and pyproject.toml."""
    digest = hashlib.sha256()
    for path in [*(root / "requirements" / name for name in files), root / "pyproject.toml"]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def read_state(venv: Path) -> dict[str, str]:
    """Return "root" and "accelerator" of a set-up that was begun; {} without a readable record."""
    try:
        state = json.loads((venv / _STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def read_stamp(venv: Path) -> str:
    """Return the fingerprint of the last set-up that came to its end, '' if none did."""
    try:
        return (venv / _STAMP_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def begin(venv: Path, root: Path, accelerator: str) -> None:
    """Note that packages are about to change, for which checkout and for which accelerator."""
    stamp = venv / _STAMP_FILE
    if stamp.exists():
        stamp.unlink()
    state = {"root": str(root), "accelerator": accelerator}
    _write(venv / _STATE_FILE, json.dumps(state) + "\n")


def finish(venv: Path, value: str) -> None:
    """Mark the environment as whole for one fingerprint; the very last act of a set-up."""
    _write(venv / _STAMP_FILE, value + "\n")


def _write(path: Path, text: str) -> None:
    # under another name first: whoever reads it sees the old content or the new one
    half = path.with_name(path.name + ".tmp")
    with half.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(str(half), str(path))


def is_foreign(venv: Path) -> bool:
    """Tell whether something else than an environment stands in its place."""
    if not venv.is_dir():
        return venv.exists()
    own = (venv / "pyvenv.cfg", venv / _STATE_FILE)
    return any(venv.iterdir()) and not any(file.is_file() for file in own)


def fault(venv: Path, root: Path) -> str:
    """Say why an environment must be made anew, '' if it can be gone on with.

    Args:
        venv: a folder that is not foreign; need not exist.
        root: the checkout it must have been made for (its scripts hold absolute paths).
    """
    state = read_state(venv)
    made_for = state.get("root", str(root))
    if made_for != str(root):
        return f"was made for the folder {made_for}"
    if state and not read_stamp(venv):
        # An installer that was cut off leaves packages that look whole and lack files.
        return "was left half made"
    if not _has_supported_python(venv):
        return "has no Python 3.11 or 3.12 that starts"
    return ""


def _has_supported_python(venv: Path) -> bool:
    command = [str(venv / "bin" / "python"), "-I", "-c", "import sys; print(sys.version_info[:2])"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.stdout.strip() in map(str, SUPPORTED)


def clear(venv: Path) -> None:
    """Empty the folder but for the record, so that an interrupted clearing is known for one."""
    for entry in venv.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(str(entry))
        elif entry.name != _STATE_FILE:
            entry.unlink()
