"""Run pip with a short account of its progress, and say in one sentence why it failed.

Standard library only; starts on Python 3.8.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

_NETWORK = re.compile(
    r"NewConnectionError|ConnectTimeout|ReadTimeout|Max retries exceeded|Connection refused"
    r"|Connection reset|Name or service not known|Temporary failure in name resolution"
    r"|Network is unreachable|connection broken by"
    r"|ProxyError|SSLError|IncompleteRead|ProtocolError|HTTP error 5\d\d"
)
_SYSTEM_ERROR = re.compile(r"\[Errno -?\d+\] ([^'\")]+)")
# The second form is what pip says instead when its configuration also constrains the package.
_NO_MATCH = re.compile(r"No matching distribution found for (\S+)|The user requested (\S+)")
_FETCHED = re.compile(r"^(Collecting|Processing|Requirement already satisfied)\b")
_LIVE_SECONDS = 1.0
_PLAIN_SECONDS = 15.0
# The last one would keep the import check from leaving compiled modules for the runs to come.
_REMOVED_VARIABLES = (
    *("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"),
    "PYTHONDONTWRITEBYTECODE",
)


class PipResult(NamedTuple):
    """Exit code of pip and everything it printed."""

    code: int
    output: str


class Failure(NamedTuple):
    """Why pip failed: ``kind`` is network, disk, hash, absent or other; ``detail`` in words."""

    kind: str
    detail: str


def pip_environment() -> dict[str, str]:
    """Return the environment for pip: the user's sources stay, what redirects the install goes."""
    kept = {name: value for name, value in os.environ.items() if name not in _REMOVED_VARIABLES}
    return {
        **kept,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_USER": "0",
        "PIP_PROGRESS_BAR": "off",
        "PIP_NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
    }


def diagnose(output: str) -> Failure:
    """Classify a failed run of pip by what it printed.

    Args:
        output: standard output and error of pip, in the order of printing.
    """
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return Failure("disk", "no space left on device")
    if "DO NOT MATCH THE HASHES" in output:
        return Failure("hash", "a downloaded file has another hash than the one pinned")
    network = _NETWORK.search(output)
    absent = _NO_MATCH.search(output)
    if network:
        cause = _SYSTEM_ERROR.search(output)
        return Failure("network", cause.group(1) if cause else network.group(0))
    if absent:
        return Failure("absent", absent.group(1) or absent.group(2))
    tail = (
        errors[-1] if errors else next(iter(output.strip().splitlines()[::-1]), "pip said nothing")
    )
    return Failure("other", tail[:300])


class Progress:
    """A live line on a terminal, a plain line now and then elsewhere."""

    def __init__(self, label: str, total: int, count_installed: Callable[[], int]) -> None:
        """Start the clock.

        Args:
            label: what the line begins with, such as ``2/3``.
            total: number of packages expected in this step.
            count_installed: answers how many of them are installed by now.
        """
        self.label = label
        self.total = total
        self.count_installed = count_installed
        self.fetched = 0
        self.phase = "fetching"
        self.started = time.monotonic()
        self._live = sys.stdout.isatty()
        self._last = self.started

    @property
    def seconds(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.started

    def saw(self, line: str) -> None:
        """Take note of one line of pip."""
        if _FETCHED.match(line):
            self.fetched += 1
        elif line.startswith("Building wheel"):
            self.phase = "building"
        elif line.startswith("Installing collected"):
            self.phase = "installing"

    def tick(self) -> None:
        """Show the state if it is time to."""
        now = time.monotonic()
        if now - self._last < (_LIVE_SECONDS if self._live else _PLAIN_SECONDS):
            return
        self._last = now
        done = self.count_installed() if self.phase == "installing" else self.fetched
        count = f" {min(done, self.total)} of {self.total}" if self.total else ""
        text = f"  {self.label} {self.phase}{count}, {self.seconds:.0f} s"
        print(f"\r{text:<70}" if self._live else text, end="" if self._live else "\n", flush=True)

    def close(self) -> None:
        """Wipe the live line."""
        if self._live:
            print("\r" + " " * 70 + "\r", end="", flush=True)


def run_pip(python: Path, arguments: list[str], log: Path, progress: Progress) -> PipResult:
    """Run ``python -m pip`` to its end, showing progress and appending all output to a log.

    On an interrupt or termination of this process pip is ended too, before the exception goes on.
    """
    command = [str(python), "-m", "pip", *arguments]
    collected = []
    with open(log, "a", encoding="utf-8") as sink:
        sink.write(f"$ {' '.join(command)}\n")
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=pip_environment(),
        )
        try:
            for line in _lines(child, progress):
                collected.append(line)
                sink.write(line + "\n")
                progress.saw(line)
            code = child.wait()
        finally:
            _end(child)
            progress.close()
    return PipResult(code, "\n".join(collected))


def _lines(child: subprocess.Popen[bytes], progress: Progress) -> Iterator[str]:
    """Yield the child's lines as they come, ticking the progress in between."""
    if child.stdout is None:
        return
    pending = b""
    while True:
        ready, _, _ = select.select([child.stdout], [], [], 0.5)
        progress.tick()
        if not ready:
            continue
        chunk = os.read(child.stdout.fileno(), 65536)
        if not chunk:
            break
        *complete, pending = (pending + chunk).split(b"\n")
        for line in complete:
            yield line.decode("utf-8", errors="replace").rstrip()
    if pending:
        yield pending.decode("utf-8", errors="replace").rstrip()


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child that is still there: politely first."""
    if child.stdout is not None:
        child.stdout.close()
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
