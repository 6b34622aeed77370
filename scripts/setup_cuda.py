"""The environment with GPUs: what the machine must have, the steps, and the dry account of them.

Never run to its end on the machine that wrote it, which has no GPU: docs/installing-on-gpus.md.
Standard library only; starts on Python 3.8.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Sequence

import setup_pip
import setup_state
from setup_gates import SetupError
from setup_kinds import CPU, OPTIONAL_FILE, Kind
from setup_state import Pin
from setup_steps import Environment, pip_install, refuse

OLDEST_DRIVER = 580
"""Major version that CUDA 13 asks for. Source: NVIDIA's table of minor version compatibility."""
OLDEST_GLIBC = (2, 31)
"""The newest C library that a wheel of cuda.txt was built against (llguidance)."""
DRIVER_FILE = Path("/proc/driver/nvidia/version")
_DRIVER_VERSION = re.compile(r"\b(\d{3,}\.\d+(?:\.\d+)?)\b")


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


def install_cuda(env: Environment, pins: list[Pin]) -> None:
    """Install torch, vLLM, verl and all they bring, in wheels only."""
    file = str(env.root / "requirements" / "cuda.txt")
    result = pip_install(env, "2/3", pins, ["--only-binary", ":all:", "-r", file])
    if result.code != 0:
        raise refuse(setup_pip.diagnose(result.output), "requirements/cuda.txt", env)


def install_flash_attention(env: Environment) -> bool:
    """Install flash-attn where pip's sources have a wheel of it; return whether it is there now."""
    pins = env.pins(OPTIONAL_FILE)
    if not setup_state.missing(env.venv, pins):
        return True
    file = str(env.root / "requirements" / OPTIONAL_FILE)
    result = pip_install(env, "3/3", pins, ["--only-binary", ":all:", "-r", file])
    if result.code == 0:
        return True
    print(
        f"  3/3 no wheel of {pins[0].name} {pins[0].version} in pip's sources, going on without: "
        "the recipes of harness/conf/scale/ need it on GPUs "
        "(docs/installing-on-gpus.md, how to build it)",
        flush=True,
    )
    return False


def dry_account(env: Environment) -> str:
    """Return what a set-up would install, step by step; reads the lock files only.

    Args:
        env: the checkout and the kind of environment.
    """
    kind = env.kind
    pins = env.pins(*kind.files)
    where = f"{len(pins)} packages into {env.venv}"
    lines = [f"ACCELERATOR={kind.name} would install {where}, {kind.notice}:"]
    for name in kind.files:
        found = env.pins(name)
        lines.append(f"pip install --no-deps -r requirements/{name}  # {len(found)} packages")
        lines += [f"  {pin.name}=={pin.version}" for pin in found]
    if kind is not CPU:
        lines.append(
            f"pip install --no-deps -r requirements/{OPTIONAL_FILE}  # if a wheel is there"
        )
        lines += [f"  {pin.name}=={pin.version}" for pin in env.pins(OPTIONAL_FILE)]
    return "\n".join([*lines, *_obstacles(kind)])


def _obstacles(kind: Kind) -> list[str]:
    """Say why a set-up that is not dry would be refused here; nothing where it would begin."""
    if kind is CPU:
        return []
    found = []
    try:
        check_cuda_platform(platform.machine(), platform.libc_ver())
        check_driver(driver_version())
    except SetupError as error:
        found.append(f"without DRY=1 it would be refused here: {error}")
    return found
