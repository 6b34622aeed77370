"""What was handed to a queue for a cell: submission.json in its run directory.

It stands beside record.json, which only the process that runs the cell writes. Both together with
the queue make the cell's state (`harness.store.states`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.provenance import now
from harness.schema import SCHEMA_VERSION, DamagedError
from harness.store.files import read_json, write_json
from harness.store.records import check_version
from harness.store.states import Sent

SUBMISSION_FILE = "submission.json"
NAME_PREFIX = "rz-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One job that was made for a cell.

    Attributes:
        launcher: "slurm" or "ray".
        queue: which one: the cluster's name or address.
        job: its id there.
        submitted: ISO 8601 UTC.
        attempts_before: attempts that the cell had then.
        cancelled: ISO 8601 UTC of the request to cancel it; "" if there was none.
    """

    launcher: str
    queue: str
    job: str
    submitted: str
    attempts_before: int
    cancelled: str = ""


def job_name(cell_id: str) -> str:
    """Return the name by which a queue knows the job of a cell: 16 digits of its id."""
    return f"{NAME_PREFIX}{cell_id[:16]}"


def read_submissions(run_dir: Path) -> list[Submission]:
    """Return the submissions of a cell, oldest first.

    Raises:
        DamagedError: the file cannot be read.
        UsageError: another version wrote it.
    """
    path = run_dir / SUBMISSION_FILE
    if not path.exists():
        return []
    document = read_json(path)
    check_version(path, document)
    try:
        return [Submission(**item) for item in document["submissions"]]
    except (KeyError, TypeError) as error:
        raise DamagedError(
            f"{path} is no list of submissions ({error}): cancel the cell's jobs and remove it"
        ) from error


def add_submission(run_dir: Path, submission: Submission) -> None:
    """Append a submission to those of a cell; makes the run directory if need be."""
    run_dir.mkdir(parents=True, exist_ok=True)
    _write(run_dir, [*read_submissions(run_dir), submission])


def mark_cancelled(run_dir: Path) -> None:
    """Note that the last submission was asked to be cancelled."""
    *earlier, last = read_submissions(run_dir)
    _write(run_dir, [*earlier, replace(last, cancelled=now())])


def sent_state(submissions: list[Submission]) -> Sent:
    """Return whether a cell was submitted, and whether its last submission was cancelled."""
    if not submissions:
        return Sent.NEVER
    return Sent.CANCELLED if submissions[-1].cancelled else Sent.SENT


def _write(run_dir: Path, submissions: list[Submission]) -> None:
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "submissions": [asdict(item) for item in submissions],
    }
    write_json(run_dir / SUBMISSION_FILE, document)
