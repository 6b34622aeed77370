"""A process from the warm server is the process that was asked for, and both end together.

The real server and the real shim, with small modules in the place of torch and vLLM.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.plugins.warm import SHIM
from harness.plugins.warm_shim import EXECUTABLE_VARIABLE, SOCKET_VARIABLE

ROOT = Path(__file__).parents[2]
SERVER = """
import sys
from harness.plugins import warm_server
warm_server.MODULES = ("json", "decimal", "numpy")
warm_server.WITHOUT_RAY = "json"
warm_server.main(sys.argv[1:])
"""
TELL = """
import json, os, sys, threading
print(json.dumps([sys.argv, os.getcwd(), os.environ.get("WORD"), sys.stdin.read(),
    "decimal" in sys.modules, os.getppid(), os.getpid()]))
sys.exit(7)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(tmp_path / "w.sock"))
    listener.listen(8)
    number = listener.fileno()
    words = [sys.executable, "-c", SERVER, str(number), str(os.getpid())]
    process = subprocess.Popen(words, pass_fds=[number], cwd=ROOT)
    listener.close()
    yield process
    process.kill()
    process.wait()


def shim(tmp_path: Path, code: str, *words: str, **variables: str) -> subprocess.Popen[bytes]:
    """A process started through the shim."""
    return subprocess.Popen(
        [sys.executable, "-S", "-E", str(SHIM), "spawn", "-B", "-c", code, *words],
        env={
            **os.environ,
            SOCKET_VARIABLE: str(tmp_path / "w.sock"),
            EXECUTABLE_VARIABLE: sys.executable,
            **variables,
        },
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def wait_until(is_so, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.02)
    return False


def test_a_fork_has_the_arguments_place_variables_streams_and_exit_code(tmp_path, server) -> None:
    process = shim(tmp_path, TELL, "a", "b c", WORD="x")
    out, _ = process.communicate(b"sent", timeout=30)
    argv, cwd, word, read, has_module, parent, pid = json.loads(out)
    assert (argv, cwd, word, read) == (["-c", "a", "b c"], str(tmp_path), "x", "sent")
    assert has_module, "it did not start from the server's modules"
    assert (parent, process.returncode) == (server.pid, 7)
    assert pid not in (server.pid, process.pid)


def test_without_a_server_the_interpreter_itself_runs(tmp_path) -> None:
    process = shim(tmp_path, TELL, WORD="x")
    out, _ = process.communicate(b"", timeout=30)
    found = json.loads(out)
    assert found[4] is False
    assert found[6] == process.pid
    assert process.returncode == 7


@pytest.fixture
def started(tmp_path: Path, server) -> Iterator[tuple[subprocess.Popen[bytes], psutil.Process]]:
    """A shim whose fork sleeps, and that fork."""
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with shim(tmp_path, code) as process:
        assert process.stdout is not None
        yield process, psutil.Process(int(process.stdout.readline()))
        process.kill()


def test_sigterm_reaches_the_fork_and_its_end_is_the_shims(started) -> None:
    process, fork = started
    process.terminate()
    assert process.wait(timeout=10) == -signal.SIGTERM
    assert wait_until(lambda: not fork.is_running())


def test_a_killed_shim_takes_its_fork_with_it_and_the_server_goes_on(tmp_path, started) -> None:
    process, fork = started
    process.kill()
    assert wait_until(lambda: not fork.is_running())
    again = shim(tmp_path, TELL)
    again.communicate(b"", timeout=30)
    assert again.returncode == 7


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0\0\1\0{", b"\0\0\0\0"])
def test_a_request_that_ends_early_stops_nothing(tmp_path, server, sent: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as broken:
        broken.connect(str(tmp_path / "w.sock"))
        broken.sendall(sent)
    process = shim(tmp_path, TELL)
    process.communicate(b"", timeout=30)
    assert process.returncode == 7


def test_a_fork_leads_its_own_process_group(tmp_path, server) -> None:
    # the raylet ends the group of a worker that is gone
    process = shim(tmp_path, "import os; print(os.getpgrp() == os.getpid())")
    assert process.communicate(b"", timeout=30)[0] == b"True\n"


def test_the_end_of_the_server_ends_its_forks_and_the_shims_say_so(server, started) -> None:
    process, fork = started
    server.kill()
    assert process.wait(timeout=10) == 1
    assert wait_until(lambda: not fork.is_running())
