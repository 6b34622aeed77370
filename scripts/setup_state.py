"""What a virtual environment holds, read from its files alone: no import, no pip, milliseconds.

The installed packages are read from their ``*.dist-info`` folders, so that an interrupted set-up
goes on with what is missing and a damaged one is noticed.
Standard library only; starts on Python 3.8.
"""

from __future__ import annotations

import enum
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Iterable, NamedTuple

SUPPORTED = ((3, 11), (3, 12))
UNWANTED = ("torchvision", "torchaudio", "torchcodec")
DISTRIBUTION = "reasoner-zero-bench"
REQUIREMENT_FILES = ("build.txt", "torch.txt", "core.txt", "train.txt", "dev.txt", "vllm.txt")

_STATE_FILE = "setup-state.json"
_STAMP_FILE = "setup-complete"
_VENV_ENTRIES = {"bin", "lib", "lib64", "include", "share", "pyvenv.cfg", ".gitignore"}
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)\s*(?:;\s*([^\\]+?))?\s*(\\)?$")
_MACHINE_MARKER = re.compile(r"""^platform_machine == ["'](\w+)["']$""")


class Pin(NamedTuple):
    """One exact version of a lock file; ``name`` is normalised (lower case, dashes)."""

    name: str
    version: str


class VenvKind(enum.Enum):
    """What stands where the virtual environment belongs."""

    ABSENT = "absent"
    USABLE = "usable"
    BROKEN = "broken"
    FOREIGN = "foreign"


class VenvReport(NamedTuple):
    """A kind, the reason in words ('' when usable), the version of its Python ('' if unknown)."""

    kind: VenvKind
    reason: str
    python_version: str


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
            raise ValueError(f"{path}:{number}: expected name==version, found {line!r}")
        name, version, marker, _ = match.groups()
        if marker is not None:
            wanted = _MACHINE_MARKER.match(marker)
            if wanted is None:
                raise ValueError(f"{path}:{number}: expected a platform_machine marker: {marker!r}")
            if wanted.group(1) != machine:
                continue
        pins.append(Pin(normalised(name), version))
    return pins


def fingerprint(root: Path, python_version: str, files: Iterable[str] = REQUIREMENT_FILES) -> str:
    """Hash what decides the environment: the lock files, pyproject.toml and the Python version."""
    digest = hashlib.sha256(python_version.encode())
    for path in [
        *(root / "requirements" / name for name in files),
        root / "pyproject.toml",
    ]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def site_packages(venv: Path) -> Path | None:
    """Return the folder where the environment keeps its packages, or None if there is none yet."""
    return next(iter(sorted((venv / "lib").glob("python3.*/site-packages"))), None)


def installed(venv: Path) -> dict[str, set[str]]:
    """Map each installed distribution's normalised name to its versions (two: a torn update)."""
    found: dict[str, set[str]] = {}
    site = site_packages(venv)
    for entry in os.listdir(site) if site else ():
        if entry.endswith(".dist-info"):
            name, _, version = entry[: -len(".dist-info")].partition("-")
            found.setdefault(normalised(name), set()).add(version)
    return found


def missing(venv: Path, pins: Iterable[Pin]) -> list[Pin]:
    """Return the pins that are not installed in exactly their version."""
    present = installed(venv)
    return [pin for pin in pins if present.get(pin.name) != {pin.version}]


def unwanted(venv: Path, names: Iterable[str] = UNWANTED) -> list[str]:
    """Return which of some packages, those that break a ``+cpu`` torch, are installed."""
    present = installed(venv)
    return [name for name in names if name in present]


def remove_torn_installs(venv: Path) -> list[str]:
    """Forget packages whose installation was cut off, so that pip installs them again.

    pip lists its own ``INSTALLER`` file in ``RECORD`` as the last act of an installation; metadata
    without that line would count as installed although files are missing.

    Returns:
        The names of the removed entries, sorted.
    """
    site = site_packages(venv)
    removed = []
    for entry in sorted(site.iterdir()) if site else ():
        if entry.name.startswith("~"):
            torn = True
        elif entry.name.endswith(".dist-info"):
            record = entry / "RECORD"
            torn = not record.is_file() or "/INSTALLER," not in record.read_text(
                encoding="utf-8", errors="replace"
            )
        else:
            continue
        if torn:
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
            removed.append(entry.name)
    return removed


def _replace_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old content or the new one, never half of it."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)


def read_state(venv: Path) -> dict[str, str]:
    """Return the record of finished steps; an absent or damaged record is an empty one."""
    try:
        state = json.loads((venv / _STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def record_step(venv: Path, **entries: str) -> None:
    """Add entries to the record of finished steps."""
    state = {**read_state(venv), **entries}
    _replace_text(venv / _STATE_FILE, json.dumps(state, indent=2, sort_keys=True) + "\n")


def write_stamp(venv: Path, value: str) -> None:
    """Mark the environment as complete for one fingerprint; the very last act of a set-up."""
    _replace_text(venv / _STAMP_FILE, value + "\n")


def read_stamp(venv: Path) -> str:
    """Return the fingerprint of the last completed set-up, '' if none was completed."""
    try:
        return (venv / _STAMP_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def remove_stamp(venv: Path) -> None:
    """Take back the mark of completion before anything is changed."""
    if (venv / _STAMP_FILE).exists():
        (venv / _STAMP_FILE).unlink()


def ask_python(python: Path) -> str:
    """Return the version a Python answers with, '' if it does not start."""
    code = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
    try:
        answer = subprocess.run(
            [str(python), "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def inspect_venv(venv: Path, root: Path) -> VenvReport:
    """Say whether the folder holds a virtual environment that can be gone on with.

    Args:
        venv: the folder of the environment; need not exist.
        root: the checkout it must have been made for (its scripts hold absolute paths).
    """
    if not os.path.lexists(venv):
        return VenvReport(VenvKind.ABSENT, "there is none yet", "")
    if not venv.is_dir():
        return VenvReport(VenvKind.FOREIGN, "is not a folder", "")
    if not (venv / "pyvenv.cfg").is_file():
        strangers = {entry.name for entry in venv.iterdir()} - _VENV_ENTRIES
        strangers = {name for name in strangers if not name.startswith("setup-")}
        if strangers:
            return VenvReport(VenvKind.FOREIGN, f"holds other files ({sorted(strangers)[0]})", "")
        return VenvReport(VenvKind.BROKEN, "was left half made", "")
    version = ask_python(venv / "bin" / "python")
    if not version:
        return VenvReport(VenvKind.BROKEN, "has a Python that does not start", "")
    if tuple(int(part) for part in version.split(".")[:2]) not in SUPPORTED:
        return VenvReport(VenvKind.BROKEN, f"was made with Python {version}", version)
    made_for = read_state(venv).get("root", str(root))
    if made_for != str(root):
        return VenvReport(VenvKind.BROKEN, f"was made for the folder {made_for}", version)
    return VenvReport(VenvKind.USABLE, "", version)
