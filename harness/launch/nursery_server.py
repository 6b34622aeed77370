"""The process from which the attempts of a session are forked (see nursery.py).

    python -m harness.launch.nursery_server <socket's descriptor> <pid of the harness> <filling>

It has imported what the processes of a cell need, computes nothing and reads nothing of any cell
but the request, which only its fork carries out. So each attempt begins from the same memory,
whatever the attempts before it did. The fork becomes the attempt's supervisor, which forks the
attempt's own warm server and its driver:

    harness - this - supervisor - warm server - Ray's workers, vLLM's processes
                                - driver - raylet, gcs_server

The kernel ends each with its parent, and the supervisor ends what is left below it.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import selectors
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from harness.launch import supervise
from harness.launch.cleanup import remove_scratch
from harness.launch.processes import TAG
from harness.plugins import warm, warm_server
from harness.plugins.warm_shim import SOCKET_VARIABLE

STATUS = struct.Struct("!i")
"""What a supervisor says of itself: its pid when it begins, the trainer's exit code at its end."""


NO_TAG = "0" * 32
"""Value of the tag variable in a process that belongs to no attempt; as long as every tag."""


class Role(NamedTuple):
    """What a fork is to do at the top of the program, where nothing of this process is below it.

    Attributes:
        argv: of the driver.
        listener: of the warm server; None for the driver.
    """

    argv: list[str]
    listener: socket.socket | None = None


class Nursery:
    """Forks a supervisor for every request of the harness.

    Args:
        control: socket on which requests come; its end is the end of this process.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._tag = _address_of(TAG)
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._pipe = warm_server.wake_at_ends(self._selector)

    def serve(self) -> Role | None:
        """Return None when the harness is done, and in each driver and warm server what it is."""
        while True:
            for key, _ in self._selector.select():
                if key.fd == self._pipe[0]:
                    os.read(key.fd, 512)
                elif self._control.recv(1, socket.MSG_PEEK) == b"":
                    return None
                else:
                    role = self._fork()
                    if role is not None:
                        return role
            _reap()

    def _fork(self) -> Role | None:
        """Take a request; return None here, and the roles in the processes of the attempt."""
        request = warm_server.receive(self._control)
        parent = os.getpid()
        log, report = request.descriptors.values()
        if os.fork() == 0:
            self._detach()
            _show(self._tag, request.env[TAG])
            return _begin_attempt(request, parent, log, socket.socket(fileno=report))
        os.close(log)
        os.close(report)
        return None

    def _detach(self) -> None:
        """Close, in a fork, what belongs to this process."""
        warm_server.sleep_through_ends(self._pipe)
        self._selector.close()
        self._control.close()


def _reap() -> None:
    """Collect the supervisors that ended; how they ended they told the harness themselves."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def _begin_attempt(
    request: warm_server.Request, parent: int, log: int, report: socket.socket
) -> Role | None:
    """Be the supervisor to its end, which is the end of this process; return in its two forks."""
    os.setsid()
    is_wanted = supervise.become_supervisor(parent)
    report.sendall(STATUS.pack(os.getpid()))
    grace_s, *argv = request.argv
    status: int | None = supervise.CANNOT_START
    try:
        _enter(request, log)
        if is_wanted:
            listener = _listen()
            server = _fork_below(report, f"{argv[0]} -m harness.plugins.warm_server")
            if server == 0:
                return Role(argv, listener)
            listener.close()
            driver = _fork_below(report, " ".join(argv))
            if driver == 0:
                os.setsid()
                return Role(argv)
            status = supervise.hold(driver, float(grace_s))
    except OSError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    report.sendall(STATUS.pack(128 + signal.SIGKILL if status is None else status))
    # what the imports registered for the end of a program is not for this one
    os._exit(0)


def _enter(request: warm_server.Request, log: int) -> None:
    """Take over the streams, folder and environment of the attempt."""
    null = os.open(os.devnull, os.O_RDONLY)
    for number, wanted in ((null, 0), (log, 1), (log, 2)):
        os.dup2(number, wanted)
    os.close(null)
    os.close(log)
    os.chdir(request.cwd)
    # `python -m` begins its search in the working directory
    sys.path[0] = request.cwd
    os.environ.clear()
    os.environ.update(request.env)
    os.environ.update(warm.server_variables(Path(os.environ["TMPDIR"])))
    _title(f"{sys.executable} {supervise.__file__}")


def _listen() -> socket.socket:
    """Return the socket of the attempt's warm server, which takes requests from now on."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(os.environ[SOCKET_VARIABLE])
    listener.listen(64)
    return listener


def _fork_below(report: socket.socket, title: str) -> int:
    """Fork; the new process ends with this one, and has nothing of its."""
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        report.close()
        supervise.prepare_trainer()
        # it died before the kernel was told to tell us
        if os.getppid() != parent:
            os._exit(supervise.CANNOT_START)
        _title(title)
    return pid


def _address_of(name: str) -> int:
    """Return where the value of a variable lies in the memory that the kernel shows of it."""
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_void_p
    return int(getenv(name.encode()) or 0)


def _show(address: int, value: str) -> None:
    """Write the attempt's tag where the kernel shows it, over one that has the same length.

    What a fork puts into its environment is not seen from outside; by the tag a later start finds
    what a killed harness left.
    """
    if address and ctypes.string_at(address).decode() == NO_TAG and len(value) == len(NO_TAG):
        ctypes.memmove(address, value.encode(), len(value))


def _title(text: str) -> None:
    # looked up late: the module finds the place of the title when it is imported
    sys.modules["setproctitle"].setproctitle(text)


def play(role: Role) -> None:
    """Become the attempt's warm server, or its driver."""
    if role.listener is not None:
        warm_server.become(warm_server.Server(role.listener).serve())
        return
    warm_server.forget_the_server()
    # as after `python -m <module> <words>`
    sys.orig_argv = role.argv
    sys.argv = role.argv[2:]
    runpy.run_module(role.argv[2], run_name="__main__", alter_sys=True)


def main(argv: Sequence[str]) -> None:
    """Import everything, then serve; in a fork, become what was asked for."""
    supervise.prctl(supervise.PR_SET_PDEATHSIG, signal.SIGKILL)
    # it ended before the line above: no signal would come any more
    if os.getppid() != int(argv[1]):
        return
    nursery = Nursery(socket.socket(fileno=int(argv[0])))
    warm_server.import_everything()
    # each fork has its own, and a harness that is killed could not remove this one
    remove_scratch(Path(os.environ["TMPDIR"]))
    role = nursery.serve()
    if role is not None:
        play(role)


if __name__ == "__main__":
    main(sys.argv[1:])
