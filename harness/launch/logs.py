"""Reads the two streams of a running trainer: its log, and its metrics line by line.

What a line means is decided by pure functions of text; the two followers only remember how far
they have read. The log is what verl, Ray and vLLM print: lines may carry colour codes, progress
bars (carriage returns) and Ray's prefix "(ActorName pid=123) ".
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.store.files import write_atomic
from harness.untrusted.json_text import parse_json

KEPT_LINES = 1000
TAIL_LINES = 25
TAIL_BYTES = 200_000
RAY_LOGS = "ray_logs"

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
RAY_PREFIX = re.compile(r"^\((?:[^()]*\bpid=\d+[^()]*)\)\s?")
VLLM_PREFIX = re.compile(r"^\((?:EngineCore|Worker|APIServer)[^()]*\)\s?")
LOG_LEVEL = re.compile(
    r"^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)[: ]|^\[?\d{4}-\d\d-\d\d[ T][\d:,.]+ "
)
EXCEPTION = re.compile(
    r"^(?:[A-Za-z_]\w*\.)*(?:[A-Z]\w*(?:Error|Exception|Exit|Interrupt)|AssertionError)(?:\(\w+\))?"
    r"(?::\s|\s*$)"
)
HYDRA_ERROR = re.compile(r"^(?:Could not (?:override|append|find)|Missing @|You must)")
ENGINE_DEATH = re.compile(
    r"EngineDeadError|EngineCore (?:encountered|died|failed)|Engine core initialization failed"
    r"|Engine core proc\w* \S+ died|Worker proc \S+ died unexpectedly"
    r"|died unexpectedly, shutting down"
)
RAY_DEATH = re.compile(
    r"The node with node id: \S+ .*has been marked dead|raylet (?:process )?(?:died|has died)"
    r"|Failed to connect to GCS within \d+ seconds|RaySystemError: System error: Failed to"
)
DRIVER_FAILURE = re.compile(r"^(?:Traceback \(most recent call last\)|Error executing job)")
"""The trainer's own process fails; what other processes print comes behind Ray's prefix."""
NOISE = re.compile(
    r"^(?:\s|Traceback|File \"|\^+|During handling|The above exception|Set the environment variable"
    r"|Error executing job|For full logs|\d+%\||\[repeated)"
)

PHASES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("Ray", re.compile(r"ray init kwargs|Started a local Ray instance")),
    ("configuration and data", re.compile(r"\(TaskRunner\w* pid=")),
    ("models", re.compile(r"\(WorkerDict\w* pid=")),
    ("vLLM engine", re.compile(r"reward loop manager initialized|\(vLLMHttpServer pid=")),
    ("first validation", re.compile(r"ready to fit|Creating file logger at")),
    ("first step", re.compile(r"Initial validation metrics|Training Progress:")),
)
"""Phases of a start in the order in which they come, each with the text that first shows it."""

FIRST_PHASE = "imports"


def clean(line: str) -> str:
    """Return the line without colour codes, trailing blanks and prefixes of Ray and vLLM."""
    text = ANSI.sub("", line).rstrip()
    return VLLM_PREFIX.sub("", RAY_PREFIX.sub("", text))


def phase_index(line: str, current: int) -> int:
    """Return the phase after this line: an index into `PHASES`, -1 before the first.

    Phases only go forward, because the processes of a start write in any order.
    """
    later = [i for i, (_, seen) in enumerate(PHASES) if i > current and seen.search(line)]
    return max(later, default=current)


def engine_death(line: str) -> bool:
    """Tell whether the line reports that vLLM's engine or one of its workers died."""
    return ENGINE_DEATH.search(line) is not None


def ray_death(line: str) -> bool:
    """Tell whether the line reports that a part of Ray was lost."""
    return RAY_DEATH.search(line) is not None


def failure_line(lines: Iterable[str]) -> str:
    """Return the line of a log's end that says why the program failed; empty if there is none.

    The last Python exception wins: an exception that another one wraps is printed before it, but
    Ray prints the cause of a failed task last. A grader that is gone comes before all: what fails
    then is the response, and in the end the batch. A complaint of Hydra about the command line
    comes without an exception. Else it is the last line which is neither a frame nor a log message.
    """
    cleaned = [clean(line) for line in lines]
    exceptions = [line for line in cleaned if EXCEPTION.match(line)]
    telling = [line for line in exceptions if not line.startswith(("SystemExit", "KeyboardInter"))]
    hydra = [line for line in cleaned if HYDRA_ERROR.match(line)]
    plain = [line for line in cleaned if line and not (NOISE.match(line) or LOG_LEVEL.match(line))]
    gone = [line for line in exceptions if "GraderUnavailableError" in line]
    for group in (gone, telling, hydra, exceptions, plain):
        if group:
            return _shorten(group[-1].strip())
    return ""


def _shorten(text: str, length: int = 300) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


