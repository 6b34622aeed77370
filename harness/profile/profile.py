"""A profile: one run's records put together, as rows and as a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from harness.profile.accounts import (
    TRAINING,
    Snapshot,
    cpu_table,
    peak_rss_mib,
    process_names,
    read_snapshots,
)
from harness.profile.floor import (
    Batch,
    Shape,
    Speed,
    batch_of,
    floor_s,
    measure_speed,
    shape_of,
    step_flops,
)
from harness.profile.phases import median_parts, read_steps, startup_s, wall_table
from harness.schema import RunRecord, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Where the time of one attempt went.

    Attributes:
        run_id: name of the run directory.
        snapshots: what the launcher saw.
        steps: verl's metrics of each training step.
        total_s: from the start of the attempt to its end.
        cpu: columns begin_s, end_s, period, process, cpu_s.
        wall: columns phase, wall_s.
        shape, batch, speed: what the floor is made of; the batch is that of the median step.
    """

    run_id: str
    snapshots: Sequence[Snapshot]
    steps: Sequence[Mapping[str, Any]]
    total_s: float
    cpu: pd.DataFrame
    wall: pd.DataFrame
    shape: Shape
    batch: Batch
    speed: Speed

    @property
    def startup_s(self) -> float:
        """Seconds from the start of the attempt to the beginning of its first training step."""
        return startup_s(self.snapshots, float(self.steps[0]["timing_s/step"]))

    @property
    def parts_s(self) -> dict[str, float]:
        """Part -> median seconds of a step after the first."""
        return median_parts(self.steps)

    @property
    def floor_s(self) -> dict[str, float]:
        """Part -> least seconds of a step on this machine."""
        return floor_s(self.shape, self.batch, self.speed)

    @property
    def flops(self) -> float:
        """Floating-point operations of a step."""
        return sum(step_flops(self.shape, self.batch).values())

    @property
    def peak_mib(self) -> float:
        """Largest resident memory of all processes together [MiB]."""
        return peak_rss_mib(self.snapshots)

    def cpu_by(self, column: str) -> pd.Series:
        """Return CPU seconds by `process` or `period`, largest first for processes."""
        sums = self.cpu.groupby(column, sort=False)["cpu_s"].sum()
        return sums.sort_values(ascending=False) if column == "process" else sums

    def rows(self) -> pd.DataFrame:
        """Return every number as a row: table, name, period, value, unit."""
        rows: list[tuple[str, str, str, float, str]] = []
        rows += [
            ("wall", str(row["phase"]), "", float(row["wall_s"]), "s")
            for row in self.wall.to_dict("records")
        ]
        used = self.cpu.groupby(["process", "period"], sort=False)["cpu_s"].sum().reset_index()
        rows += [
            ("cpu", str(row["process"]), str(row["period"]), float(row["cpu_s"]), "s")
            for row in used.to_dict("records")
        ]
        rows += [("step", name, TRAINING, value, "s") for name, value in self.parts_s.items()]
        rows += [("floor", name, TRAINING, value, "s") for name, value in self.floor_s.items()]
        rows += [
            ("whole", "start-up", "", self.startup_s, "s"),
            ("whole", "attempt", "", self.total_s, "s"),
            ("whole", "peak memory", "", self.peak_mib, "MiB"),
            ("machine", "matrix product", "", self.speed.flops / 1e9, "GFLOP/s"),
            ("machine", "copy", "", self.speed.bytes / 1e9, "GB/s"),
            ("machine", "arithmetic of a step", "", self.flops / 1e9, "GFLOP"),
        ]
        return pd.DataFrame(rows, columns=["table", "name", "period", "value", "unit"])


def make_profile(
    run: Path,
    spec: Mapping[str, Any],
    record: RunRecord,
    model: Path,
    speed: Speed | None = None,
) -> Profile:
    """Put the records of a run's last attempt together.

    Args:
        run: directory of the run.
        spec: its spec document.
        record: its record.
        model: directory of its initial model, with config.json.
        speed: of the machine; measured when None.

    Raises:
        UsageError: it never ran, has no accounts or made no step.
        DamagedError: a record cannot be read.
    """
    if not record.attempts or record.attempts[-1].ended is None:
        raise UsageError(f"{run} has no ended attempt: run the cell to its end, then profile it")
    last = record.attempts[-1]
    attempt = run / f"attempt-{last.number}"
    snapshots, steps = read_snapshots(attempt), read_steps(attempt)
    begin, end = (datetime.fromisoformat(str(text)) for text in (last.started, last.ended))
    shape = shape_of(json.loads((model / "config.json").read_text()))
    median = _median_step(steps)
    batch = batch_of(median, spec["config"]["verl"])
    rows = round(batch.sequences * (batch.prompt_tokens + batch.response_tokens))
    total = (end - begin).total_seconds()
    return Profile(
        run_id=run.name,
        snapshots=snapshots,
        steps=steps,
        total_s=total,
        cpu=cpu_table(snapshots, process_names(attempt)),
        wall=wall_table(snapshots, steps, total),
        shape=shape,
        batch=batch,
        speed=speed or measure_speed(shape, rows),
    )


def _median_step(steps: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the step of median length in tokens among those after the first."""
    later = sorted(steps[1:] or steps, key=lambda step: float(step["response_length/mean"]))
    return later[len(later) // 2]
