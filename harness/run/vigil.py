"""Reads the metrics of a running attempt line by line and tells each diagnosis once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from harness.metrics.health.diagnoses import Finding, Watch
from harness.metrics.health.evidence import Setting, step_of
from harness.metrics.streams import METRICS_FILE


class Vigil:
    """Follows the metrics of one attempt.

    Args:
        attempt: its folder.
        setting: of its run.
        say: gets each finding, once.
    """

    def __init__(self, attempt: Path, setting: Setting, say: Callable[[Finding], None]) -> None:
        """Begin before the first step; the stream need not exist yet."""
        self._path, self._say = attempt / METRICS_FILE, say
        self._watch = Watch(setting)
        self._offset = 0

    def look(self) -> None:
        """Take in the lines that were written since the last call."""
        for line in self._new_lines():
            try:
                row = json.loads(line)
            except ValueError:
                # whoever makes the tables tells that the stream is damaged
                continue
            step = step_of(row) if isinstance(row, dict) else None
            for finding in self._watch.see(step) if step is not None else ():
                self._say(finding)

    def _new_lines(self) -> list[bytes]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except OSError:
            # not there yet, or out of reach for a moment: the run matters more than its watch
            return []
        whole, end, _ = new.rpartition(b"\n")
        self._offset += len(whole) + len(end)
        return whole.split(b"\n") if whole else []
