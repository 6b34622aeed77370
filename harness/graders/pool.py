"""Grading many samples at once: a pool of long-lived processes, none of which can hold it up."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import Self

from harness.graders.process import GraderProcess
from harness.graders.registry import GRADERS, GraderUnavailableError
from harness.graders.verdict import Sample, Verdict

_LOOK_AGAIN_S = 0.02
"""Longest wait for an answer before time limits are looked at again."""

_TRIES, _PAUSE_S = 3, 5.0
"""A node that is short of memory or processes for a moment must not end a run of weeks."""


class Pool:
    """Processes of one grader.

    Args:
        grader: a name of `registry.GRADERS`.
        workers: number of processes.
        limit_s: CPU seconds per sample; None is the grader's own limit.

    Raises:
        GraderUnavailableError: the grader cannot be loaded: said here, not sample by sample.
        KeyError: there is no such grader.
    """

    def __init__(self, grader: str, *, workers: int = 1, limit_s: float | None = None) -> None:
        self._grader = GRADERS[grader]
        self._workers = workers
        self._limit_s = self._grader.limit_s if limit_s is None else limit_s
        self._lock = threading.Lock()
        self._gone = ""
        self._processes: list[GraderProcess] = []
        self._start()

    @property
    def replaced(self) -> int:
        """Number of processes that were over their limit or ended, and were replaced."""
        return sum(process.replaced for process in self._processes)

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all gradings so far; a sample that was ended counts with its limit."""
        return sum(process.cpu_s for process in self._processes)

    def __enter__(self) -> Self:
        """Return the pool."""
        return self

    def __exit__(self, *_: object) -> None:
        """End its processes."""
        self.close()

    def close(self) -> None:
        """End the processes; the next samples start new ones."""
        for process in self._processes:
            process.close()
        self._processes = []

    def grade(self, samples: Sequence[Sample]) -> list[Verdict]:
        """Grade samples; never raises for what is in them.

        Callers in several threads wait for each other.

        Returns:
            One verdict per sample, in their order.

        Raises:
            GraderUnavailableError: no process could be started at the last of three tries, now or
                at an earlier call.
        """
        verdicts: dict[int, Verdict] = {}
        with self._lock:
            if self._gone:
                # else each response of a batch that is lost would wait for all tries
                raise GraderUnavailableError(self._gone)
            for more in reversed(range(_TRIES)):
                try:
                    self._grade(samples, verdicts)
                    break
                except GraderUnavailableError as error:
                    self.close()
                    if not more:
                        self._gone = str(error)
                        raise
                    time.sleep(_PAUSE_S)
                except BaseException:
                    # what was being graded would answer the next call
                    self.close()
                    raise
        return [verdicts[place] for place in range(len(samples))]

    def _grade(self, samples: Sequence[Sample], verdicts: dict[int, Verdict]) -> None:
        if not self._processes:
            self._start()
        waiting = deque(place for place in range(len(samples)) if place not in verdicts)
        places: dict[GraderProcess, int] = {}
        while len(verdicts) < len(samples):
            for process in self._processes:
                if process.is_ready and waiting:
                    places[process] = waiting.popleft()
                    process.send(samples[places[process]])
            for process, verdict in self._receive_all():
                verdicts[places.pop(process)] = verdict

    def _start(self) -> None:
        try:
            for _ in range(self._workers):
                self._processes.append(GraderProcess(self._grader, self._limit_s))
            while not all(process.is_ready for process in self._processes):
                self._receive_all()
        except BaseException:
            self.close()
            raise

    def _receive_all(self) -> list[tuple[GraderProcess, Verdict]]:
        wait([process.fileno() for process in self._processes], _LOOK_AGAIN_S)
        answers = [(process, process.receive()) for process in self._processes]
        return [(process, verdict) for process, verdict in answers if verdict is not None]


_POOLS: dict[tuple[int, str], Pool] = {}
_POOLS_LOCK = threading.Lock()


def shared_pool(grader: str) -> Pool:
    """Return this process's own pool of one worker, started at the first call.

    Raises:
        GraderUnavailableError: the grader cannot be loaded.
    """
    # a forked process must not share the pipes of its parent
    key = (os.getpid(), grader)
    with _POOLS_LOCK:
        if key not in _POOLS:
            _POOLS[key] = Pool(grader)
            atexit.register(_POOLS[key].close)
        return _POOLS[key]
