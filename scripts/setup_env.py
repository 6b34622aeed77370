"""Make ``.venv`` with the exact versions of requirements/: for CPUs, or for NVIDIA's GPUs.

Run by ``make setup [ACCELERATOR=cpu|cuda] [DRY=1] [DRIVER=later]``. Idempotent: a complete
environment is recognised in well under a second, an interrupted or damaged one is gone on with.
Every refusal is one line. Standard library only; starts on Python 3.8, so that a Python that is too
old gets that line and not a traceback.

Exit codes: 0 complete; 1 the environment does not work once made; 2 the machine lacks something;
130 interrupted.
"""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, NamedTuple, Sequence

import setup_cuda
import setup_pip
import setup_state
from setup_gates import SetupError, alone, check_modules, check_platform, check_python, check_space
from setup_kinds import CPU, CUDA, Options, check_same_kind, choose_kind, read_options
from setup_state import Pin, VenvKind
from setup_steps import (
    Environment,
    check_imports,
    install_lock,
    install_package,
    install_torch,
    install_vllm,
    remove_unwanted,
)

ROOT = Path(__file__).resolve().parent.parent


def ensure_venv(env: Environment, options: Sequence[str] = ()) -> None:
    """Make the virtual environment, go on with the one that is there, or replace a broken one.

    Args:
        env: where it belongs.
        options: more arguments for Python's ``venv``.
    """
    report = setup_state.inspect_venv(env.venv, env.root)
    if report.kind is VenvKind.USABLE and not _ensure_pip(env):
        report = report._replace(kind=VenvKind.BROKEN, reason="has no working pip")
    if report.kind is VenvKind.USABLE:
        return
    if report.kind is VenvKind.FOREIGN:
        raise SetupError(f"{env.venv} is no virtual environment, it {report.reason}: move it away")
    if report.kind is VenvKind.BROKEN:
        print(f"set-up: .venv {report.reason}: making it anew", flush=True)
    command = [sys.executable, "-m", "venv", "--clear", *options, str(env.venv)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        last = (made.stdout + made.stderr).strip().splitlines()[-1:] or ["no message"]
        raise SetupError(f"{sys.executable} could not make {env.venv}: {last[0]}")


def _ensure_pip(env: Environment) -> bool:
    """Return whether the environment has a working pip, after one attempt to put it back."""
    ask = [str(env.python), "-m", "pip", "--version"]
    put_back = [str(env.python), "-m", "ensurepip", "--upgrade", "--default-pip"]
    for attempt in (ask, put_back, ask):
        answer = subprocess.run(
            attempt, capture_output=True, check=False, env=setup_pip.pip_environment()
        )
        if attempt is ask and answer.returncode == 0:
            return True
    return False


def package_key(env: Environment) -> str:
    """What the editable install depends on: where the checkout is, pyproject.toml, the Python."""
    version = setup_state.ask_python(env.python)
    return f"{env.root} {setup_state.fingerprint(env.root, version, env.kind.files)}"


def is_complete(env: Environment) -> bool:
    """Return whether nothing is left to do; looks at files and starts Python, imports nothing."""
    stamp = setup_state.read_stamp(env.venv)
    if not stamp or setup_state.inspect_venv(env.venv, env.root).kind is not VenvKind.USABLE:
        return False
    version = setup_state.ask_python(env.python)
    return (
        stamp == setup_state.fingerprint(env.root, version, env.kind.files)
        and not setup_state.missing(env.venv, env.pins(*env.kind.files))
        and not setup_state.unwanted(env.venv, env.kind.unwanted)
        and setup_state.DISTRIBUTION in setup_state.installed(env.venv)
    )


def announce(env: Environment, absent: int, total: int) -> None:
    """Say beforehand what will be done, how long it takes and how much room it needs."""
    if absent == total:
        print(
            f"set-up: {total} packages into {env.venv.name} in 3 steps, {env.kind.notice} "
            "(no model and no data is fetched)",
            flush=True,
        )
    elif absent:
        print(f"set-up: going on, {absent} of {total} packages are missing", flush=True)
    else:
        print("set-up: the packages are there, checking them", flush=True)


class Step(NamedTuple):
    """One call of pip: its label and title, the lock files it reads, and the function."""

    label: str
    title: str
    files: tuple[str, ...]
    install: Callable[[Environment, list[Pin]], None]


def _install_shared(env: Environment, pins: list[Pin]) -> None:
    install_lock(env, pins, "1/3")


STEPS = {
    CPU: (
        Step("1/3", "torch for CPUs", ("torch.txt",), install_torch),
        Step(
            "2/3",
            "exact versions of requirements/",
            ("build.txt", "core.txt", "train.txt", "dev.txt"),
            install_lock,
        ),
        Step("3/3", "vLLM for CPUs, by hash", ("vllm.txt",), install_vllm),
    ),
    CUDA: (
        Step("1/3", "the core", ("build.txt", "core.txt", "dev.txt"), _install_shared),
        Step("2/3", "verl, vLLM and torch for CUDA", ("cuda.txt",), setup_cuda.install_cuda),
    ),
}


def build(env: Environment, options: Options) -> None:
    """Do the three steps, each only as far as something is missing, then check and mark it."""
    everything = env.pins(*env.kind.files)
    ensure_venv(env)
    setup_state.remove_stamp(env.venv)
    setup_state.record_step(env.venv, root=str(env.root), accelerator=env.kind.name)
    torn = setup_state.remove_torn_installs(env.venv)
    if torn:
        print(f"set-up: {len(torn)} half-installed package(s) will be installed again", flush=True)
    absent = setup_state.missing(env.venv, everything)
    announce(env, len(absent), len(everything))
    share = len(absent) / len(everything)
    check_space(env.root, share, env.kind.disk_gb, env.kind.temporary_gb)
    for label, title, files, install in STEPS[env.kind]:
        started = time.monotonic()
        pins = env.pins(*files)
        if setup_state.missing(env.venv, pins):
            print(f"{label} {title}: {len(pins)} package(s)", flush=True)
            install(env, pins)
            left = setup_state.missing(env.venv, pins)
            if left:
                raise SetupError(f"pip reported success but {left[0].name} is not there", 1)
            print(f"{label} done in {time.monotonic() - started:.0f} s", flush=True)
        else:
            print(f"{label} {title}: already there", flush=True)
        setup_state.record_step(env.venv, **{label: f"{len(pins)} packages"})
    if env.kind == CUDA:
        setup_cuda.install_flash_attention(env)
    finish(env, options)


def finish(env: Environment, options: Options) -> None:
    """Install the suite itself, check every import, write the stamp."""
    key = package_key(env)
    is_new = setup_state.DISTRIBUTION not in setup_state.installed(env.venv)
    if is_new or setup_state.read_state(env.venv).get("package") != key:
        install_package(env)
        setup_state.record_step(env.venv, package=key)
    remove_unwanted(env)
    if options.is_driver_later:
        print(
            "set-up: without a driver the engines are not imported: `python -m harness.doctor` "
            "does it on a machine with GPUs",
            flush=True,
        )
    print("set-up: checking that everything imports (20-60 s)", flush=True)
    check_imports(env, ["driver=later"] if options.is_driver_later else [])
    version = setup_state.ask_python(env.python)
    stamp = setup_state.fingerprint(env.root, version, env.kind.files)
    setup_state.write_stamp(env.venv, stamp)


def set_up(env: Environment, options: Options) -> None:
    """Complete the environment, or say that it is complete."""
    started = time.monotonic()
    if is_complete(env):
        print("set-up: already complete")
        return
    with alone(env.root):
        if not is_complete(env):
            build(env, options)
    print(f"set-up: complete after {time.monotonic() - started:.0f} s")


def _interrupt(number: int, frame: object) -> None:
    """Treat a request to terminate as Ctrl-C, so that pip is ended too."""
    raise KeyboardInterrupt


def check_cuda_machine(options: Options) -> None:
    """Refuse a machine that lacks what the environment with GPUs needs."""
    setup_cuda.check_cuda_platform(platform.machine(), platform.libc_ver())
    if not options.is_driver_later:
        setup_cuda.check_driver(setup_cuda.driver_version())


def main(words: Sequence[str]) -> int:
    """Check the machine, complete the environment, turn every refusal into one line."""
    signal.signal(signal.SIGTERM, _interrupt)
    env = Environment(ROOT, ROOT / ".venv")
    try:
        options = read_options(words)
        env = env._replace(kind=choose_kind(options.accelerator, env.venv))
        if options.is_dry:
            print(setup_cuda.dry_account(env))
            return 0
        check_python(sys.version_info[:3], sys.executable)
        check_platform(platform.system(), platform.machine())
        check_modules()
        if env.kind == CUDA and not is_complete(env):
            check_cuda_machine(options)
        check_same_kind(env.kind, env.venv)
        set_up(env, options)
    except SetupError as error:
        print(f"set-up failed: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nset-up interrupted: `make setup` goes on where it stopped", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"set-up failed: cannot work in {env.root}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
