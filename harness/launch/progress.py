"""Shows how the cells of a matrix go: one live line, or plain lines when nobody watches.

`Progress` is what an attempt reports; the functions make text of it; `Display` writes the text.
Missing values are shown as "-": a number that is not known is not zero.

Drawn without rich: with it these are 24 lines more, and a pipe that breaks ends the whole run.
"""

from __future__ import annotations

import math
import os
import shutil
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TextIO

from harness.schema import Status
from harness.text import visible

REWARD = "critic/score/mean"
LENGTH = "response_length/mean"
THROUGHPUT = "perf/throughput"
VALIDATION_PREFIX = "val-core/"
STEPS_FOR_PACE = 10
PLAIN_EVERY_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where an attempt stands.

    Attributes:
        phase: name of the phase of the start; of interest before the first step.
        step: last training step with metrics, 0 before the first.
        steps: training steps asked for.
        elapsed_s: seconds since the start.
        step_s: typical seconds per step; None before there are two steps.
        metrics: newest value of each of verl's metrics.
    """

    phase: str
    step: int
    steps: int
    elapsed_s: float
    step_s: float | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the last step; None if not known yet."""
        if self.step >= self.steps:
            return 0.0
        return None if self.step_s is None else self.step_s * (self.steps - self.step)


@dataclass(slots=True)
class Pace:
    """Times of the steps as they are seen; the median of the last ones is the pace."""

    _times: deque[tuple[float, int]] = field(
        default_factory=lambda: deque(maxlen=STEPS_FOR_PACE + 1)
    )

    def note(self, now: float, step: int) -> None:
        """Note that `step` (from 1) was seen at `now` (seconds)."""
        self._times.append((now, step))

    @property
    def step_s(self) -> float | None:
        """Median seconds per step; None before there are two steps."""
        pairs = list(self._times)
        spans = [
            (later[0] - earlier[0]) / (later[1] - earlier[1])
            for earlier, later in pairwise(pairs)
            if later[1] > earlier[1]
        ]
        return statistics.median(spans) if spans else None


def clock_text(seconds: float | None) -> str:
    """Return "m:ss" or "h:mm:ss"; "-" if not known."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def number_text(value: object, digits: int) -> str:
    """Return a number with `digits` decimals; "-" for anything that is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "-"
    return f"{value:.{digits}f}"


def validation_text(metrics: Mapping[str, Any]) -> str:
    """Return the newest validation means, one per data source, joined by "/"; "-" if none.

    verl's aggregates are for the eye only: results are made from the samples' rows.
    """
    first: dict[str, str] = {}
    for key in sorted(metrics):
        if key.startswith(VALIDATION_PREFIX) and "/mean@" in key:
            first.setdefault(key.split("/")[1], number_text(metrics[key], 3))
    return "/".join(first.values()) or "-"


def cell_text(progress: Progress, all_eta_s: float | None) -> str:
    """Return the text of a running cell, without the cell's name."""
    if progress.step < 1:
        return f"starting: {progress.phase} ... {clock_text(progress.elapsed_s)}"
    metrics = progress.metrics
    return "  ".join(
        (
            f"step {progress.step}/{progress.steps}",
            f"reward {number_text(metrics.get(REWARD), 3)}",
            f"length {number_text(metrics.get(LENGTH), 1)}",
            f"tok/s {number_text(metrics.get(THROUGHPUT), 0)}",
            f"eval {validation_text(metrics)}",
            f"cell ETA {clock_text(progress.remaining_s)}",
            f"all ETA {clock_text(all_eta_s)}",
        )
    )


def all_eta(
    progress: Progress, done_s: list[float], cells_after: int, at_once: int = 1
) -> float | None:
    """Return the seconds until the last cell ends; None if not known.

    Args:
        progress: of a running cell.
        done_s: seconds that each finished cell of this session took.
        cells_after: cells that have not started.
        at_once: cells that run side by side.
    """
    remaining, rounds = progress.remaining_s, math.ceil(cells_after / at_once)
    if done_s:
        each = statistics.fmean(done_s)
        rest = max(each - progress.elapsed_s, 0.0) if remaining is None else remaining
        return rest + rounds * each
    if remaining is None:
        return None
    return remaining + rounds * (progress.elapsed_s + remaining)


