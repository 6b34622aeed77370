"""Hands cells to a queue, follows them on request, and reconciles what does not agree.

The cells run in processes of their own (`python -m harness.cells run`), which write the records;
this module writes submission.json only. It may end at any time: the same command goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.launch.ray_jobs import RayJobs, lost_with_its_node, room_for
from harness.launch.slurm import Slurm
from harness.launch.slurm_script import job_script
from harness.launch.stop import StopRequest
from harness.provenance import now
from harness.run.budget import Guard, allowed_gpu_hours
from harness.run.inspection import (
    CellState,
    InspectedCell,
    QueueSnapshot,
    inspect_cells,
    snapshot_of,
)
from harness.run.launchers import (
    SCRIPT_FILE,
    launcher_name,
    open_queue,
    ray_entrypoint,
    ray_needs,
    slurm_job,
)
from harness.schema import CellSpec, UsageError
from harness.spec.study import Study
from harness.store.files import write_atomic
from harness.store.ledger import RunStore
from harness.store.states import CANCEL_JOB, END_RECORD, IN_FLIGHT, UNFINISHED, InQueue
from harness.store.submissions import (
    Submission,
    add_submission,
    job_name,
    mark_cancelled,
    read_submissions,
)

Say = Callable[[str], None]


class Submitter:
    """Submits the cells of a request.

    Args:
        study: the request.
        store: its runs.
        queue: to submit to; that of the request's launcher by default.

    Raises:
        UsageError: the launcher has no queue, or no address was given.
    """

    def __init__(self, study: Study, store: RunStore, queue: Slurm | RayJobs | None = None) -> None:
        self.study, self.store = study, store
        self.queue = queue or open_queue(launcher_name(study), study.request.launcher)

    def submit(self, cell: CellSpec) -> Submission:
        """Submit one cell and note it.

        Raises:
            QueueError: the queue refused; nothing was noted.
        """
        run_dir = self.store.run_dir(cell)
        run_dir.mkdir(parents=True, exist_ok=True)
        record = self.store.record(cell)
        submission = Submission(
            launcher=launcher_name(self.study),
            queue=self.queue.name,
            job=self._hand_over(cell),
            submitted=now(),
            attempts_before=0 if record is None else len(record.attempts),
        )
        # if this process dies before the note, `reconcile` finds the job by its name
        add_submission(run_dir, submission)
        return submission

    def _hand_over(self, cell: CellSpec) -> str:
        run_dir = self.store.run_dir(cell)
        if isinstance(self.queue, Slurm):
            script = run_dir / SCRIPT_FILE
            write_atomic(script, job_script(slurm_job(self.study, cell)))
            return self.queue.submit(script)
        name = job_name(cell.cell_id)
        job = f"{name}-{len(read_submissions(run_dir))}"
        needs = ray_needs(self.study, cell)
        return self.queue.submit(job, name, ray_entrypoint(self.study, cell), needs)

    def room(self) -> int | None:
        """Return the number of cells that may be in the queue at once, None for any number.

        Slurm keeps jobs that wait. A Ray cluster gives a job that cannot be placed up (after 15
        minutes by default), so it gets no more than fit.

        Raises:
            UsageError: not even one fits into the cluster.
        """
        if isinstance(self.queue, Slurm):
            return None
        needs = ray_needs(self.study, self.study.cells[0])
        nodes = self.queue.nodes()
        room = room_for(nodes, needs)
        if room < 1:
            sizes = "; ".join(
                ", ".join(f"{name} {amount:g}" for name, amount in sorted(node.items()))
                for node in nodes
            )
            wanted = {**needs.demands, **({"GPU": needs.joined_gpus} if needs.joined_gpus else {})}
            needed = ", ".join(f"{name} {amount:g}" for name, amount in wanted.items())
            raise UsageError(
                f"no cell fits into the Ray cluster {self.queue.name}: it needs {needed} and the"
                f" nodes have {sizes or 'nothing'}: add nodes, or lower launcher.cpus"
            )
        return room


def follow(
    submitter: Submitter,
    say: Say,
    stop: StopRequest,
    sleep: Callable[[float], None] | None = None,
    see: Callable[[Study], QueueSnapshot] = snapshot_of,
) -> list[InspectedCell]:
    """Submit what may start, watch until nothing is queued or runs, and submit lost cells again.

    Args:
        submitter: of the request.
        say: gets a line for every change of a state.
        stop: ends the watching; the jobs go on.
        sleep: between two snapshots; by default a pause that a stop ends.
        see: takes a snapshot of the queues.

    Returns:
        The cells at the end.
    """
    study, store = submitter.study, submitter.store
    guard = Guard(store, allowed_gpu_hours(study.request.launcher))
    tries: dict[str, int] = {}
    told: dict[str, str] = {}

    def pause(seconds: float) -> None:
        end = time.monotonic() + seconds
        while not stop.is_set and time.monotonic() < end:
            # in short pieces, so that a stop is seen at once
            time.sleep(min(0.5, seconds))

    while True:
        snapshot = see(study)
        inspected = inspect_cells(study.cells, store, snapshot)
        for item in inspected:
            _tell(item, told, say)
        for error in snapshot.errors:
            if told.get(error) is None:
                told[error] = error
                say(error)
        reason = guard.exceeded()
        if reason:
            _stop_for_budget(inspected, store, snapshot, f"stopped by {reason}", say)
        due = [] if reason or stop.is_set else _due(inspected, tries, study)
        flying = sum(item.state in IN_FLIGHT for item in inspected)
        if stop.is_set or (not due and not flying):
            return inspected
        room = submitter.room() if due else 0
        # the room is that of an empty cluster
        free = len(due) if room is None else max(room - flying, 0)
        for item in due[:free]:
            tries[item.cell.cell_id] = tries.get(item.cell.cell_id, 0) + 1
            job = submitter.submit(item.cell).job
            say(f"{item.cell.run_name}: submitted as {job}")
        (sleep or pause)(float(study.request.launcher["poll_s"]))


def _due(
    inspected: Sequence[InspectedCell], tries: dict[str, int], study: Study
) -> list[InspectedCell]:
    """Return the cells to submit: once each, and again where one was lost through no fault."""
    retries = int(study.request.launcher["retries"])
    due = []
    for item in inspected:
        done = tries.get(item.cell.cell_id, 0)
        is_first = done == 0 and item.state in UNFINISHED
        if is_first or (_is_lost(item) and done <= retries):
            due.append(item)
    return due


def _is_lost(item: InspectedCell) -> bool:
    if item.state is CellState.FAILED:
        return lost_with_its_node(item.reason)
    return item.state is CellState.LOST


def _tell(item: InspectedCell, told: dict[str, str], say: Say) -> None:
    text = str(item.state)
    if item.job is not None and item.state in IN_FLIGHT:
        where = f" on {item.job.node}" if item.job.node else ""
        text = f"{text}{where}"
    elif item.reason:
        text = f"{text}: {item.reason}"
    elif item.job is not None and item.state is CellState.LOST:
        text = f"{text}: {item.job.detail}"
    if told.get(item.cell.cell_id) != text:
        told[item.cell.cell_id] = text
        say(f"{item.cell.run_name}: {text}")


def _stop_for_budget(
    inspected: Sequence[InspectedCell],
    store: RunStore,
    snapshot: QueueSnapshot,
    reason: str,
    say: Say,
) -> None:
    """Cancel what waits; what runs stops by itself, for the same reason."""
    for item in inspected:
        if item.state is CellState.QUEUED:
            cancel(item, store, snapshot)
            say(f"{item.cell.run_name}: cancelled, {reason}")


def cancel(item: InspectedCell, store: RunStore, snapshot: QueueSnapshot) -> str:
    """Ask the queue for the end of a cell's job, and note it; return the job's id.

    Raises:
        QueueError: the queue refused.
    """
    _note_found(item, store, snapshot)
    run_dir = store.run_dir(item.cell)
    last = read_submissions(run_dir)[-1]
    snapshot.open(last).cancel(last.job)
    mark_cancelled(run_dir)
    return last.job


def reconcile(item: InspectedCell, store: RunStore, snapshot: QueueSnapshot) -> str:
    """Make disk and queue agree about a cell; return what was done, "" for nothing.

    Args:
        item: the cell.
        store: its runs.
        snapshot: that the cell was inspected by.

    Raises:
        QueueError: the queue refused.
    """
    done = []
    if item.repair == CANCEL_JOB:
        cancel(item, store, snapshot)
        done.append("its job was cancelled: the cell is done")
    if item.repair == END_RECORD:
        with store.claim(item.cell) as record:
            done.append(f"its record said running, now {record.status}")
    done += _note_found(item, store, snapshot)
    return "; ".join(done)


def _note_found(item: InspectedCell, store: RunStore, snapshot: QueueSnapshot) -> list[str]:
    """Note a job of the cell that is alive and that nobody noted."""
    job = item.job
    last = item.submissions[-1] if item.submissions else snapshot.requested
    if job is None or last is None or job.job == last.job:
        return []
    if job.state not in (InQueue.PENDING, InQueue.RUNNING):
        return []
    # what it began already is its own
    begun = 1 if job.state is InQueue.RUNNING else 0
    before = max(item.attempts - begun, 0)
    found = replace(last, job=job.job, submitted=now(), attempts_before=before, cancelled="")
    add_submission(store.run_dir(item.cell), found)
    return [f"job {job.job} was found in the queue and noted"]