class LogFollower:
    """Follows a text log.

    Attributes:
        lines: the last lines, uncleaned, oldest first.
        phase: index into `PHASES`, -1 before the first.
        is_failing: the trainer's own process has begun to fail.
        engine_death / ray_death: the first line that reported it before that, cleaned; empty if
            none did. What dies later is taken down by the failing trainer and tells nothing.
    """

    def __init__(self, path: Path) -> None:
        """Follow the file from its beginning; it need not exist yet."""
        self.path = path
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.phase = -1
        self.is_failing = False
        self.engine_death = ""
        self.ray_death = ""
        self._offset = 0
        self._rest = b""

    @property
    def phase_name(self) -> str:
        """Name of the phase of the start."""
        return PHASES[self.phase][0] if self.phase >= 0 else FIRST_PHASE

    def read(self) -> None:
        """Take in what was written since the last call."""
        new, self._offset = _read_from(self.path, self._offset)
        # bytes, not text: a read may end inside a character
        *complete, self._rest = re.split(rb"[\r\n]", self._rest + new)
        for raw in complete:
            self._take(raw.decode("utf-8", errors="replace"))

    def close(self) -> None:
        """Take in what is left, with a last line that has no end."""
        self.read()
        if self._rest:
            self._take(self._rest.decode("utf-8", errors="replace"))
            self._rest = b""

    def _take(self, line: str) -> None:
        if not line.strip():
            return
        self.lines.append(line)
        self.phase = phase_index(line, self.phase)
        # Ray's prefix stays on: behind it another process speaks, which may fail and be restarted
        self.is_failing = self.is_failing or DRIVER_FAILURE.match(ANSI.sub("", line)) is not None
        if self.is_failing:
            return
        if not self.engine_death and engine_death(line):
            self.engine_death = _shorten(clean(line).strip())
        if not self.ray_death and ray_death(line):
            self.ray_death = _shorten(clean(line).strip())

    @property
    def failure(self) -> str:
        """The line that says why the program failed; see `failure_line`."""
        return failure_line(self.lines)


class MetricsFollower:
    """Follows verl's metrics stream, lines of {"step": int, "data": {...}}.

    Attributes:
        last_step: largest step seen; None before the first row.
        latest: newest value of every metric; null (undefined) replaces an older value by None.
        torn: lines that could not be read; after `close` also a last line without its end.
    """

    def __init__(self, path: Path) -> None:
        """Follow the file from its beginning; it need not exist yet."""
        self.path = path
        self.last_step: int | None = None
        self.latest: dict[str, Any] = {}
        self.torn = 0
        self._offset = 0
        self._rest = b""

    def read(self) -> list[int]:
        """Take in the rows written since the last call; return their steps.

        A last line without its end stays until it is complete.
        """
        new, self._offset = _read_from(self.path, self._offset)
        *complete, self._rest = (self._rest + new).split(b"\n")
        steps = [step for raw in complete if raw.strip() and (step := self._take(raw)) is not None]
        return steps

    def close(self) -> None:
        """Take in what is left; a last line without its end is torn."""
        self.read()
        self.torn += bool(self._rest.strip())
        self._rest = b""

    def _take(self, raw: bytes) -> int | None:
        try:
            row = parse_json(raw, as_python=True)
            step, data = int(row["step"]), row["data"]
        except (ValueError, KeyError, TypeError, OverflowError):
            self.torn += 1
            return None
        if not isinstance(data, Mapping):
            self.torn += 1
            return None
        self.latest.update(data)
        self.last_step = step if self.last_step is None else max(self.last_step, step)
        return step


def _read_from(path: Path, offset: int) -> tuple[bytes, int]:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return b"", offset
    return data, offset + len(data)


def last_lines(path: Path, count: int = TAIL_LINES) -> tuple[str, ...]:
    """Return the last lines of a log without colour codes, oldest first; none without a file."""
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - TAIL_BYTES, 0))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ()
    lines = [ANSI.sub("", line).rstrip() for line in re.split(r"[\r\n]+", text)]
    return tuple([line for line in lines if line][-count:])


def keep_ray_logs(scratch: Path, attempt_dir: Path, stem: str) -> Path | None:
    """Copy the ends of Ray's own logs to `ray_logs/` of the attempt, before the scratch is removed.

    Returns:
        The copied log of the part that died (`stem`: "raylet", "gcs_server" or ""), or None.
    """
    target = attempt_dir / RAY_LOGS
    # by the year: `session_latest` is a link to the same directory
    for source in sorted(scratch.glob("**/session_2*/logs/*")):
        if source.name.startswith(("raylet.", "gcs_server.")) and source.stat().st_size:
            target.mkdir(exist_ok=True)
            write_atomic(target / source.name, source.read_bytes()[-TAIL_BYTES:])
    told = [target / f"{stem}.{end}" for end in ("err", "out")] if stem else []
    return next((path for path in told if path.is_file()), None)