def end_text(status: Status, reason: str, seconds: float) -> str:
    """Return the text of a cell that ended."""
    text = f"{status} after {clock_text(seconds)}"
    return f"{text}: {reason}" if reason else text


class Display:
    """Writes the lines of a matrix: on a terminal one live line for each running cell.

    Args:
        cells: number of cells of the matrix.
        launches: number of them that are to be launched (the others are done already).
        stream: where to write; standard error by default.
        clock: seconds from any origin.
        at_once: cells that run side by side.
    """

    def __init__(
        self,
        cells: int,
        launches: int | None = None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        at_once: int = 1,
    ) -> None:
        """Begin with no cell."""
        self.cells = cells
        self.left = cells if launches is None else launches
        self.stream = sys.stderr if stream is None else stream
        self.is_live = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.clock = clock
        self.at_once = at_once
        self.done_s: list[float] = []
        self._live: dict[str, str] = {}
        self._drawn = 0
        self._lock = threading.RLock()

    def cell(self, number: int, name: str) -> CellLine:
        """Begin the line of a cell; `number` counts from 1, `name` is for example "kl=loss s1"."""
        with self._lock:
            self.left = max(self.left - 1, 0)
        return CellLine(self, f"[{number}/{self.cells}] {name}  ")

    def redraw(self, head: str, text: str) -> None:
        """Replace the live line of a cell; none ever wraps, or it could not be redrawn."""
        with self._lock:
            self._live[head] = visible(text)
            up = f"\x1b[{self._drawn - 1}A" if self._drawn > 1 else ""
            self._write(f"{up}\r{self._drawing()}\x1b[J")

    def print(self, text: str, head: str = "") -> None:
        """Write whole lines above the live ones; the live line of `head` ends."""
        with self._lock:
            self._live.pop(head, None)
            up = f"\x1b[{self._drawn - 1}A" if self._drawn > 1 else ""
            said = visible(text)
            is_live = self.is_live
            self._write(f"{up}\r\x1b[J{said}\n{self._drawing()}" if is_live else f"{said}\n")

    def _drawing(self) -> str:
        """Return the live lines, one for each running cell."""
        width = max(shutil.get_terminal_size().columns - 1, 1)
        self._drawn = len(self._live)
        return "\x1b[K\n".join(text[:width] for text in self._live.values())

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            # The terminal or the pipe went away: the run matters more than its picture.
            self.is_live = False


class CellLine:
    """The line of one cell: give `observe` to the launcher, then `close` it."""

    def __init__(self, display: Display, head: str) -> None:
        """Begin the time of the cell."""
        self.display = display
        self.head = head
        self._start = display.clock()
        self._phase: str | None = None
        self._step = 0
        self._written = -math.inf

    def observe(self, progress: Progress) -> None:
        """Show the progress: at every call on a terminal, now and then elsewhere."""
        display = self.display
        eta = all_eta(progress, display.done_s, display.left, display.at_once)
        text = self.head + cell_text(progress, eta)
        if display.is_live:
            display.redraw(self.head, text)
        elif self._is_due(progress):
            display.print(text)

    def warn(self, text: str) -> None:
        """Write what seems wrong with the run above its line, which goes on."""
        self.display.print(f"{self.head}{text}")

    def _is_due(self, progress: Progress) -> bool:
        now = self.display.clock()
        if progress.step < 1:
            is_due = progress.phase != self._phase
            self._phase = progress.phase
            return is_due
        is_new = progress.step != self._step
        is_edge = self._step == 0 or progress.step >= progress.steps
        is_due = is_new and (is_edge or now - self._written >= PLAIN_EVERY_S)
        if is_due:
            self._step, self._written = progress.step, now
        return is_due

    def close(self, status: Status, reason: str, tail: tuple[str, ...] = (), log: str = "") -> None:
        """Write how the cell ended; after a failure also the tail of the log that tells why.

        Args:
            status: of the attempt.
            reason: one line; empty when done.
            tail: last lines of the log.
            log: name of that log, for the reader.
        """
        seconds = self.display.clock() - self._start
        if status is Status.DONE:
            self.display.done_s.append(seconds)
        self.display.print(self.head + end_text(status, reason, seconds), self.head)
        if status is Status.FAILED and tail:
            lines = "\n".join(f"    | {line}" for line in tail)
            self.display.print(f"    last lines of {log}:\n{lines}")
