"""Make the environment of a peer that is timed beside the suite: TRL, in build/peers/trl.

Usage: ``python scripts/peer_env.py`` prints its Python, or says in one line why it cannot be had
(exit code 2). Made once, and anew where the lock has changed; the suite's ``.venv`` is not touched.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from setup_gates import SetupError
from setup_kinds import Environment, Kind
from setup_uv import TORCH_CPU_INDEX, Uv, clean_environment, ensure_uv, installed

ROOT = Path(__file__).resolve().parent.parent
TRL = Kind(
    "trl",
    ("build.txt", "torch.txt", "peer-trl.txt"),
    (),
    2.0,
    "a minute on a fast connection, 1.3 GB",
)


def peer_environment(root: Path = ROOT) -> Environment:
    """Return where the environment of TRL is, made or not."""
    return Environment(root, root / "build" / "peers" / TRL.name, TRL)


def ensure_peer(env: Environment) -> Path:
    """Bring an environment to what is locked and return its Python.

    Raises:
        SetupError: it cannot be had, in one sentence.
    """
    wanted = set(env.pins(*env.kind.files))
    if env.python.exists() and wanted <= installed(env):
        return env.python
    env.venv.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "venv", "--without-pip", "--clear", str(env.venv)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        last = (made.stdout + made.stderr).strip().splitlines()[-1:] or ["no message"]
        raise SetupError(f"{sys.executable} could not make {env.venv}: {last[0]}")
    ensure_uv(env)
    _install(env)
    _check_import(env)
    return env.python


def _install(env: Environment) -> None:
    uv = Uv(env)
    # its label +cpu is in no index but this one, so no build for GPUs can be taken instead
    index = () if uv.offers("torch.txt") else ("--index", TORCH_CPU_INDEX)
    files = [word for name in env.kind.files for word in ("-r", f"requirements/{name}")]
    if uv.install(*index, *files) != 0:
        raise SetupError(
            "uv could not install the packages of requirements/peer-trl.txt; its message is above"
        )


def _check_import(env: Environment) -> None:
    command = [str(env.python), "-c", "from trl import GRPOConfig, GRPOTrainer"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=clean_environment()
    )
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise SetupError(f"TRL is installed and does not import: {last[0]}")


def main() -> int:
    """Make the environment; return the exit code."""
    try:
        print(ensure_peer(peer_environment()))
    except SetupError as error:
        print(f"no TRL here: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
