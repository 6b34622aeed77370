"""Leaves nothing behind: the scratch directory, shared memory, sockets, and an earlier attempt.

Shared memory is the hard case, because a segment is a file without an owner process. A new file
in /dev/shm is removed only if it was not there before the attempt, belongs to this user, is held
(open or mapped) by no living process, and either
* was seen in the hands of a process of this attempt, or
* was never seen, and its name is one that the engines give (Ray's plasma, Python's psm_, verl's
  weights, torch, vLLM) and it was written after the attempt started. Segments of a weight sync live
  for milliseconds, so most are never seen; the name and the time must do.
Two attempts of one user at the same time can be told apart only by the first rule; a segment of the
other one that nobody holds at this moment and that has such a name is the remaining risk.
Sockets lie in the scratch directory, which TMPDIR names, and go with it; verl's own sockets have a
fixed directory and are treated like segments ("held" then means: bound, as the kernel lists it).
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from harness.launch.processes import end_processes, find_process, tagged
from harness.schema import UsageError
from harness.store.files import write_json
from harness.untrusted.files import read_bytes
from harness.untrusted.json_text import parse_json

PROCESS_FILE = "process.json"
SCRATCH_PREFIX = "rz-"
# a Unix socket's address has 108 bytes on Linux, the last one a zero
LONGEST_SOCKET = 107
# the longest path that Ray makes below its temporary directory; its session is named by the time
# and a process id, so the digits are placeholders
RAY_SOCKET = "/ray/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store"
SHARED_MEMORY = Path("/dev/shm")
VERL_SOCKETS = Path(os.sep, "tmp")
"""Fixed directory of verl's weight-sync sockets (`vllm_rollout.py`, `zmq_handle`)."""
SOCKET_PREFIX = "rl-colocate-zmq-"
ENGINE_NAMES = re.compile(
    r"^(?:plasma|psm_|verl_|torch_|vllm|rl-colocate-zmq-|sem\.(?:mp-|loky-)|ray_|nccl-|gloo)"
)
# Finding who holds a segment reads the maps of every process. One that none of ours holds at three
# observations in a row is somebody else's.
TRIES_PER_NAME = 3


@contextmanager
def scratch_directory(parent: Path | None = None) -> Iterator[Path]:
    """Make a private directory with a short path for one attempt, and remove it afterwards.

    Ray puts its sockets below it, and a socket's path may have at most 107 bytes.

    Args:
        parent: where to make it; the system's temporary directory by default.

    Raises:
        UsageError: the path would be too long for Ray's sockets.
    """
    root = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=parent))
    try:
        longest = len(os.fsencode(f"{root}{RAY_SOCKET}"))
        if longest > LONGEST_SOCKET:
            raise UsageError(
                f"the temporary directory {root.parent} is too deep for Ray's sockets: a path "
                f"would have {longest} bytes, at most {LONGEST_SOCKET} are allowed; set "
                "TMPDIR to a shorter directory"
            )
        yield root
    finally:
        remove_scratch(root)


def remove_scratch(path: Path) -> None:
    """Remove a scratch directory; anything that is not one of ours is left alone."""
    # the path may come from the note of an earlier attempt, a file that may have been edited
    if path.name.startswith(SCRATCH_PREFIX) and path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)


def listing(directory: Path) -> set[str]:
    """Return the names in a directory; none if it cannot be read."""
    try:
        return set(os.listdir(directory))
    except OSError:
        return set()


def held_names(directory: Path, pids: Iterable[int]) -> set[str]:
    """Return the names in `directory` that one of the processes has open or mapped."""
    prefix = f"{directory}/"
    found = set()
    for pid in pids:
        for path in (*_open_paths(pid), *_mapped_paths(pid)):
            if path.startswith(prefix):
                # the kernel marks a name that was unlinked while it is held
                found.add(path.removeprefix(prefix).removesuffix(" (deleted)"))
    return found


def _open_paths(pid: int) -> list[str]:
    folder = f"/proc/{pid}/fd"
    paths = []
    for name in listing(Path(folder)):
        try:
            paths.append(os.readlink(f"{folder}/{name}"))
        except OSError:
            continue
    return paths


