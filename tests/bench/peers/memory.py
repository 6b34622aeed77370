"""The memory of everything that a command starts, shared pages counted once."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from types import TracebackType

MARK = "BENCH_MARK"
"""Variable in the environment of what is watched; children inherit it, daemons too."""
EVERY_S = 5.0
"""A look costs some milliseconds per process: seldom enough to leave the times alone."""


class PeakMemory:
    """Looks now and then at the processes that carry its mark, while it is entered.

    Attributes:
        environment: what the watched command must have in its environment.
        peak_mib: largest proportional set size of all of them together [MiB].
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        """Make a mark; `every_s` are the seconds between two looks."""
        self._every_s = every_s
        self._mark = uuid.uuid4().hex
        self.environment = {MARK: self._mark}
        self.peak_mib = 0.0
        self._known: dict[str, bool] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Look no more."""
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(self._every_s):
            self.peak_mib = max(self.peak_mib, self._now_mib())

    def _now_mib(self) -> float:
        pids = [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]
        return sum(_pss_kib(pid) for pid in pids if self._is_marked(pid)) / 2**10

    def _is_marked(self, pid: str) -> bool:
        # asked once, but for those that are about to become another program
        if not self._known.get(pid):
            try:
                environment = Path("/proc", pid, "environ").read_bytes()
            except OSError:
                return False
            self._known[pid] = f"{MARK}={self._mark}".encode() in environment
        return self._known[pid]


def _pss_kib(pid: str) -> int:
    try:
        text = Path("/proc", pid, "smaps_rollup").read_text()
    except OSError:
        # it ended meanwhile
        return 0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
