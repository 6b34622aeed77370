"""CPU seconds of a cell by process and by period, from accounts.jsonl and the names in the log."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.schema import DamagedError, UsageError

ACCOUNTS_FILE, LOG_FILE = "accounts.jsonl", "log.txt"
_PID = re.compile(r"\((\w+) pid=(\d+)")
TRAINING = "training"
"""Period from the first step's metrics on; before it the periods are the phases of the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the launcher saw at one moment.

    Attributes:
        time_s: seconds since the start of the attempt.
        phase: of the start, as the log told it.
        step: newest training step with metrics; None before the first evaluation.
        cpu_s: process ("<pid> <role>") -> CPU seconds since its start, user and system.
        rss_mib: process -> resident MiB; pages that processes share count in each.
    """

    time_s: float
    phase: str
    step: int | None
    cpu_s: Mapping[str, float]
    rss_mib: Mapping[str, int]


def read_snapshots(attempt: Path) -> list[Snapshot]:
    """Return the snapshots of an attempt, in order; a torn last line is dropped.

    Raises:
        UsageError: the attempt has no accounts.
        DamagedError: a line before the last one cannot be read.
    """
    path = attempt / ACCOUNTS_FILE
    if not path.is_file():
        raise UsageError(
            f"{path} is missing: the launcher writes it while a cell runs; a cell of an older"
            " version has none, so run it again in another results_dir"
        )
    snapshots = []
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            raw = json.loads(line)
            snapshots.append(
                Snapshot(
                    time_s=float(raw["t"]),
                    phase=str(raw["phase"]),
                    step=raw["step"],
                    cpu_s=raw["cpu"],
                    rss_mib=raw["rss"],
                )
            )
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                break
            raise DamagedError(
                f"line {number} of {len(lines)} in {path} is no account: only the last line may be"
                " torn; run the cell again"
            ) from error
    return snapshots


def process_names(attempt: Path) -> dict[int, str]:
    """Return pid -> name of the processes that wrote to the log of an attempt.

    Ray and vLLM put "(<name> pid=<pid>)" before each line. The log knows what a forked process
    became, where its command line still shows what it was forked from.
    """
    path = attempt / LOG_FILE
    if not path.is_file():
        return {}
    found: dict[int, str] = {}
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            for name, pid in _PID.findall(line):
                found.setdefault(int(pid), name)
    return found


def period_of(snapshot: Snapshot) -> str:
    """Return the period that a snapshot falls into: a phase of the start, or training."""
    return TRAINING if snapshot.step is not None and snapshot.step >= 1 else snapshot.phase


def cpu_table(snapshots: Sequence[Snapshot], names: Mapping[int, str]) -> pd.DataFrame:
    """Return the CPU seconds of each process between two snapshots.

    Returns:
        Columns begin_s, end_s, period, process, cpu_s; a process that is seen for the first time
        used all of its seconds since the snapshot before.
    """
    rows = []
    before: dict[str, float] = {}
    begin = 0.0
    for snapshot in snapshots:
        for key, total in snapshot.cpu_s.items():
            pid, _, role = key.partition(" ")
            used = total - before.get(pid, 0.0)
            # the title of a process may change while it lives: the pid is what stays
            before[pid] = total
            if used > 0:
                name = names.get(int(pid), role)
                rows.append((begin, snapshot.time_s, period_of(snapshot), name, used))
        begin = snapshot.time_s
    return pd.DataFrame(rows, columns=["begin_s", "end_s", "period", "process", "cpu_s"])


def peak_rss_mib(snapshots: Sequence[Snapshot]) -> float:
    """Return the largest sum of resident memory over all processes [MiB]; NaN without snapshots."""
    return float(max((sum(one.rss_mib.values()) for one in snapshots), default=float("nan")))
