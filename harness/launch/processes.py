"""Finds, names and ends the processes of one attempt, and never any other process.

A process belongs to an attempt if it descends from the attempt's supervisor, or carries the
attempt's tag in its environment. Names alone never decide: a raylet that somebody else runs on
this machine is neither watched nor ended.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil

TAG = "HARNESS_ATTEMPT"
"""Environment variable that every process of an attempt inherits; its value is unique."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A process without which the training cannot go on.

    Attributes:
        role: what it is, for people.
        pid: its process id.
        log: stem of its own log files in Ray's log directory; empty if it has none.
    """

    role: str
    pid: int
    log: str


def role_of(name: str, argv: Sequence[str]) -> tuple[str, str] | None:
    """Return (role, stem of its log files) of a process that must not die, or None.

    Args:
        name: the kernel's name of the process (at most 15 characters).
        argv: its command line; vLLM writes its title over it.
    """
    program = os.path.basename(argv[0]) if argv else ""
    if program in ("raylet", "gcs_server"):
        return f"Ray's {program}", program
    title = argv[0] if argv else name
    # vLLM's processes are Python by their program: only the title tells them
    if title.startswith("VLLM::") or name.startswith("VLLM::"):
        return f"vLLM's {title.split()[0].removeprefix('VLLM::')} process", ""
    return None


def tagged(tag: str) -> list[psutil.Process]:
    """Return the living processes whose environment carries this tag."""
    found = []
    for process in psutil.process_iter():
        try:
            is_ours = process.environ().get(TAG) == tag
        # of another user, or ended meanwhile
        except (psutil.Error, OSError):
            continue
        if is_ours:
            found.append(process)
    return found


def is_alive(process: psutil.Process) -> bool:
    """Tell whether the process runs; a zombie does not, nor does another one with its old pid."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def find_process(pid: int, created: float) -> psutil.Process | None:
    """Return the process with this pid, if it is the one that started at `created` (epoch s)."""
    try:
        process = psutil.Process(pid)
        # a second of tolerance: psutil adds ticks since boot to a boot time in whole seconds
        return process if abs(process.create_time() - created) < 1.0 else None
    except psutil.Error:
        return None


def end_processes(processes: Iterable[psutil.Process], grace_s: float) -> int:
    """Send SIGTERM, wait up to `grace_s`, send SIGKILL; return how many had to be ended."""
    alive = [process for process in processes if is_alive(process)]
    for process in alive:
        _send(process, "terminate")
    _gone, stubborn = psutil.wait_procs(alive, timeout=grace_s)
    for process in stubborn:
        _send(process, "kill")
    psutil.wait_procs(stubborn, timeout=grace_s)
    return len(alive)


def _send(process: psutil.Process, action: str) -> None:
    try:
        getattr(process, action)()
    except psutil.Error:
        return


class Family:
    """The processes below one supervisor, refreshed at every observation.

    Attributes:
        supervisor: its process.
        members: those alive at the last refresh.
    """

    def __init__(self, pid: int) -> None:
        """Begin with a supervisor that was just started."""
        self.supervisor = psutil.Process(pid)
        self.created = self.supervisor.create_time()
        self.members: list[psutil.Process] = []
        self._trainer: psutil.Process | None = None
        self._watched: dict[psutil.Process, Watched] = {}

    def refresh(self) -> None:
        """Find the members anew and take note of those that must not die."""
        try:
            self.members = self.supervisor.children(recursive=True)
            # the first: what the trainer leaves behind becomes the supervisor's child as well
            self._trainer = self._trainer or next(iter(self.supervisor.children()), None)
        except psutil.Error:
            self.members = []
        for process in self.members:
            if process not in self._watched:
                self._note(process)

    def _note(self, process: psutil.Process) -> None:
        try:
            role = role_of(process.name(), process.cmdline())
        except psutil.Error:
            return
        if role is not None:
            self._watched[process] = Watched(role[0], process.pid, role[1])

    def lost(self) -> tuple[Watched, ...]:
        """Return the processes that must not die and did."""
        return tuple(seen for process, seen in self._watched.items() if not is_alive(process))

    def has_lost_trainer(self) -> bool:
        """Tell whether the trainer itself has ended, which takes its parts with it."""
        return self._trainer is not None and not is_alive(self._trainer)

    def rss_bytes(self) -> int:
        """Return the sum of the resident sizes; pages that are shared count more than once."""
        total = 0
        for process in self.members:
            try:
                total += process.memory_info().rss
            except psutil.Error:
                continue
        return total
