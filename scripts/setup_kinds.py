"""The two environments that a set-up can make: for processors alone, and for NVIDIA's GPUs.

Standard library only; starts on Python 3.8.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import NamedTuple, Sequence

import setup_state
from setup_gates import SetupError
from setup_state import Pin

USAGE = "make setup [ACCELERATOR=cpu|cuda] [DRY=1] [DRIVER=later]"


class Kind(NamedTuple):
    """One environment: its lock files, what must stay out of it, and the room that it takes.

    Attributes:
        name: what ACCELERATOR= says.
        files: lock files of requirements/, all of them installed.
        unwanted: distributions that would break it.
        disk_gb: gigabytes (10^9 bytes) that must be free.
        notice: what it takes, for the announcement.
    """

    name: str
    files: tuple[str, ...]
    unwanted: tuple[str, ...]
    disk_gb: float
    notice: str


CPU = Kind(
    "cpu",
    ("build.txt", "torch.txt", "core.txt", "train.txt", "dev.txt", "vllm.txt"),
    ("torchvision", "torchaudio", "torchcodec"),
    7.0,
    "1-4 minutes on a fast connection, 4.2 GB together with uv's cache",
)
CUDA = Kind(
    "cuda",
    ("build.txt", "core.txt", "dev.txt", "cuda.txt"),
    (),
    16.0,
    "4.5 GB to fetch by the sizes of the wheels, disk not measured (16 GB are asked for)",
)
OPTIONAL_FILE = "flash-attn.txt"
KINDS = {kind.name: kind for kind in (CPU, CUDA)}


class Environment(NamedTuple):
    """One environment of a checkout: where it is and what belongs in it."""

    root: Path
    venv: Path
    kind: Kind = CPU

    @property
    def python(self) -> Path:
        """The environment's own Python."""
        return self.venv / "bin" / "python"

    def pins(self, *names: str) -> list[Pin]:
        """The exact versions of some files of requirements/ for this processor."""
        folder = self.root / "requirements"
        return [pin for n in names for pin in setup_state.read_pins(folder / n, platform.machine())]


class Options(NamedTuple):
    """What the command line of a set-up asked for.

    Attributes:
        accelerator: a name of `KINDS`; "" leaves it to the environment that is there.
        is_dry: print what would be installed and change nothing.
        is_driver_later: the driver is on another machine than this one.
    """

    accelerator: str = ""
    is_dry: bool = False
    is_driver_later: bool = False


def read_options(argv: Sequence[str]) -> Options:
    """Read ``accelerator=``, ``dry=`` and ``driver=``; an empty value is as if not given.

    Raises:
        SetupError: an unknown argument or value, with the choices.
    """
    given = {"accelerator": "", "dry": "", "driver": ""}
    for argument in argv:
        name, is_pair, value = argument.partition("=")
        if not is_pair or name not in given:
            raise SetupError(f"unknown argument {argument!r}: expected {USAGE}")
        given[name] = value
    choices = (
        ("ACCELERATOR", given["accelerator"], ("", *KINDS)),
        ("DRY", given["dry"], ("", "0", "1")),
        ("DRIVER", given["driver"], ("", "later")),
    )
    for name, value, allowed in choices:
        if value not in allowed:
            expected = " or ".join(choice for choice in allowed if choice)
            raise SetupError(f"{name}={value} is no choice: expected {expected} ({USAGE})")
    return Options(given["accelerator"], given["dry"] == "1", given["driver"] == "later")


def choose_kind(accelerator: str, venv: Path) -> Kind:
    """Return the environment to make: the named one, else the one in `venv`, else CPU."""
    return KINDS.get(accelerator or _kind_there(venv), CPU)


def check_same_kind(kind: Kind, venv: Path) -> None:
    """Refuse to make one environment in the place of the other.

    Raises:
        SetupError: the folder holds another kind.
    """
    there = _kind_there(venv)
    if there and there != kind.name:
        raise SetupError(
            f"{venv} holds the environment for {there} and ACCELERATOR={kind.name} asks for "
            "another: remove it with `make clean-venv`, or use a second checkout"
        )


def _kind_there(venv: Path) -> str:
    """Return the kind of environment that was begun in a folder, '' for none."""
    # records of older set-ups name none: those were for CPUs
    state = setup_state.read_state(venv)
    return state.get("accelerator", CPU.name if state else "")
