"""Cells handed to queues that only remember: what is submitted, followed, lost, and reconciled."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from harness.cells import cancel_cells, list_cells, reconcile_cells, requeue_cells, run_cell
from harness.launch.queue import QueuedJob, QueueError
from harness.launch.ray_jobs import RayJobs
from harness.launch.slurm import Slurm
from harness.launch.stop import StopRequest
from harness.run.__main__ import check_budget, refuse_queued
from harness.run.__main__ import run as run_command
from harness.run.inspection import CellState, QueueSnapshot, inspect_cells
from harness.run.queue import Submitter, follow
from harness.schema import Attempt, CellSpec, Status, UsageError
from harness.spec import config as configs
from harness.spec.study import Study, make_study
from harness.store.ledger import RunStore
from harness.store.states import InQueue
from harness.store.submissions import SUBMISSION_FILE, Submission, job_name, read_submissions

SHORT = ("ablation=kl_penalty", "seeds=1", "steps=2")
SMALL = (*SHORT, "levels=[none,loss]")
THREE = (*SHORT, "levels=[none,loss,reward]")


class FakeSlurm(Slurm):
    """Slurm that runs nothing: tests set the states of its jobs."""

    def __init__(self) -> None:
        self.states: dict[str, InQueue] = {}
        self.names: dict[str, str] = {}
        self.answers = True

    def jobs(self) -> dict[str, QueuedJob]:
        if not self.answers:
            raise QueueError("squeue --me was refused: no controller")
        return {
            job: QueuedJob(job=job, name=self.names[job], state=state, detail=str(state).upper())
            for job, state in self.states.items()
        }

    def submit(self, script: Path) -> str:
        job = str(len(self.names) + 1)
        (line,) = [line for line in script.read_text().splitlines() if "--job-name=" in line]
        self.names[job] = line.rpartition("=")[2]
        self.states[job] = InQueue.PENDING
        return job

    def cancel(self, job: str) -> None:
        self.states[job] = InQueue.CANCELLED

    def requeue(self, job: str) -> None:
        self.states[job] = InQueue.PENDING


class FakeRay(RayJobs):
    """A Ray cluster of two places that runs nothing."""

    def __init__(self) -> None:
        super().__init__("http://10.0.0.1:8265")
        self.states: dict[str, InQueue] = {}
        self.names: dict[str, str] = {}

    def nodes(self) -> list[dict[str, float]]:
        return [{"CPU": 1.0}, {"CPU": 1.0}]

    jobs = FakeSlurm.jobs
    cancel = FakeSlurm.cancel
    answers = True

    def submit(self, job: str, name: str, *_: object) -> str:
        self.names[job], self.states[job] = name, InQueue.PENDING
        return job


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("harness.run.checks.ENGINES", ())
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with configs.session():
        yield


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    queue = FakeSlurm()
    monkeypatch.setattr("harness.run.launchers.Slurm", lambda: queue)
    return queue


@cache
def composed(*words: str) -> Study:
    return make_study(list(words))


def placed(results: Path, *words: str) -> Study:
    """Return a study of its own place, composed once for all tests."""
    made = composed(*words)
    given = (*words, f"results_dir={results}")
    return replace(made, request=replace(made.request, results_dir=results, overrides=given))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return placed(tmp_path, *SMALL, "launcher=slurm")


def states(study: Study, queue: Slurm | RayJobs) -> list[CellState]:
    snapshot = QueueSnapshot(open_queue=lambda _: queue)
    return [item.state for item in inspect_cells(study.cells, RunStore(study.root), snapshot)]


def begin(study: Study, cell: CellSpec) -> None:
    """Let a cell begin an attempt, as its worker does; nothing then holds its lock."""
    store = RunStore(study.root)
    with store.claim(cell) as record:
        store.begin_attempt(cell, record, seeds={}, provenance={})


def end(study: Study, cell: CellSpec, status: Status, reason: str = "") -> None:
    """Write how the running attempt of a cell ended, as its worker does."""
    store = RunStore(study.root)
    record = store.record(cell)
    store.end_attempt(cell, record, Attempt(number=0, status=status, reason=reason))


def test_a_submission_leaves_its_script_and_its_note(
    study: Study, slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(list(study.request.overrides)) == 0
    out = capsys.readouterr().out
    assert "2 of 2 cells are under way" in out
    assert states(study, slurm) == [CellState.QUEUED] * 2
    run_dir = RunStore(study.root).run_dir(study.cells[0])
    assert {path.name for path in run_dir.iterdir()} == {"job.sh", SUBMISSION_FILE}
    (submission,) = read_submissions(run_dir)
    assert (submission.launcher, submission.job, submission.attempts_before) == ("slurm", "1", 0)
    # the same command again submits nothing
    assert run_command(list(study.request.overrides)) == 0
    assert "submitted" not in capsys.readouterr().out
    assert len(slurm.names) == 2


def test_what_is_queued_is_not_run_here(study: Study, slurm: FakeSlurm) -> None:
    store = RunStore(study.root)
    refuse_queued(study, store)
    Submitter(study, store).submit(study.cells[0])
    with pytest.raises(UsageError, match="is queued as job 1 of slurm: wait for it, or cancel"):
        refuse_queued(study, store)


def test_the_states_follow_disk_and_queue(study: Study, slurm: FakeSlurm) -> None:
    first, second = study.cells
    assert states(study, slurm) == [CellState.WAITING] * 2
    submitter = Submitter(study, RunStore(study.root))
    for cell in study.cells:
        submitter.submit(cell)
    slurm.states.update({"1": InQueue.RUNNING, "2": InQueue.ENDED})
    assert states(study, slurm) == [CellState.RUNNING, CellState.LOST]
    begin(study, first)
    slurm.states["1"] = InQueue.ENDED
    assert states(study, slurm)[0] is CellState.LOST
    end(study, first, Status.FAILED, "the trainer ended with exit code 1")
    assert states(study, slurm)[0] is CellState.FAILED
    # a new submission has begun nothing yet: the old failure is not its state
    submitter.submit(first)
    assert states(study, slurm)[0] is CellState.QUEUED
    slurm.states["3"] = InQueue.ENDED
    assert states(study, slurm)[0] is CellState.LOST
    begin(study, first)
    end(study, first, Status.DONE)
    assert states(study, slurm)[0] is CellState.DONE
    slurm.answers = False
    assert states(study, slurm) == [CellState.DONE, CellState.UNKNOWN]
    assert second.run_name


def test_reconcile_makes_disk_and_queue_agree(
    study: Study, slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = study.cells
    store = RunStore(study.root)
    submitter = Submitter(study, store)
    for cell in study.cells:
        submitter.submit(cell)
    # killed while it ran; and the note of a job that waits got lost
    begin(study, first)
    slurm.states["1"] = InQueue.ENDED
    (store.run_dir(second) / SUBMISSION_FILE).unlink()
    assert list_cells(study, "") == 0
    assert "1 do not agree" in capsys.readouterr().out
    assert reconcile_cells(study, "") == 0
    out = capsys.readouterr().out
    assert "its record said running, now interrupted" in out
    assert "job 2 was found in the queue and noted" in out
    assert store.record(first).status is Status.INTERRUPTED
    assert read_submissions(store.run_dir(second))[-1].job == "2"
    # done by somebody else meanwhile: its job is not needed
    begin(study, second)
    end(study, second, Status.DONE)
    reconcile_cells(study, "")
    assert "its job was cancelled: the cell is done" in capsys.readouterr().out
    assert slurm.states["2"] is InQueue.CANCELLED
    reconcile_cells(study, "")
    assert "cancelled:" not in capsys.readouterr().out


def test_cells_are_cancelled_and_queued_again(
    study: Study, slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = study.cells
    run_command(list(study.request.overrides))
    cancel_cells(study, "kl=loss")
    assert states(study, slurm) == [CellState.QUEUED, CellState.CANCELLED]
    cancel_cells(study, second.cell_id[:8])
    assert "cancelled, there is no job to cancel" in capsys.readouterr().out
    requeue_cells(study, "all")
    out = capsys.readouterr().out
    assert "job 1 is queued again" in out and "submitted as 3" in out
    assert states(study, slurm) == [CellState.QUEUED] * 2
    begin(study, first)
    end(study, first, Status.DONE)
    with pytest.raises(UsageError, match="is done: it is never run again"):
        requeue_cells(study, "kl=none")
    with pytest.raises(UsageError, match="no cell of the request begins with 'kl=reward'"):
        cancel_cells(study, "kl=reward")
    with pytest.raises(UsageError, match="no cell was named"):
        cancel_cells(study, "")


def test_a_worker_refuses_a_cell_that_its_request_does_not_have(study: Study) -> None:
    with pytest.raises(UsageError, match="code, data or packages are not those"):
        run_cell(study, "0123456789abcdef")


Look = Callable[[], None]


def followed(study: Study, queue: FakeRay, *looks: Look) -> tuple[list[CellState], list[str]]:
    """Follow a request; one of `looks` happens between two looks at the queue."""
    happenings, said = iter(looks), []
    stop = StopRequest()

    def sleep(_: float) -> None:
        happening = next(happenings, None)
        if happening is None:
            stop.signal_name = "SIGINT"
        else:
            happening()

    submitter = Submitter(study, RunStore(study.root), queue)
    requested = Submission(
        launcher="ray", queue=queue.name, job="", submitted="", attempts_before=0
    )
    inspected = follow(
        submitter, said.append, stop, sleep, lambda _: QueueSnapshot(requested, lambda _: queue)
    )
    return [item.state for item in inspected], said


@pytest.fixture
def on_ray(tmp_path: Path) -> Study:
    words = ("launcher=ray", "launcher.address=http://10.0.0.1:8265", "launcher.retries=1")
    return placed(tmp_path, *THREE, *words)


def test_no_more_cells_are_submitted_than_fit_and_lost_ones_go_again(on_ray: Study) -> None:
    queue = FakeRay()
    names = [job_name(cell.cell_id) for cell in on_ray.cells]
    first, second, third = on_ray.cells

    def one_is_lost() -> None:
        assert sorted(queue.states) == sorted([f"{names[0]}-0", f"{names[1]}-0"])
        begin(on_ray, first)
        queue.states[f"{names[0]}-0"] = InQueue.ENDED
        queue.states[f"{names[1]}-0"] = InQueue.RUNNING
        begin(on_ray, second)

    def one_fails() -> None:
        # the place went to the first cell of the list that may start: the lost one
        assert f"{names[0]}-1" in queue.states and f"{names[2]}-0" not in queue.states
        queue.states[f"{names[0]}-1"] = InQueue.RUNNING
        begin(on_ray, first)
        queue.states[f"{names[1]}-0"] = InQueue.ENDED
        end(on_ray, second, Status.FAILED, "ValueError: batch of 7")

    def all_end() -> None:
        assert f"{names[1]}-1" not in queue.states
        begin(on_ray, third)
        for cell in (first, third):
            end(on_ray, cell, Status.DONE)
        queue.states.update(dict.fromkeys(queue.states, InQueue.ENDED))

    found, said = followed(on_ray, queue, one_is_lost, one_fails, all_end)
    assert found == [CellState.DONE, CellState.FAILED, CellState.DONE]
    assert any("kl=none" in line and ": lost" in line for line in said)
    assert any("kl=loss" in line and "failed: ValueError" in line for line in said)


def test_a_cell_is_not_submitted_again_for_ever(on_ray: Study) -> None:
    queue = FakeRay()

    def all_are_lost() -> None:
        queue.states.update(dict.fromkeys(queue.states, InQueue.ENDED))

    found, _ = followed(on_ray, queue, *[all_are_lost] * 9)
    assert found == [CellState.LOST] * 3
    assert len(queue.states) == 3 * 2


def test_who_stops_following_leaves_the_jobs(on_ray: Study) -> None:
    queue = FakeRay()
    found, _ = followed(on_ray, queue)
    assert found == [CellState.QUEUED, CellState.QUEUED, CellState.WAITING]
    # the next one who follows takes them over and submits no second job
    followed(on_ray, queue)
    assert len(queue.states) == 2


def test_a_cluster_in_which_nothing_fits_is_refused(
    on_ray: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = FakeRay()
    monkeypatch.setattr(queue, "nodes", lambda: [{"CPU": 0.5}])
    with pytest.raises(UsageError, match=r"it needs CPU 1 and the nodes have CPU 0\.5"):
        Submitter(on_ray, RunStore(on_ray.root), queue).room()


def test_a_budget_that_is_used_up_cancels_what_waits(on_ray: Study, tmp_path: Path) -> None:
    queue = FakeRay()
    followed(on_ray, queue)
    launcher = {**on_ray.request.launcher, "budget_gpu_hours": 1e-9}
    poor = replace(on_ray, request=replace(on_ray.request, launcher=launcher))
    begin(on_ray, on_ray.cells[2])
    end(on_ray, on_ray.cells[2], Status.INTERRUPTED)
    store = RunStore(poor.root)
    record = store.record(poor.cells[2])
    record.attempts[0].started = "2026-01-01T00:00:00+00:00"
    store.end_attempt(poor.cells[2], record, record.attempts[0])
    found, said = followed(poor, queue, lambda: None)
    assert found == [CellState.CANCELLED, CellState.CANCELLED, CellState.INTERRUPTED]
    assert any("cancelled, stopped by the budget:" in line for line in said)
    with pytest.raises(UsageError, match=r"GPU-hours \(.* used \+ 0 in flight \+ .* for 3 cells\)"):
        check_budget_of(poor, queue)


def check_budget_of(study: Study, queue: FakeRay) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "harness.run.__main__.snapshot_of", lambda _: QueueSnapshot(open_queue=lambda _: queue)
        )
        check_budget(study, RunStore(study.root))
