"""Runs one training process and, when it ends or is asked to, ends everything it started.

A small program of its own (standard library only, run by path), because three guarantees need a
process that does nothing else:

* It is the *subreaper* of the training's processes: whatever daemonises itself (raylet, gcs_server,
  vLLM's engine core) becomes its child when its parent ends, so "descendant of the supervisor" is
  exactly "started by this attempt", and no process of anybody else is ever meant.
* The kernel sends it SIGTERM when the harness dies, even by SIGKILL, and SIGKILL to the trainer
  when the supervisor dies: no order of deaths leaves the trainer running.
* It lives in a session of its own, so a Ctrl-C in the terminal reaches the harness alone, which
  then decides the order in which things end.

It ends as the trainer ended: same exit code, or the same signal.

Usage: supervise.py <pid of the harness> <grace in seconds> <argv of the trainer ...>
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
STOPS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
WATCHED = STOPS | {signal.SIGCHLD}
KILL_WAIT_S = 5.0
CANNOT_START = 127

_LIBC = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    """Set one attribute of this process; `OSError` if the kernel refuses."""
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def prepare_trainer() -> None:
    """Run in the trainer's process before its program: dies with the supervisor, signals free."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def parents() -> dict[int, int]:
    """Return pid -> parent's pid of every process that is not a zombie."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # The command name stands in brackets and may itself hold brackets and blanks.
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state not in b"ZX":
            found[int(name)] = int(parent)
    return found


def descendants(root: int, parent_of: dict[int, int]) -> list[int]:
    """Return the pids below `root`, nearest first."""
    children: dict[int, list[int]] = {}
    for pid, parent in parent_of.items():
        children.setdefault(parent, []).append(pid)
    found, front = [], [root]
    while front:
        front = [pid for parent in front for pid in children.get(parent, [])]
        found += front
    return found


def signal_all(pids: list[int], number: int) -> None:
    """Send a signal to each process that still exists."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


class Supervisor:
    """Holds the trainer's process and collects every child that ends."""

    def __init__(self, trainer: int, grace_s: float) -> None:
        """Take over a trainer that was just started."""
        self.trainer = trainer
        self.grace_s = grace_s
        self.status: int | None = None

    def reap(self) -> bool:
        """Collect ended children and remember how the trainer ended; True if no child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.trainer:
                self.status = os.waitstatus_to_exitcode(status)

    def wait_until(self, is_reached: Callable[[], bool], seconds: float) -> bool:
        """Reap until a condition holds; False if it did not within `seconds`."""
        end = time.monotonic() + seconds
        while True:
            self.reap()
            if is_reached():
                return True
            if time.monotonic() >= end:
                return False
            time.sleep(0.02)

    def wait_for_trainer(self) -> None:
        """Return when the trainer has ended, or when somebody asks for the end."""
        while self.status is None:
            received = signal.sigtimedwait(WATCHED, 1.0)
            self.reap()
            if received is not None and received.si_signo in STOPS:
                return

    def below(self) -> list[int]:
        """Return the living processes of this attempt."""
        return descendants(os.getpid(), parents())

    def end_all(self) -> None:
        """End the trainer first (it shuts its Ray down in order), then what is left."""
        if self.status is None:
            signal_all([self.trainer], signal.SIGTERM)
            self.wait_until(lambda: self.status is not None, self.grace_s)
        signal_all(self.below(), signal.SIGTERM)
        # An orphan becomes our child, so none of the tree is left when no child is left; zombies
        # included, which nobody might collect after us.
        if self.wait_until(self.reap, self.grace_s / 2):
            return
        end = time.monotonic() + KILL_WAIT_S
        while not self.reap() and time.monotonic() < end:
            # again and again: what is killed may have started something just before
            signal_all(self.below(), signal.SIGKILL)
            self.wait_until(self.reap, 0.2)


def end_like(status: int | None) -> int:
    """End this process as the trainer ended; returns its exit code unless a signal ended it."""
    if status is None:
        return 128 + signal.SIGKILL
    if status < 0:
        # it dies by a signal that was meant for the trainer: a core of its own would tell nothing
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.kill(os.getpid(), -status)
    return status


def become_supervisor(parent: int) -> bool:
    """Make this process one that ends with its parent and holds what its children leave.

    Returns:
        False if the parent has ended already.
    """
    # blocked before anything starts: a signal then waits for `sigtimedwait` and is never lost
    signal.pthread_sigmask(signal.SIG_SETMASK, WATCHED)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # else it died before the kernel was told to tell us
    return os.getppid() == parent


def hold(trainer: int, grace_s: float) -> int | None:
    """Return how a trainer ended (None: it had to be killed), when nothing of it is left."""
    supervisor = Supervisor(trainer, grace_s)
    supervisor.wait_for_trainer()
    supervisor.end_all()
    return supervisor.status


def main(arguments: list[str]) -> int:
    """Run the trainer; see the module's docstring for the arguments."""
    harness, grace_s, argv = int(arguments[0]), float(arguments[1]), arguments[2:]
    if not become_supervisor(harness):
        return CANNOT_START
    try:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=prepare_trainer
        )
    except OSError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return CANNOT_START
    return end_like(hold(process.pid, grace_s))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
