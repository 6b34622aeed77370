"""Keeps a process with the imports of a cell for a session, from which its attempts are forked.

A new interpreter imports for six seconds before a cell begins, and its warm server for ten CPU
seconds beside it. The kept process (nursery_server.py) does so once. An attempt that starts from it
has the same processes, environment and streams as any other, and nothing of another attempt.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from harness.launch.cleanup import scratch_directory
from harness.launch.nursery_server import NO_TAG, STATUS
from harness.launch.processes import TAG
from harness.plugins.warm import SWITCH
from harness.plugins.warm_shim import send

PROGRAM = ("-m", "harness.launch.nursery_server")
FILLING = "-" * 200
"""Last argument of the kept process: the titles of its forks are written over its arguments."""

OF_THE_ATTEMPT = frozenset({TAG, "TMPDIR", "RAY_TMPDIR", "RAY_AUTH_TOKEN", "VERL_FILE_LOGGER_PATH"})
"""Variables that a kept process does not get: nothing that it imports reads them."""

SEED_PREFIX = "HARNESS_SEED_"
"""Beginning of the names of an attempt's seeds, which a kept process does not get either."""

MOST_KEPT = 2
"""Kept processes at a time: each holds some 600 MiB, and each start environment needs its own."""

ANSWER_S = 120.0
END_S = 10.0


class Place(NamedTuple):
    """Where an attempt runs: its folder, its log, and the seconds that its trainer gets to end."""

    folder: Path
    log: BinaryIO
    grace_s: float


class KeptProcess:
    """A supervisor that was forked from a kept process; to be used like a `subprocess.Popen`.

    Args:
        pid: of the supervisor.
        report: socket on which it says how the trainer ended.
    """

    def __init__(self, pid: int, report: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._report = report
        # of nobody else, even if the process has ended and its pid has been given away
        self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return the exit code of the trainer, negative for a signal; None while it runs."""
        return self._look(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code.

        Raises:
            subprocess.TimeoutExpired: it runs on after so many seconds.
        """
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("a kept process's fork", timeout or 0.0)
        return code

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            signal.pidfd_send_signal(self._handle, number)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is not None:
            return self.returncode
        poller = select.poll()
        poller.register(self._handle, select.POLLIN)
        if poller.poll(None if timeout is None else timeout * 1000.0):
            told = self._report.recv(STATUS.size)
            # whoever says nothing was killed
            self.returncode = STATUS.unpack(told)[0] if told else -signal.SIGKILL
            self._report.close()
            os.close(self._handle)
        return self.returncode


class Nursery:
    """One kept process, from its start to its end.

    Args:
        environment: of an attempt, without what belongs to it alone.
        program: arguments of the interpreter.
    """

    def __init__(self, environment: Mapping[str, str], program: Sequence[str] = PROGRAM) -> None:
        self._held = ExitStack()
        self._log = self._held.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        scratch = self._held.enter_context(scratch_directory())
        self._control, theirs = socket.socketpair()
        self._lock = threading.Lock()
        self.started: list[KeptProcess] = []
        with theirs:
            words = (str(theirs.fileno()), str(os.getpid()), FILLING)
            self.process = subprocess.Popen(
                (sys.executable, *program, *words),
                cwd=scratch,
                env={**environment, TAG: NO_TAG, "TMPDIR": str(scratch)},
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    @property
    def is_idle(self) -> bool:
        """True when no attempt that was forked from it runs."""
        return all(process.poll() is not None for process in self.started)

    def start(
        self, argv: Sequence[str], environment: Mapping[str, str], place: Place
    ) -> KeptProcess:
        """Fork an attempt; waits for the imports if they are still made.

        Raises:
            OSError: the kept process has ended, or does not answer.
        """
        ours, theirs = socket.socketpair()
        ours.settimeout(ANSWER_S)
        request: dict[str, object] = {
            "kind": "attempt",
            "argv": [f"{place.grace_s:g}", *argv],
            "cwd": str(place.folder),
            "env": dict(environment),
        }
        with ExitStack() as held:
            held.callback(ours.close)
            with theirs, self._lock:
                send(self._control, request, [place.log.fileno(), theirs.fileno()])
            pid = ours.recv(STATUS.size)
            if not pid:
                raise BrokenPipeError(self._last_words())
            process = KeptProcess(STATUS.unpack(pid)[0], ours)
            held.pop_all()
        self.started.append(process)
        return process

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").splitlines()
        return lines[-1] if lines else "the kept process has ended"

    def end(self) -> None:
        """End the kept process, and with it what was forked from it and still runs."""
        self._control.close()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._held.close()


class Nurseries:
    """The kept processes of a session, one for each environment in which its attempts begin."""

    def __init__(self, program: Sequence[str] = PROGRAM) -> None:
        self._program = program
        self._kept: dict[frozenset[tuple[str, str]], Nursery] = {}
        self._lock = threading.Lock()

    def start(
        self, argv: Sequence[str], environment: Mapping[str, str], place: Place
    ) -> KeptProcess | None:
        """Fork an attempt; None, with a line in its log, if that is not possible."""
        common = start_environment(environment)
        try:
            return self._nursery(common).start(argv, environment, place)
        except OSError as error:
            self._forget(common)
            place.log.write(f"no start from a kept process: {error}\n".encode())
            place.log.flush()
            return None

    def _nursery(self, common: Mapping[str, str]) -> Nursery:
        key = frozenset(common.items())
        with self._lock:
            if key not in self._kept:
                self._make_room()
                self._kept[key] = Nursery(common, self._program)
            return self._kept[key]

    def _make_room(self) -> None:
        if len(self._kept) < MOST_KEPT:
            return
        idle = [key for key, nursery in self._kept.items() if nursery.is_idle]
        if not idle:
            raise BlockingIOError(f"{MOST_KEPT} other environments are in use")
        self._kept.pop(idle[0]).end()

    def _forget(self, common: Mapping[str, str]) -> None:
        """Leave a kept process that did not answer, unless attempts of it still run."""
        with self._lock:
            nursery = self._kept.get(frozenset(common.items()))
            if nursery is not None and nursery.is_idle:
                del self._kept[frozenset(common.items())]
                nursery.end()

    def end(self) -> None:
        """End all of them."""
        for nursery in self._kept.values():
            nursery.end()
        self._kept.clear()


_active: list[Nurseries] = []


@contextmanager
def kept_nurseries(program: Sequence[str] = PROGRAM) -> Iterator[None]:
    """Let the attempts inside the block start from kept processes, which end with the block."""
    nurseries = Nurseries(program)
    _active.append(nurseries)
    try:
        yield
    finally:
        _active.remove(nurseries)
        nurseries.end()


def start_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what of an attempt's environment its processes begin with, and others share."""
    return {
        name: value
        for name, value in environment.items()
        if name not in OF_THE_ATTEMPT and not name.startswith(SEED_PREFIX)
    }


def start(argv: Sequence[str], environment: Mapping[str, str], place: Place) -> KeptProcess | None:
    """Fork an attempt from a kept process.

    Returns:
        Its supervisor; None if nothing is kept, the attempt does not ask for it (HARNESS_WARM=1),
        is no module of this interpreter or has no temporary directory of its own, or it failed.
    """
    is_module = tuple(argv[:2]) == (sys.executable, "-m")
    if (
        not _active
        or not is_module
        or environment.get(SWITCH) != "1"
        or "TMPDIR" not in environment
    ):
        return None
    return _active[-1].start(argv, environment, place)
