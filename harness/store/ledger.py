"""The cells of one ablation at one scale: their directories, their records and their attempts.

    runs/<arm>-s<seed>-<id8>/spec.yaml record.json attempt-<n>/...

A cell is worked on under its lock only. A record that says "running" while nobody holds the lock
was left by a process that was killed: it is corrected when the cell is claimed the next time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from harness.provenance import now
from harness.schema import Attempt, CellSpec, DamagedError, RunRecord, Status
from harness.store import locks
from harness.store.files import read_jsonl, write_atomic, write_json
from harness.store.records import (
    RECORD_FILE,
    SPEC_FILE,
    read_record,
    read_spec,
    record_document,
    spec_text,
)

RUNS = "runs"
METRICS_FILE = "metrics.jsonl"
COMMAND_FILE = "command.json"
KILLED = "the harness was killed while this ran"


class StoredRun(NamedTuple):
    """A cell on disk: its directory and its record."""

    path: Path
    record: RunRecord


class RunStore:
    """The runs below `results_dir/scale/ablation`.

    Args:
        root: that directory; it need not exist.
    """

    def __init__(self, root: Path) -> None:
        """Remember the place; reads and writes nothing."""
        self.root = root
        self.runs_dir = root / RUNS

    def run_dir(self, spec: CellSpec) -> Path:
        """Return the directory of a cell, which need not exist."""
        return self.runs_dir / spec.run_name

    def load(self, run_dir: Path) -> tuple[dict[str, Any], RunRecord]:
        """Return spec document and record of a run directory, as `read_spec` and `read_record`."""
        return read_spec(run_dir / SPEC_FILE), read_record(run_dir / RECORD_FILE)

    def record(self, spec: CellSpec) -> RunRecord | None:
        """Return the record of a cell, None if it never ran.

        Raises:
            DamagedError: it belongs to another cell whose id begins alike.
        """
        path = self.run_dir(spec) / RECORD_FILE
        if not path.exists():
            return None
        record = read_record(path)
        if record.cell_id != spec.cell_id:
            raise DamagedError(
                f"{path} is the record of cell {record.cell_id[:16]}, expected"
                f" {spec.cell_id[:16]}: move its directory away"
            )
        return record

    def status(self, spec: CellSpec) -> Status:
        """Return the state of a cell as it is: "running" only if a process is at work on it."""
        record = self.record(spec)
        if record is None:
            return Status.PENDING
        if record.status is Status.RUNNING and not locks.is_held(self.run_dir(spec)):
            return Status.INTERRUPTED
        return record.status

    def runs(self) -> Iterator[StoredRun]:
        """Yield every cell that has a record, by directory name; reads as `read_record`."""
        for path in sorted(self.runs_dir.glob(f"*/{RECORD_FILE}")):
            yield StoredRun(path.parent, read_record(path))

    def check_free(self, specs: Sequence[CellSpec]) -> None:
        """Raise `BusyError` for the first cell that another process works on; changes nothing."""
        for spec in specs:
            if locks.is_held(self.run_dir(spec)):
                raise locks.busy_error(self.run_dir(spec))

    @contextmanager
    def claim(self, spec: CellSpec) -> Iterator[RunRecord]:
        """Hold the lock of a cell and yield its record, corrected if its process was killed.

        Raises:
            BusyError: another process works on the cell.
        """
        directory = self.run_dir(spec)
        directory.mkdir(parents=True, exist_ok=True)
        with locks.locked(directory):
            record = self.record(spec) or _new_record(spec)
            if record.status is Status.RUNNING:
                self._interrupt(spec, record)
            yield record

    def begin_attempt(
        self,
        spec: CellSpec,
        record: RunRecord,
        *,
        seeds: Mapping[str, int],
        provenance: Mapping[str, Any],
        resumed_from: int | None = None,
    ) -> Path:
        """Start the next attempt of a claimed cell and return its new directory.

        Args:
            spec: the cell.
            record: from `claim`; it is changed and written.
            seeds: purpose -> derived seed.
            provenance: from `harness.provenance.collect`.
            resumed_from: step of the checkpoint from which it goes on; None for step 0.
        """
        directory = self.run_dir(spec)
        # of directories too: they are made before the record says so, and an attempt may die in
        # between
        number = 1 + max(
            [attempt.number for attempt in record.attempts]
            + [int(path.name.partition("-")[2]) for path in directory.glob("attempt-[0-9]*")],
            default=-1,
        )
        path = directory / f"attempt-{number}"
        path.mkdir()
        write_atomic(directory / SPEC_FILE, spec_text(spec))
        record.attempts.append(Attempt(number=number, started=now(), resumed_from=resumed_from))
        record.status, record.reason = Status.RUNNING, ""
        record.seeds, record.provenance = dict(seeds), dict(provenance)
        self._write(spec, record)
        return path

    def end_attempt(
        self,
        spec: CellSpec,
        record: RunRecord,
        end: Attempt,
        evaluation_rows: Mapping[str, int] | None = None,
    ) -> None:
        """Write how the running attempt of a claimed cell ended.

        Args:
            spec: the cell.
            record: from `claim`.
            end: status, reason, exit code, last step and torn lines of the attempt; its number and
                start are taken from the record.
            evaluation_rows: "expected" and "found"; None leaves them out.
        """
        attempt = record.attempts[-1]
        attempt.status, attempt.reason = end.status, end.reason
        attempt.exit_code, attempt.last_step = end.exit_code, end.last_step
        attempt.torn_lines, attempt.ended = end.torn_lines, now()
        record.status, record.reason = end.status, end.reason
        record.evaluation_rows = dict(evaluation_rows or {})
        self._write(spec, record)

    def write_command(
        self, attempt_dir: Path, argv: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """Write command.json: what reproduces the attempt."""
        write_json(
            attempt_dir / COMMAND_FILE, {"argv": list(argv), "environment": dict(environment)}
        )

    def _interrupt(self, spec: CellSpec, record: RunRecord) -> None:
        attempt = record.attempts[-1]
        stream = read_jsonl(self.run_dir(spec) / f"attempt-{attempt.number}" / METRICS_FILE)
        steps = [row["step"] for row in stream.rows if isinstance(row, dict) and "step" in row]
        attempt.last_step, attempt.torn_lines = max(steps, default=None), stream.torn
        attempt.status, attempt.reason = Status.INTERRUPTED, KILLED
        record.status, record.reason = Status.INTERRUPTED, KILLED
        self._write(spec, record)

    def _write(self, spec: CellSpec, record: RunRecord) -> None:
        write_json(self.run_dir(spec) / RECORD_FILE, record_document(record))


def _new_record(spec: CellSpec) -> RunRecord:
    return RunRecord(
        cell_id=spec.cell_id,
        arm=spec.arm,
        seed=spec.seed,
        ablation=spec.ablation,
        scale=spec.scale,
    )
