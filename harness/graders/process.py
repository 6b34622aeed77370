"""One grader process seen from its parent: given a sample, asked for the verdict, replaced."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from harness.graders import worker
from harness.graders.registry import Grader, GraderUnavailableError
from harness.graders.verdict import Outcome, Sample, Verdict, ungradable

ROOT = Path(__file__).resolve().parents[2]

MEMORY_BYTES = 4 << 30
"""Address space of one process; sympy and its caches need a small part of it."""

START_LIMIT_S = 120.0
"""Wall seconds that a process may take to import its grader, also on a busy machine."""

WALL_FACTOR = 20.0
"""A sample may take this many times its CPU limit of wall time: a busy machine changes nothing."""

RECYCLE_AFTER = 20_000
"""Samples after which a process is replaced: the tables of ANTLR and sympy only grow."""

_TICKS = os.sysconf("SC_CLK_TCK")
_CHUNK = 1 << 16


class GraderProcess:
    """A long-lived worker process, replaced when it is over its limit or has ended.

    It has at most one sample at a time. The time limit is one of CPU time, so that verdicts do not
    depend on what else the machine does.

    Args:
        grader: which one.
        limit_s: CPU seconds per sample.

    Attributes:
        replaced: how often it was over its limit or had ended.
        cpu_s: CPU seconds of all gradings so far.

    Raises:
        GraderUnavailableError: the process cannot be started.
    """

    def __init__(self, grader: Grader, limit_s: float) -> None:
        self._grader = grader
        self._limit_s = limit_s
        self.replaced = 0
        self.cpu_s = 0.0
        self._process: subprocess.Popen[bytes]
        self._is_loaded = self._is_busy = False
        self._graded = 0
        self._start()

    @property
    def is_ready(self) -> bool:
        """Whether it has loaded its grader and has no sample."""
        return self._is_loaded and not self._is_busy

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when the process has answered or ended."""
        return self._output

    def send(self, sample: Sample) -> None:
        """Give it a sample; only when it `is_ready`."""
        task = {**sample._asdict(), "limit_s": self._limit_s}
        self._is_busy, self._graded = True, self._graded + 1
        self._cpu_start, self._wall_start = self._cpu_seconds(), time.monotonic()
        assert self._process.stdin is not None
        # a process that has ended is seen in `receive`
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()

    def receive(self) -> Verdict | None:
        """Return the verdict of its sample if there is one by now, else None.

        Raises:
            GraderUnavailableError: it cannot load its grader, or cannot be replaced.
        """
        message, has_ended = self._message()
        if not self._is_loaded:
            self._load(message, has_ended)
            return None
        if message is not None:
            return self._finish(message)
        if has_ended:
            return self._replace("its process ended")
        if self._is_over():
            return self._replace(f"over the time limit of {self._limit_s:g} s")
        return None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            # closing flushes what the process did not read
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()

    def _start(self) -> None:
        self._is_loaded = self._is_busy = False
        self._graded, self._text = 0, b""
        self._wall_start = time.monotonic()
        # imported only for its name: so its source is part of the id of a cell that grades with it
        words = ["-m", worker.__name__, self._grader.module, str(MEMORY_BYTES)]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        try:
            self._process = subprocess.Popen(
                [sys.executable, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )
        except OSError as error:
            raise GraderUnavailableError(
                f"grader {self._grader.name}: no process can be started ({error.strerror})"
            ) from error
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        os.set_blocking(self._output, False)

    def _message(self) -> tuple[dict[str, Any] | None, bool]:
        """Return the answer that has come in, if it is complete, and whether the process ended."""
        try:
            chunk = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return None, False
        self._text += chunk
        if not self._text.endswith(b"\n"):
            return None, not chunk
        message: dict[str, Any] = json.loads(self._text)
        self._text = b""
        return message, False

    def _load(self, message: dict[str, Any] | None, has_ended: bool) -> None:
        """Note that it has loaded its grader, or raise if it cannot or takes too long."""
        if message is not None and "failed" not in message:
            self._is_loaded = True
            return
        waited = time.monotonic() - self._wall_start
        if message is None and not has_ended and waited <= START_LIMIT_S:
            return
        self.close()
        if message is not None:
            reason = message["failed"]
        elif has_ended:
            reason = f"its process ended with {self._process.returncode} while it was loading"
        else:
            reason = f"not loaded within {START_LIMIT_S:g} s"
        raise GraderUnavailableError(f"grader {self._grader.name}: {reason}")

    def _is_over(self) -> bool:
        if not self._is_busy:
            return False
        waited = time.monotonic() - self._wall_start
        used = self._cpu_seconds() - self._cpu_start
        return used > self._limit_s or waited > WALL_FACTOR * self._limit_s

    def _finish(self, message: dict[str, Any]) -> Verdict:
        self._is_busy = False
        self.cpu_s += message["cpu_s"]
        verdict = Verdict(Outcome(message["outcome"]), message["reason"], message["answer"])
        if self._graded >= RECYCLE_AFTER:
            self.close()
            self._start()
        return verdict

    def _replace(self, reason: str) -> Verdict | None:
        """Start a new process; return the verdict of the sample that the old one had, if any."""
        had_sample = self._is_busy
        self.cpu_s += self._limit_s if had_sample else 0.0
        self.close()
        self.replaced += 1
        self._start()
        return ungradable(reason) if had_sample else None

    def _cpu_seconds(self) -> float:
        """Return the CPU time that the process has used; infinite if it is gone."""
        try:
            stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        except OSError:
            return math.inf
        # the name in parentheses may hold anything; user and system time are fields 14 and 15
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