def _mapped_paths(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
            return [line[line.index("/") :].rstrip("\n") for line in file if "/" in line]
    except OSError:
        return []


def bound_sockets() -> set[str]:
    """Return the paths of all Unix sockets that a living process has bound."""
    try:
        text = Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    return {line[line.index("/") :] for line in text.splitlines() if "/" in line}


def may_remove(name: str, modified: float, since: float, was_ours: bool) -> bool:
    """Tell whether a new file that nobody holds is a leftover of the attempt.

    `modified` and `since` (the start of the attempt) are epoch seconds; `was_ours`: one of the
    attempt's processes was seen to hold it.
    """
    return was_ours or (modified >= since and ENGINE_NAMES.match(name) is not None)


class Leftovers:
    """What appears in the shared directories while an attempt runs.

    Args:
        before: directory -> names that were there before; taken now if None.
        since: start of the attempt, epoch seconds; now if None.
        directories: the directory of shared memory, then others; by default that of verl's sockets.
    """

    def __init__(
        self,
        before: Mapping[str, Iterable[str]] | None = None,
        since: float | None = None,
        directories: Iterable[Path] | None = None,
    ) -> None:
        """Remember what is there already."""
        self.directories = tuple(directories or (SHARED_MEMORY, VERL_SOCKETS))
        self.before = {
            directory: _names(directory) if before is None else set(before.get(str(directory), ()))
            for directory in self.directories
        }
        # One second back: file systems keep coarser times than clocks.
        self.since = time.time() - 1.0 if since is None else since
        self._ours: set[str] = set()
        self._tries: dict[str, int] = {}

    def as_json(self) -> dict[str, list[str]]:
        """Return `before` for the attempt's file."""
        return {str(directory): sorted(names) for directory, names in self.before.items()}

    def note(self, pids: Iterable[int]) -> None:
        """Note which new segments are held by the attempt's processes; cheap if none is new."""
        shared = self.directories[0]
        new = listing(shared) - self.before[shared] - self._ours
        open_names = {name for name in new if self._tries.get(name, 0) < TRIES_PER_NAME}
        if not open_names:
            return
        for name in open_names:
            self._tries[name] = self._tries.get(name, 0) + 1
        self._ours |= held_names(shared, pids) & open_names

    def remove(self) -> list[Path]:
        """Remove what the attempt left; call it when its processes have ended."""
        candidates = [path for one in self.directories for path in self._candidates(one)]
        if not candidates:
            return []
        # asked of all processes, not of ours alone: a segment of another program is left to it
        held = held_names(self.directories[0], psutil.pids())
        bound = bound_sockets()
        removed = []
        for path in candidates:
            is_held = path.parent == self.directories[0] and path.name in held
            if str(path) not in bound and not is_held:
                path.unlink(missing_ok=True)
                removed.append(path)
        return removed

    def _candidates(self, directory: Path) -> list[Path]:
        found = []
        for name in sorted(_names(directory) - self.before[directory]):
            try:
                # lstat: a link is judged by itself, not by what it points to
                status = os.lstat(directory / name)
            except OSError:
                continue
            was_ours = directory == self.directories[0] and name in self._ours
            if (
                status.st_uid == os.getuid()
                and not stat.S_ISDIR(status.st_mode)
                and may_remove(name, status.st_mtime, self.since, was_ours)
            ):
                found.append(directory / name)
        return found


def _names(directory: Path) -> set[str]:
    names = listing(directory)
    return {n for n in names if n.startswith(SOCKET_PREFIX)} if directory == VERL_SOCKETS else names


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessNote:
    """What the next start must know of an attempt whose harness was killed: process.json.

    Attributes:
        tag: value of the tag variable in all processes of the attempt.
        pid / created: of the supervisor; the epoch second guards against a reused pid.
        started: epoch seconds.
        scratch: its scratch directory; empty if it had none.
        before: shared directory -> names that were there when it started.
    """

    tag: str
    pid: int
    created: float
    started: float
    scratch: str
    before: dict[str, list[str]]


def write_note(attempt_dir: Path, note: ProcessNote) -> None:
    """Write process.json; it stands there only while the attempt runs."""
    write_json(attempt_dir / PROCESS_FILE, asdict(note))


def read_note(attempt_dir: Path) -> ProcessNote | None:
    """Return the note of an attempt; None if there is none or it cannot be read."""
    try:
        return ProcessNote(**parse_json(read_bytes(attempt_dir / PROCESS_FILE)))
    except (OSError, ValueError, TypeError):
        return None


def remove_note(attempt_dir: Path) -> None:
    """Remove process.json once nothing of the attempt is left."""
    (attempt_dir / PROCESS_FILE).unlink(missing_ok=True)


def end_leftovers(attempt_dir: Path, grace_s: float = 5.0) -> int:
    """End what an earlier attempt left running, and remove what it left lying.

    Needed when the harness was killed by SIGKILL: its processes end with it, its scratch directory
    and segments stay. The caller must hold the lock of the cell, so that the attempt cannot belong
    to a harness that still runs. Does nothing for an attempt that ended in order.

    Returns:
        Number of processes that were still alive; SIGKILL follows SIGTERM after `grace_s` seconds.
    """
    note = read_note(attempt_dir)
    if note is None:
        return 0
    # found by descent and by tag: what lost its parent has the tag, what changed its environment
    # has the parent
    supervisor = find_process(note.pid, note.created)
    family = [supervisor, *supervisor.children(recursive=True)] if supervisor else []
    ended = end_processes({*family, *tagged(note.tag)}, grace_s)
    if note.scratch:
        remove_scratch(Path(note.scratch))
    Leftovers(note.before, note.started).remove()
    remove_note(attempt_dir)
    return ended
