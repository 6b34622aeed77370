"""Inspects every cell of a request: its record on disk and a snapshot of its queue, put together.

The judgement is `harness.store.states.cell_state`; here is what it judges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.launch.queue import Queue, QueuedJob, QueueError
from harness.run.launchers import LOCAL, RAY, SLURM, launcher_name, queue_of
from harness.schema import CellSpec, RunRecord, Status
from harness.spec.study import Study
from harness.store import locks
from harness.store.ledger import RunStore
from harness.store.states import CellState as CellState
from harness.store.states import InQueue, cell_state, repair
from harness.store.submissions import Submission, job_name, read_submissions, sent_state


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedCell:
    """One cell as disk and queue show it.

    Attributes:
        cell: which one.
        state: the judgement.
        disk: status of its record as it is written; PENDING if there is none.
        reason: of its last attempt; empty if it is done or never ran.
        attempts: how many it has had.
        submissions: to queues, oldest first.
        queue: what the queue says of the last of them.
        job: as the queue shows it; None if it does not.
        repair: what has to be reconciled (see `harness.store.states.repair`).
    """

    cell: CellSpec
    state: CellState
    disk: Status
    reason: str
    attempts: int
    submissions: tuple[Submission, ...]
    queue: InQueue
    job: QueuedJob | None
    repair: str


class QueueSnapshot:
    """What the queues said, each queried at most once.

    Args:
        requested: queue that the request would use, as a submission to it without a job; it may
            hold jobs of cells of which nothing was noted. None for a launcher without a queue.
        open_queue: submission -> its queue.
    """

    def __init__(
        self,
        requested: Submission | None = None,
        open_queue: Callable[[Submission], Queue] = queue_of,
    ) -> None:
        self.requested, self.open = requested, open_queue
        self._seen: dict[str, Mapping[str, QueuedJob] | None] = {}
        self.errors: list[str] = []

    def jobs(self, submission: Submission) -> Mapping[str, QueuedJob] | None:
        """Return the jobs of the queue that a submission went to; None if it does not answer."""
        if submission.queue not in self._seen:
            try:
                self._seen[submission.queue] = self.open(submission).jobs()
            except QueueError as error:
                self._seen[submission.queue] = None
                self.errors.append(str(error))
        return self._seen[submission.queue]


def snapshot_of(study: Study) -> QueueSnapshot:
    """Return a snapshot of the queues that the cells of a request went to, or would go to."""
    name = launcher_name(study)
    address = study.request.launcher.get("address")
    if name == LOCAL or (name == RAY and not address):
        return QueueSnapshot()
    queue = SLURM if name == SLURM else str(address)
    return QueueSnapshot(
        Submission(launcher=name, queue=queue, job="", submitted="", attempts_before=0)
    )


def inspect_cells(
    cells: Sequence[CellSpec], store: RunStore, snapshot: QueueSnapshot
) -> list[InspectedCell]:
    """Return the state of each cell; `DamagedError` if a record or submission cannot be read."""
    return [_inspected(cell, store, snapshot) for cell in cells]


def _inspected(cell: CellSpec, store: RunStore, snapshot: QueueSnapshot) -> InspectedCell:
    run_dir, record = store.run_dir(cell), store.record(cell)
    submissions = read_submissions(run_dir)
    job, queue = _job(cell, submissions, snapshot)
    disk = Status.PENDING if record is None else record.status
    since = _since(record, submissions)
    state = cell_state(since, locks.is_held(run_dir), sent_state(submissions), queue)
    return InspectedCell(
        cell=cell,
        state=state,
        disk=disk,
        reason="" if record is None else record.reason,
        attempts=0 if record is None else len(record.attempts),
        submissions=tuple(submissions),
        queue=queue,
        job=job,
        repair=repair(disk, state, queue),
    )


def _since(record: RunRecord | None, submissions: Sequence[Submission]) -> Status:
    """Return the status of a record, PENDING if nothing began since the last submission."""
    if record is None:
        return Status.PENDING
    # a record that is older than the last submission says nothing of that job
    is_older = bool(submissions) and len(record.attempts) <= submissions[-1].attempts_before
    return Status.PENDING if is_older and record.status is not Status.DONE else record.status


def _job(
    cell: CellSpec, submissions: Sequence[Submission], snapshot: QueueSnapshot
) -> tuple[QueuedJob | None, InQueue]:
    last = submissions[-1] if submissions else snapshot.requested
    if last is None:
        return None, InQueue.ABSENT
    jobs = snapshot.jobs(last)
    if jobs is None:
        return None, InQueue.UNREACHABLE
    # by name first: the note of a job may be lost, its name is the cell's
    job = _namesake(jobs, job_name(cell.cell_id)) or jobs.get(last.job)
    return job, InQueue.ABSENT if job is None else job.state


def _namesake(jobs: Mapping[str, QueuedJob], name: str) -> QueuedJob | None:
    """Return a job of the same cell that is alive: submitted, and the note of it was lost."""
    alive = (InQueue.PENDING, InQueue.RUNNING)
    return next((job for job in jobs.values() if job.name == name and job.state in alive), None)
