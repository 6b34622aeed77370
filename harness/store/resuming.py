"""Going on from a checkpoint: which one, and how the streams of two attempts become one.

An attempt that goes on from step n writes rows from n + 1 only. The rows and the dumped responses
up to n are copied into its folder, so that the folder of the last attempt is always the whole run
and no reader has to know. record.json says from which step it went on.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.schema import Attempt
from harness.store.files import read_jsonl, write_atomic
from harness.writing import whole_file

CHECKPOINTS = "checkpoints"
TRACKER = "latest_checkpointed_iteration.txt"
"""veRL writes it last: a checkpoint of a later step is not whole."""

METRICS = "metrics.jsonl"
DUMPS = ("generations", "rollouts")


class Checkpoint(NamedTuple):
    """A whole checkpoint: its step, and its directory `global_step_<n>`."""

    step: int
    path: Path


def attempt_dir(run_dir: Path, number: int) -> Path:
    """Return the folder of an attempt."""
    return run_dir / f"attempt-{number}"


def newest_checkpoint(run_dir: Path, attempts: Sequence[Attempt]) -> Checkpoint | None:
    """Return the checkpoint of the highest step that a next attempt may go on from.

    It is whole, and every row up to its step was written. `attempts` are all earlier ones, joined
    (see `join_streams`).
    """
    found: list[Checkpoint] = []
    for attempt in attempts:
        folder = attempt_dir(run_dir, attempt.number)
        written = max(_steps(folder), default=0)
        # veRL saves a step before it evaluates and logs it: the last checkpoint of a killed attempt
        # may lack its row
        found += [c for c in _whole_checkpoints(folder / CHECKPOINTS) if c.step <= written]
    return max(found, default=None)


def join_streams(run_dir: Path, attempts: Sequence[Attempt]) -> None:
    """Complete the folder of every attempt that went on from a checkpoint; may be called again.

    `attempts` are those of the record, oldest first; none of them runs.

    Raises:
        DamagedError: a stream cannot be read.
        UsageError: the disk is full.
    """
    for index, attempt in enumerate(attempts):
        if attempt.resumed_from is None:
            continue
        source = _source(run_dir, attempts[:index], attempt.resumed_from)
        if source is not None:
            _complete(attempt_dir(run_dir, attempt.number), source, attempt.resumed_from)


def _source(run_dir: Path, earlier: Sequence[Attempt], step: int) -> Path | None:
    """Return the folder of the newest earlier attempt that has rows up to a step."""
    for attempt in reversed(earlier):
        folder = attempt_dir(run_dir, attempt.number)
        if step in _steps(folder):
            return folder
    return None


def _complete(folder: Path, source: Path, step: int) -> None:
    own = read_jsonl(folder / METRICS).rows
    before = [row for row in read_jsonl(source / METRICS).rows if row["step"] <= step]
    after = [row for row in own if row["step"] > step]
    for name in DUMPS:
        (folder / name).mkdir(exist_ok=True)
        for path in sorted((source / name).glob("*.jsonl")):
            if path.stem.isdigit() and int(path.stem) <= step:
                _copy(path, folder / name / path.name)
    # equal if they were joined before
    if len(before) + len(after) != len(own):
        write_atomic(folder / METRICS, "".join(json.dumps(row) + "\n" for row in before + after))


def _copy(source: Path, target: Path) -> None:
    if target.exists():
        return
    try:
        # a link takes no space; other file systems and some network ones refuse it
        os.link(source, target)
    except OSError:
        with whole_file(target) as half:
            shutil.copyfile(source, half)


def _steps(folder: Path) -> list[int]:
    rows: list[Any] = read_jsonl(folder / METRICS).rows
    return [row["step"] for row in rows if isinstance(row, dict) and "step" in row]


def _whole_checkpoints(directory: Path) -> list[Checkpoint]:
    try:
        latest = int((directory / TRACKER).read_text())
    except (OSError, ValueError):
        return []
    paths = (path for path in directory.glob("global_step_*") if path.is_dir())
    found = [Checkpoint(int(path.name.rpartition("_")[2]), path) for path in paths]
    return [checkpoint for checkpoint in found if checkpoint.step <= latest]
