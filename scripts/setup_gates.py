"""What a machine must have before a set-up begins; every refusal is one line.

Standard library only; starts on Python 3.8.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Iterator, Sequence

import setup_state

NEEDED_GB = 7.0
NEEDED_TEMPORARY_GB = 2.0


class SetupError(Exception):
    """A set-up cannot go on; the message is the one line the user sees."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        """Keep the line and the exit code (2: the machine lacks something; 1: a defect)."""
        super().__init__(message)
        self.exit_code = exit_code


def check_python(version: Sequence[int], executable: str) -> None:
    """Refuse a Python that the engines have no packages for; say so when it is an untested one."""
    found = ".".join(map(str, version[:3]))
    if tuple(version[:2]) not in setup_state.SUPPORTED:
        raise SetupError(
            f"Python 3.11 is needed (3.12 is allowed, untested), found {found} at {executable}: "
            "install Python 3.11 and call `make setup PYTHON=/path/to/python3.11`"
        )
    if tuple(version[:2]) != setup_state.SUPPORTED[0]:
        print(f"set-up: Python {found} is allowed but untested; 3.11 is the tested one")


def check_platform(system: str, machine: str) -> None:
    """Refuse a system that vLLM's CPU build has no file for."""
    if system != "Linux" or machine not in ("x86_64", "aarch64"):
        raise SetupError(
            f"Linux on x86_64 is needed (aarch64 is allowed, untested), found {system} on "
            f"{machine}: use such a machine or a container"
        )
    if machine != "x86_64":
        print(f"set-up: {machine} is allowed but untested; x86_64 is the tested one")


def check_modules(names: Sequence[str] = ("venv", "ensurepip")) -> None:
    """Refuse a Python that cannot make virtual environments (Debian ships that part separately)."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise SetupError(
                f"this Python ({sys.executable}) has no module {name}, which makes virtual "
                "environments: install it (Debian, Ubuntu: `apt-get install python3.11-venv`)"
            )


def check_disk(folder: Path, needed_gb: float, free_bytes: int | None = None) -> None:
    """Refuse to begin what would fill the disk.

    Args:
        folder: any folder of the file system that is written to.
        needed_gb: gigabytes (10^9 bytes) that must be free.
        free_bytes: free space, asked of the system if None.
    """
    free = shutil.disk_usage(folder).free if free_bytes is None else free_bytes
    if free < needed_gb * 1e9:
        raise SetupError(
            f"not enough disk: {needed_gb:.1f} GB must be free in {folder}, found {free / 1e9:.1f} "
            "GB: free some space, or make the checkout on another disk"
        )


def check_space(
    root: Path,
    share: float = 1.0,
    needed_gb: float = NEEDED_GB,
    temporary_gb: float = NEEDED_TEMPORARY_GB,
) -> None:
    """Refuse when the checkout's disk, or the one for temporary files, cannot take the packages.

    Args:
        root: the checkout.
        share: which part of the whole is still to be installed, in [0, 1].
        needed_gb: gigabytes (10^9 bytes) that the whole takes.
        temporary_gb: gigabytes of temporary files that it takes.
    """
    check_disk(root, needed_gb * share)
    temporary = Path(tempfile.gettempdir())
    if temporary.stat().st_dev != root.stat().st_dev:
        check_disk(temporary, temporary_gb * share)


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Let one set-up at a time work in a checkout; the lock is on the folder and leaves no file."""
    handle = os.open(str(root), os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("set-up: another one is at work in this checkout, waiting for it", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks: go on as one would without this guard
        yield
    finally:
        os.close(handle)
