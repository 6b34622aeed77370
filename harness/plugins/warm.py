"""A Python that has imported torch and vLLM already, for every process of a run to start from.

A cell has some ten Python processes (Ray's workers, vLLM's engine core and worker), and each would
import torch, verl and vLLM anew: 8 to 15 CPU seconds, a hundred in all, most of the start-up on two
cores. Here one process per attempt imports them once, without starting a thread or computing
anything, and forks for each request. What runs in a fork is the same code with the same arguments,
environment and descriptors. The driver points Ray's worker command at `warm_shim.py`, and the forks
point multiprocessing at a wrapper of it (`multiprocessing.set_executable`).

`HARNESS_WARM=1`: the launcher keeps a process with these imports for a session, and forks an
attempt's driver and server from it. Where nobody keeps one, and with `HARNESS_WARM=attempt`, the
driver starts a server while it imports verl itself.

No longer needed when: Ray (2.60 cannot) forks its Python workers from a process that has imported
what it is told to, and vLLM's engine starts its processes from there too.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.plugins.after_import import after_import
from harness.plugins.warm_shim import EXECUTABLE_VARIABLE, FALLBACK_VARIABLE, SOCKET_VARIABLE

SWITCH = "HARNESS_WARM"
"""Environment variable that asks for a warm server ("1", "attempt")."""

SHIM = Path(__file__).with_name("warm_shim.py")


def start_for_driver() -> None:
    """Let a run start its processes warm, if the switch is on.

    The driver starts the server unless the launcher gave it one, which dies with the attempt. All
    others inherit the name of the server's socket, and start no raylet.
    """
    if os.environ.get(SWITCH) not in ("1", "attempt"):
        return
    if SOCKET_VARIABLE not in os.environ:
        os.environ.update(server_variables(Path(tempfile.gettempdir())))
        _start_server(os.environ[SOCKET_VARIABLE])
    after_import("ray._private.services", _start_workers_warm)


def server_variables(folder: Path) -> dict[str, str]:
    """Return the variables by which processes find a server with its socket in this folder."""
    executable = str(_write_executable(folder))
    return {SOCKET_VARIABLE: str(folder / "warm.sock"), EXECUTABLE_VARIABLE: executable}


def _start_server(path: str) -> None:
    """Start the server on a socket that takes requests from now on, before it can answer them."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(64)
    words = ["-m", "harness.plugins.warm_server", str(listener.fileno()), str(os.getpid())]
    subprocess.Popen([sys.executable, *words], pass_fds=[listener.fileno()])
    listener.close()


def _write_executable(folder: Path) -> Path:
    """Write the file that stands for an interpreter; multiprocessing can name nothing but one."""
    path = folder / "warm-python"
    command = shlex.join([sys.executable, "-S", "-E", str(SHIM), "spawn"])
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o700)
    return path


def _start_workers_warm(module: Any) -> None:
    """Let the raylet start its Python workers through the shim.

    Works around, in Ray 2.60: every worker is a new interpreter that imports everything again. Its
    command, `[python, setup_worker.py, ...]`, has no place for options of the interpreter, and
    `start_raylet` joins it by `subprocess.list2cmdline`: only there can it be changed.
    No longer needed when: `ray.init` takes the command of a worker.
    """
    original = module.start_raylet

    def start_raylet(*args: Any, **kwargs: Any) -> Any:
        command = module.subprocess.list2cmdline

        def list2cmdline(words: Sequence[str]) -> str:
            words = list(words)
            if len(words) > 1 and words[1].endswith("setup_worker.py"):
                os.environ[FALLBACK_VARIABLE] = words[1]
                words[1:2] = ["-S", "-E", str(SHIM), "ray"]
            return command(words)

        module.subprocess.list2cmdline = list2cmdline
        try:
            return original(*args, **kwargs)
        finally:
            module.subprocess.list2cmdline = command

    module.start_raylet = start_raylet
