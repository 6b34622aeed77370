"""Reading what the trainer wrote: JSON lines whose last one may be torn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from harness.metrics.columns import TRAINING
from harness.schema import DamagedError, RunRecord, Status
from harness.untrusted.files import Refused
from harness.untrusted.json_text import NotJson, parse_json

METRICS_FILE = "metrics.jsonl"
GENERATIONS = "generations"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """One run directory, with its own two files already read.

    Attributes:
        path: the directory.
        spec: spec.yaml as a mapping: levels, seed, config, inputs.
        record: record.json.
    """

    path: Path
    spec: Mapping[str, Any]
    record: RunRecord

    @property
    def run_id(self) -> str:
        """Name of the directory: `<arm>-s<seed>-<8 hex digits of the cell id>`."""
        return self.path.name

    @property
    def short_id(self) -> str:
        """First 8 hex digits of the cell id; every row_id begins with it."""
        return self.record.cell_id[:8]

    @property
    def is_done(self) -> bool:
        """Whether its metrics may enter an aggregate."""
        return self.record.status == Status.DONE

    @property
    def attempt(self) -> Path | None:
        """Directory of the last attempt, the one that counts; None if it never started."""
        if not self.record.attempts:
            return None
        return self.path / f"attempt-{self.record.attempts[-1].number}"

    @property
    def steps(self) -> int:
        """Training steps that were asked for."""
        return int(self.spec["config"]["verl"]["trainer"]["total_training_steps"])


class Lines(NamedTuple):
    """The rows of a stream, and how many torn last lines (0 or 1) were dropped."""

    rows: list[dict[str, Any]]
    torn: int


class TrainingValue(NamedTuple):
    """One metric of one training step; NaN is undefined."""

    step: int
    metric: str
    value: float


@dataclass(slots=True)
class Training:
    """What metrics.jsonl holds of the declared columns."""

    values: list[TrainingValue] = field(default_factory=list)
    torn: int = 0


def read_lines(path: Path) -> Lines:
    """Read JSON lines; a torn last line is dropped and counted, a missing file has no rows.

    Raises:
        DamagedError: a line before the last one is not a JSON object.
    """
    if not path.is_file():
        return Lines([], 0)
    # as bytes: a line that is torn within a character would make the whole text unreadable
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            row = parse_json(line, as_python=True)
        except NotJson:
            row = None
        except Refused as error:
            raise DamagedError(f"line {number} of {path} {error}: run the cell again") from error
        if isinstance(row, dict):
            rows.append(row)
        elif number == len(lines):
            return Lines(rows, 1)
        else:
            raise DamagedError(
                f"line {number} of {len(lines)} in {path} is not a JSON object: only the last line"
                " may be torn; run the cell again"
            )
    return Lines(rows, 0)


def read_training(run: RunFiles) -> Training:
    """Read the declared training metrics of a run's last attempt.

    null is undefined and becomes NaN; an absent key gives no value.

    Raises:
        DamagedError: a step appears twice or goes back, a value is not a number, or a finished run
            lacks a required metric.
    """
    if run.attempt is None:
        return Training()
    path = run.attempt / METRICS_FILE
    lines = read_lines(path)
    values = list(_values(path, lines.rows))
    _check_single(path, values)
    if run.is_done:
        _check_required(run, path, values)
    return Training(values, lines.torn)


def generation_files(run: RunFiles) -> list[tuple[int, Path]]:
    """Return (step, file) of the evaluations of a run's last attempt, by step."""
    if run.attempt is None:
        return []
    files = (run.attempt / GENERATIONS).glob("*.jsonl")
    return sorted((int(path.stem), path) for path in files if path.stem.isdigit())


def _values(path: Path, rows: list[dict[str, Any]]) -> Iterator[TrainingValue]:
    latest = -1
    for row in rows:
        step, data = row.get("step"), row.get("data")
        if not isinstance(step, int) or not isinstance(data, dict) or step < latest:
            raise DamagedError(
                f"a line of {path} has step {step!r} after step {latest}: expected steps that grow"
                ' and a mapping under "data"; run the cell again'
            )
        latest = step
        for column in TRAINING:
            if column.path in data:
                yield TrainingValue(step, column.name, _number(path, column.path, data))


def _check_single(path: Path, values: list[TrainingValue]) -> None:
    seen: set[tuple[int, str]] = set()
    for step, metric, _ in values:
        if (step, metric) in seen:
            raise DamagedError(
                f"{path} states step {step} of {metric} twice: expected one value per step; run the"
                " cell again"
            )
        seen.add((step, metric))


def _number(path: Path, key: str, data: Mapping[str, Any]) -> float:
    value = data[key]
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DamagedError(f"{key} in {path} is {value!r}: expected a number or null")
    return float(value)


def _check_required(run: RunFiles, path: Path, values: list[TrainingValue]) -> None:
    for column in TRAINING:
        steps = {v.step for v in values if v.metric == column.name}
        if column.is_required and not steps:
            raise DamagedError(
                f"run {run.run_id} is done and has no {column.path} (column {column.name}) in"
                f" {path}: expected one value per step; does verl name it differently now?"
            )
