"""What a machine must have before a set-up begins; every refusal is one line.

Standard library only; starts on Python 3.8.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, Sequence

import setup_state

OLDEST_DRIVER = 580
"""Major version that CUDA 13 asks for. Source: NVIDIA's table of minor version compatibility."""
OLDEST_GLIBC = (2, 31)
"""The newest C library that a wheel of cuda.txt was built against (llguidance)."""
DRIVER_FILE = Path("/proc/driver/nvidia/version")
_DRIVER_VERSION = re.compile(r"\b(\d{3,}\.\d+(?:\.\d+)?)\b")


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
    """Refuse to begin what would fill the disk of a folder; a GB has 10^9 bytes."""
    free = shutil.disk_usage(folder).free if free_bytes is None else free_bytes
    if free < needed_gb * 1e9:
        raise SetupError(
            f"not enough disk: {needed_gb:.1f} GB must be free in {folder}, found {free / 1e9:.1f} "
            "GB: free some space, or make the checkout on another disk"
        )


def driver_version(file: Path = DRIVER_FILE, program: str = "nvidia-smi") -> str:
    """Return the version of the NVIDIA driver, '' if there is none.

    Args:
        file: where the kernel module says its version.
        program: asked where there is no such file (Windows' Linux has none).
    """
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = _ask_driver(program)
    found = _DRIVER_VERSION.search(text)
    return found.group(1) if found else ""


def _ask_driver(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        return ""
    command = [path, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout if answer.returncode == 0 else ""


def check_driver(version: str) -> None:
    """Refuse a machine without the NVIDIA driver; say so when it is older than CUDA 13 asks for.

    Raises:
        SetupError: there is none.
    """
    if not version:
        raise SetupError(
            "ACCELERATOR=cuda needs the NVIDIA driver and found none (neither "
            f"{DRIVER_FILE} nor nvidia-smi): install it, add DRIVER=later where the GPUs are on "
            "other machines (a login node, the build of a container), or DRY=1 to see what would "
            "be installed"
        )
    if int(version.split(".")[0]) < OLDEST_DRIVER:
        print(
            f"set-up: the NVIDIA driver is {version}, CUDA 13 asks for {OLDEST_DRIVER} or newer: "
            "update it, or install NVIDIA's package cuda-compat-13-0"
        )


def check_cuda_platform(machine: str, libc: Sequence[str]) -> None:
    """Refuse a machine that the lock has no files for.

    Args:
        machine: the architecture as ``platform.machine()`` names it.
        libc: name and version of the C library as ``platform.libc_ver()`` has them.

    Raises:
        SetupError: another architecture than x86_64, or another or an older C library.
    """
    if machine != "x86_64":
        raise SetupError(
            f"ACCELERATOR=cuda needs x86_64, found {machine}: requirements/cuda.txt was resolved "
            "for x86_64 only"
        )
    name, version = libc[0], libc[1]
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if name != "glibc" or numbers < OLDEST_GLIBC:
        raise SetupError(
            f"ACCELERATOR=cuda needs glibc {OLDEST_GLIBC[0]}.{OLDEST_GLIBC[1]} or newer, found "
            f"{name or 'another C library'} {version}: use the container of containers/"
        )


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
