from pathlib import Path

import pytest

from harness.schema import DamagedError, UsageError
from harness.store.files import read_json, write_json
from harness.store.states import Sent
from harness.store.submissions import (
    SUBMISSION_FILE,
    Submission,
    add_submission,
    job_name,
    mark_cancelled,
    read_submissions,
    sent_state,
)


def submission(job: str) -> Submission:
    return Submission(
        launcher="slurm", queue="slurm", job=job, submitted="2026-01-01T00:00:00", attempts_before=0
    )


def test_submissions_are_kept_in_order_and_the_last_can_be_cancelled(tmp_path: Path) -> None:
    run_dir = tmp_path / "kl=none-s1-0"
    assert read_submissions(run_dir) == []
    assert sent_state([]) is Sent.NEVER
    add_submission(run_dir, submission("7"))
    add_submission(run_dir, submission("8"))
    assert [s.job for s in read_submissions(run_dir)] == ["7", "8"]
    assert sent_state(read_submissions(run_dir)) is Sent.SENT
    mark_cancelled(run_dir)
    first, last = read_submissions(run_dir)
    assert (first.cancelled, bool(last.cancelled)) == ("", True)
    assert sent_state(read_submissions(run_dir)) is Sent.CANCELLED


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"submissions": [{"job": "7"}]}, DamagedError),
        ({"submissions": 3}, DamagedError),
        ({"schema_version": 99}, UsageError),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, change: dict, error: type) -> None:
    add_submission(tmp_path, submission("7"))
    path = tmp_path / SUBMISSION_FILE
    write_json(path, {**read_json(path), **change})
    with pytest.raises(error, match=r"submission.json"):
        read_submissions(tmp_path)


def test_a_job_is_named_by_the_id_of_its_cell() -> None:
    assert job_name("0123456789abcdef" * 4) == "rz-0123456789abcdef"
