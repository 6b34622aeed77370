"""Make ``.venv`` with the exact versions of requirements/: for CPUs, or for NVIDIA's GPUs.

Run by ``make setup [ACCELERATOR=cpu|cuda] [DRY=1] [DRIVER=later]``. Idempotent: a complete
environment is recognised in well under a second, an interrupted one is made again from what uv has
fetched already. Every refusal is one line. Standard library only; starts on Python 3.8, so that a
Python that is too old gets that line and not a traceback.

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
from typing import Sequence

import setup_state
from setup_gates import (
    SetupError,
    alone,
    check_cuda_platform,
    check_disk,
    check_driver,
    check_modules,
    check_platform,
    check_python,
    driver_version,
)
from setup_kinds import (
    CPU,
    CUDA,
    OPTIONAL_FILE,
    Environment,
    Options,
    check_same_kind,
    choose_kind,
    read_options,
)
from setup_uv import (
    Uv,
    cache_folder,
    clean_environment,
    ensure_uv,
    install_flash_attention,
    install_locked,
    installed,
)

ROOT = Path(__file__).resolve().parent.parent


def ensure_venv(env: Environment) -> None:
    """Go on with the virtual environment that is there, or make it, anew where it is broken."""
    if setup_state.is_foreign(env.venv):
        raise SetupError(f"{env.venv} is no virtual environment: move it away")
    reason = setup_state.fault(env.venv, env.root)
    if not reason:
        return
    if env.venv.exists():
        print(f"set-up: .venv {reason}: making it anew", flush=True)
    env.venv.mkdir(exist_ok=True)
    setup_state.begin(env.venv, env.root, env.kind.name)
    setup_state.clear(env.venv)
    command = [sys.executable, "-m", "venv", "--without-pip", str(env.venv)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        last = (made.stdout + made.stderr).strip().splitlines()[-1:] or ["no message"]
        raise SetupError(f"{sys.executable} could not make {env.venv}: {last[0]}")


def is_complete(env: Environment) -> bool:
    """Tell whether nothing is left to do; reads files and asks uv, imports nothing."""
    stamp = setup_state.read_stamp(env.venv)
    if stamp != setup_state.fingerprint(env.root, env.kind.files):
        return False
    if setup_state.fault(env.venv, env.root):
        return False
    there = installed(env)
    names = {pin.name for pin in there}
    return (
        there.issuperset(env.pins(*env.kind.files))
        and setup_state.DISTRIBUTION in names
        and names.isdisjoint(env.kind.unwanted)
    )


def build(env: Environment, options: Options) -> None:
    """Complete the environment, check that it works, and only then mark it as whole."""
    ensure_venv(env)
    ensure_uv(env)
    install(env)
    if options.is_driver_later:
        print(
            "set-up: without a driver the engines are not imported: `python -m harness.doctor` "
            "does it on a machine with GPUs",
            flush=True,
        )
    print("set-up: checking that everything imports (20-60 s)", flush=True)
    check_imports(env, ["driver=later"] if options.is_driver_later else [])
    setup_state.finish(env.venv, setup_state.fingerprint(env.root, env.kind.files))


def install(env: Environment) -> None:
    """Bring the packages of the environment to what is locked."""
    before = installed(env)
    wanted = set(env.pins(*env.kind.files))
    missing = wanted - before
    print(f"set-up: {len(missing)} of {len(wanted)} packages to install", flush=True)
    if len(missing) > len(wanted) / 2:  # a new environment, not the difference of a changed lock
        print(f"set-up: {env.kind.notice} (no model and no data is fetched)", flush=True)
        for folder in (env.venv, cache_folder(env)):
            check_disk(folder, env.kind.disk_gb)
    uv = Uv(env)
    stamp = setup_state.read_stamp(env.venv)
    setup_state.begin(env.venv, env.root, env.kind.name)
    try:
        install_locked(env, uv)
    except SetupError:
        if stamp and installed(env) == before:
            # uv touches nothing before it has everything: what worked still does, so it is kept.
            setup_state.finish(env.venv, stamp)
        raise
    if env.kind == CUDA:
        install_flash_attention(env, uv)
    remove_unwanted(env, uv)


def remove_unwanted(env: Environment, uv: Uv) -> None:
    """Take out torchvision and its like: their usual builds do not load beside a ``+cpu`` torch."""
    names = sorted({pin.name for pin in installed(env)}.intersection(env.kind.unwanted))
    if names and uv.run("uninstall", *names) != 0:
        raise SetupError(f"could not remove {', '.join(names)}, unfit beside a +cpu torch")


def check_imports(env: Environment, extra: Sequence[str] = ()) -> None:
    """Import everything in the environment's own Python and name what fails.

    Args:
        env: the environment.
        extra: further arguments for check_env.py.
    """
    script = str(env.root / "scripts" / "check_env.py")
    answer = subprocess.run(
        [str(env.python), script, env.kind.name, *extra],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
    )
    if answer.returncode == 0:
        return
    lines = answer.stdout.splitlines()
    faults = [line[len("FAIL ") :] for line in lines if line.startswith("FAIL ")]
    if not faults:
        last = [line for line in lines if line.startswith("importing ")][-1:] or ["starting"]
        faults = [f"the import check ended with code {answer.returncode} while {last[0]}"]
    raise SetupError(
        f"the environment does not work: {'; '.join(faults)} "
        f"(to see all of it: `{env.python} {script} {env.kind.name}`)",
        exit_code=1,
    )


def set_up(env: Environment, options: Options) -> None:
    """Complete the environment, or say that it is complete."""
    started = time.monotonic()
    if is_complete(env):
        print("set-up: already complete")
        return
    if env.kind == CUDA:
        check_cuda_platform(platform.machine(), platform.libc_ver())
        if not options.is_driver_later:
            check_driver(driver_version())
    with alone(env.root):
        if not is_complete(env):
            # another set-up may have completed it while this one waited
            build(env, options)
    print(f"set-up: complete after {time.monotonic() - started:.0f} s")


def dry_account(env: Environment) -> str:
    """Describe a set-up: its packages, and what would be refused; reads the lock files only."""
    kind = env.kind
    wanted = len(env.pins(*kind.files))
    lines = [
        f"ACCELERATOR={kind.name} would install {wanted} packages into {env.venv}, {kind.notice}:"
    ]
    optional = () if kind is CPU else (OPTIONAL_FILE,)
    for name in (*kind.files, *optional):
        note = ", if a wheel is there" if name in optional else ""
        pins = env.pins(name)
        lines.append(f"uv pip install --no-deps -r requirements/{name}  # {len(pins)}{note}")
        lines += [f"  {pin.name}=={pin.version}" for pin in pins]
    try:
        if kind is CUDA:
            check_cuda_platform(platform.machine(), platform.libc_ver())
            check_driver(driver_version())
    except SetupError as error:
        lines.append(f"without DRY=1 it would be refused here: {error}")
    return "\n".join(lines)


def _interrupt(number: int, frame: object) -> None:
    """Treat a request to terminate as Ctrl-C, so that what was started is ended too."""
    raise KeyboardInterrupt


def main(argv: Sequence[str]) -> int:
    """Check the machine, complete the environment, turn every refusal into one line."""
    signal.signal(signal.SIGTERM, _interrupt)
    env = Environment(ROOT, ROOT / ".venv")
    try:
        options = read_options(argv)
        env = env._replace(kind=choose_kind(options.accelerator, env.venv))
        if options.is_dry:
            print(dry_account(env))
            return 0
        check_python(sys.version_info[:3], sys.executable)
        check_platform(platform.system(), platform.machine())
        check_modules()
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
