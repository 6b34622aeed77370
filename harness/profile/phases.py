"""Wall seconds of a cell by phase: its start, what verl timed in each step, and what is left."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harness.profile.accounts import TRAINING, Snapshot, period_of
from harness.schema import UsageError

METRICS_FILE = "metrics.jsonl"

STEP_PARTS: Mapping[str, str] = {
    "timing_s/gen": "generation and scoring",
    "timing_s/old_log_prob": "old log-probs",
    "timing_s/ref": "reference log-probs",
    "timing_s/values": "values",
    "timing_s/adv": "advantages",
    "timing_s/update_critic": "critic update",
    "timing_s/update_actor": "actor update",
    "timing_s/update_weights": "weight sync",
}
"""verl's timers inside a step, in the order in which they run, and what they time."""

STEP, EVALUATION = "timing_s/step", "timing_s/testing"
REST = "rest of the step"
SHUTDOWN = "shutdown and rest"


def read_steps(attempt: Path) -> list[dict[str, Any]]:
    """Return verl's metrics of each training step (from 1), with the key `step` added.

    Raises:
        UsageError: there is no training step.
    """
    path = attempt / METRICS_FILE
    rows = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                break  # a torn last line
            if row["step"] >= 1:
                rows.append({"step": row["step"], **row["data"]})
    if not rows:
        raise UsageError(f"{path} holds no training step: profile a cell that made one")
    return rows


def start_phases(snapshots: Sequence[Snapshot]) -> pd.DataFrame:
    """Return the phases of the start.

    Returns:
        Columns phase, begin_s, end_s: in order, up to the metrics of the first training step. Their
        edges are as sharp as the snapshots are often, about a second.
    """
    rows: list[list[Any]] = []
    for snapshot in snapshots:
        name = period_of(snapshot)
        if rows:
            rows[-1][2] = snapshot.time_s
        if name == TRAINING:
            break
        if not rows or rows[-1][0] != name:
            rows.append([name, snapshot.time_s if rows else 0.0, snapshot.time_s])
    return pd.DataFrame(rows, columns=["phase", "begin_s", "end_s"])


def step_parts(step: Mapping[str, Any]) -> dict[str, float]:
    """Return part -> seconds of one training step, the untimed rest included."""
    parts = {name: float(step[key]) for key, name in STEP_PARTS.items() if key in step}
    parts[REST] = float(step[STEP]) - sum(parts.values())
    return parts


def median_parts(steps: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return part -> median seconds over the steps after the first; over all if there is one."""
    # the first step warms everything up
    later = [step_parts(step) for step in (steps[1:] or steps)]
    return {name: float(pd.Series([p[name] for p in later]).median()) for name in later[0]}


def wall_table(
    snapshots: Sequence[Snapshot], steps: Sequence[Mapping[str, Any]], total_s: float
) -> pd.DataFrame:
    """Return the wall seconds of an attempt by phase; they add up to `total_s`.

    The start's last phase ends with the first step's metrics and so contains that step: the step is
    taken out of it and counted with the others.

    Args:
        snapshots: of the launcher.
        steps: metrics of each step.
        total_s: seconds from the start of the attempt to its end.

    Returns:
        Columns phase, wall_s.
    """
    start = start_phases(snapshots)
    edges = start.to_dict("records")
    rows = [(str(row["phase"]), float(row["end_s"] - row["begin_s"])) for row in edges]
    if rows:
        name, seconds = rows[-1]
        rest = seconds - float(steps[0][STEP])
        rows[-1:] = [(name, rest)] if rest > 0 else []
    sums: dict[str, float] = {}
    for step in steps:
        for name, seconds in step_parts(step).items():
            sums[name] = sums.get(name, 0.0) + seconds
    rows += list(sums.items())
    rows.append(("evaluation", sum(float(s[EVALUATION]) for s in steps if EVALUATION in s)))
    rows.append((SHUTDOWN, total_s - sum(seconds for _, seconds in rows)))
    return pd.DataFrame(rows, columns=["phase", "wall_s"])


def startup_s(snapshots: Sequence[Snapshot], first_step_s: float) -> float:
    """Return the seconds from an attempt's start to the beginning of its first step; or NaN."""
    start = start_phases(snapshots)
    return float(start["end_s"].iloc[-1]) - first_step_s if len(start) else float("nan")
