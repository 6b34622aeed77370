"""Slurm's own words, read: outputs as squeue 22.05 printed them here, sacct's by its manual."""

import subprocess
from collections.abc import Callable

import pytest

from harness.launch.queue import QueueError
from harness.launch.slurm import Slurm, queue_state, read_sacct, read_squeue
from harness.store.states import InQueue

SQUEUE = """\
5|rz-3c41a0b9d2e8f716|PENDING|Resources|
3|rz-c9d310f6aa01e37b|RUNNING|None|rz[1-2]
1|t.sh|COMPLETED|None|rz[1-2]
2|rz-2fc34dd100aa51bc|CANCELLED|None|
4|rz-6ffe045e7b21c003|PENDING|BeginTime|
"""

SACCT = """\
2|rz-2fc34dd100aa51bc|CANCELLED by 0|None assigned
3|rz-c9d310f6aa01e37b|NODE_FAIL|rz[1-2]
3|rz-c9d310f6aa01e37b|RUNNING|rz3
9|other|COMPLETED|rz1
"""


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("PENDING", InQueue.PENDING),
        ("CONFIGURING", InQueue.PENDING),
        ("REQUEUE_HOLD", InQueue.PENDING),
        ("SPECIAL_EXIT", InQueue.PENDING),
        ("RUNNING", InQueue.RUNNING),
        ("COMPLETING", InQueue.RUNNING),
        ("SUSPENDED", InQueue.RUNNING),
        ("CANCELLED", InQueue.CANCELLED),
        ("CANCELLED by 1000", InQueue.CANCELLED),
        ("CANCELLED+", InQueue.CANCELLED),
        ("COMPLETED", InQueue.ENDED),
        ("FAILED", InQueue.ENDED),
        ("TIMEOUT", InQueue.ENDED),
        ("NODE_FAIL", InQueue.ENDED),
        ("OUT_OF_MEMORY", InQueue.ENDED),
        ("PREEMPTED", InQueue.ENDED),
        ("BOOT_FAIL", InQueue.ENDED),
    ],
)
def test_every_state_of_slurm_is_one_of_ours(word: str, state: InQueue) -> None:
    assert queue_state(word) is state


def test_squeue_is_read_and_jobs_of_others_are_left_out() -> None:
    jobs = read_squeue(SQUEUE)
    assert {job: found.state for job, found in jobs.items()} == {
        "5": InQueue.PENDING,
        "3": InQueue.RUNNING,
        "2": InQueue.CANCELLED,
        "4": InQueue.PENDING,
    }
    assert (jobs["3"].name, jobs["3"].node) == ("rz-c9d310f6aa01e37b", "rz[1-2]")
    assert (jobs["4"].detail, jobs["3"].detail) == ("PENDING (BeginTime)", "RUNNING")


def test_sacct_is_read_and_the_last_start_of_a_job_holds() -> None:
    jobs = read_sacct(SACCT)
    assert set(jobs) == {"2", "3"}
    assert (jobs["3"].state, jobs["3"].node) == (InQueue.RUNNING, "rz3")
    assert (jobs["2"].state, jobs["2"].node) == (InQueue.CANCELLED, "")


def test_lines_of_another_form_are_no_jobs() -> None:
    assert read_squeue("slurm_load_jobs error: x|y\n\n") == {}


Answers = dict[str, tuple[int, str, str]]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], list[list[str]]]:
    """Let Slurm's programs answer; return the commands that were run."""

    def answer_(answers: Answers) -> list[list[str]]:
        calls: list[list[str]] = []

        def run(command: list[str], **_: object) -> subprocess.CompletedProcess:
            calls.append(command)
            if command[0] not in answers:
                raise FileNotFoundError(command[0])
            code, out, error = answers[command[0]]
            return subprocess.CompletedProcess(command, code, out, error)

        monkeypatch.setattr("harness.launch.slurm.subprocess.run", run)
        return calls

    return answer_


def test_the_queue_wins_over_the_accounting(answer: Callable) -> None:
    answer({"squeue": (0, SQUEUE, ""), "sacct": (0, SACCT, "")})
    jobs = Slurm().jobs()
    assert jobs["3"].node == "rz[1-2]"
    assert set(jobs) == {"2", "3", "4", "5"}


def test_slurm_without_accounting_is_enough(answer: Callable) -> None:
    answer({"squeue": (0, SQUEUE, ""), "sacct": (1, "", "Slurm accounting storage is disabled")})
    assert set(Slurm().jobs()) == {"2", "3", "4", "5"}


def test_a_queue_that_does_not_answer_is_an_error_in_one_sentence(answer: Callable) -> None:
    answer({"squeue": (1, "", "slurm_load_jobs error: Unable to contact\n slurm controller")})
    with pytest.raises(QueueError, match=r"^squeue --me was refused: slurm_load_jobs error: Unab"):
        Slurm().jobs()
    answer({})
    with pytest.raises(QueueError, match=r"^squeue is not installed here: .*dry_run=true"):
        Slurm().jobs()


def test_a_job_is_submitted_cancelled_and_queued_again(answer: Callable, tmp_path) -> None:
    calls = answer({"sbatch": (0, "17;cluster\n", ""), "scancel": (0, "", "")})
    assert Slurm().submit(tmp_path / "job.sh") == "17"
    Slurm().cancel("17")
    assert calls[1:] == [["scancel", "17"]]
    with pytest.raises(QueueError, match="scontrol is not installed"):
        Slurm().requeue("17")
