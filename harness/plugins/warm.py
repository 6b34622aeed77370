"""A Python that has imported torch and vLLM already, for every process of a run to start from.

A cell has some ten Python processes (Ray's workers, vLLM's engine core and worker), and each would
import torch, verl and vLLM anew: 8 to 15 CPU seconds, a hundred in all, most of the start-up on two
cores. Here one process per attempt imports them once, without starting a thread or computing
anything, and forks for each request. What runs in a fork is the same code with the same arguments,
environment and descriptors. `HARNESS_WARM=1` switches it on; the driver starts it while it imports
verl itself, and points Ray's worker command at `warm_shim.py` and multiprocessing at a wrapper of
it (`multiprocessing.set_executable`).

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
"""Environment variable that asks for a warm server ("1")."""

SHIM = Path(__file__).with_name("warm_shim.py")


def start_for_driver() -> None:
    """Start the warm server if this process is a run's driver and the switch is on.

    The driver is the process that has the switch but no server yet; all others inherit the name of
    the server's socket from it. The server dies with the driver.
    """
    if os.environ.get(SWITCH) != "1" or SOCKET_VARIABLE in os.environ:
        return
    folder = Path(tempfile.gettempdir())
    os.environ[SOCKET_VARIABLE] = str(folder / "warm.sock")
    os.environ[EXECUTABLE_VARIABLE] = str(_write_executable(folder))
    _start_server(os.environ[SOCKET_VARIABLE])
    after_import("ray._private.services", _start_workers_warm)


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
