"""Hands cells to a queue, follows them if asked, and sets right what does not agree.

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
from harness.run.launchers import (
    SCRIPT_FILE,
    launcher_name,
    open_queue,
    ray_entrypoint,
    ray_needs,
    slurm_job,
)
from harness.run.standing import CellState, Sight, Standing, look, sight_of
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
        """Return how many cells may be in the queue at once, None for any number.

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
            asked = ", ".join(f"{name} {amount:g}" for name, amount in wanted.items())
            raise UsageError(
                f"no cell fits into the Ray cluster {self.queue.name}: it needs {asked} and the"
                f" nodes have {sizes or 'nothing'}: add nodes, or lower launcher.cpus"
            )
        return room


def follow(
    submitter: Submitter,
    say: Say,
    stop: StopRequest,
    sleep: Callable[[float], None] | None = None,
    see: Callable[[Study], Sight] = sight_of,
) -> list[Standing]:
    """Submit what may start, watch until nothing is queued or runs, and submit lost cells again.

    Args:
        submitter: of the request.
        say: gets a line for every change of a state.
        stop: ends the watching; the jobs go on.
        sleep: between two looks; by default a pause that a stop ends.
        see: makes a fresh look at the queues.

    Returns:
        Where the cells stand at the end.
    """
    study, store = submitter.study, submitter.store
    guard = Guard(store, allowed_gpu_hours(study.request.launcher))
    tries: dict[str, int] = {}
    told: dict[str, str] = {}

    def pause(seconds: float) -> None:
        end = time.monotonic() + seconds
        while not stop.is_set and time.monotonic() < end:
            time.sleep(min(0.5, seconds))

    while True:
        sight = see(study)
        standings = look(study.cells, store, sight)
        for standing in standings:
            _tell(standing, told, say)
        for error in sight.errors:
            if told.get(error) is None:
                told[error] = error
                say(error)
        reason = guard.exceeded()
        if reason:
            _stop_for_budget(standings, store, sight, f"stopped by {reason}", say)
        due = [] if reason or stop.is_set else _due(standings, tries, study)
        flying = sum(standing.state in IN_FLIGHT for standing in standings)
        if stop.is_set or (not due and not flying):
            return standings
        room = submitter.room() if due else 0
        free = len(due) if room is None else max(room - flying, 0)
        for standing in due[:free]:
            tries[standing.cell.cell_id] = tries.get(standing.cell.cell_id, 0) + 1
            job = submitter.submit(standing.cell).job
            say(f"{standing.cell.run_name}: submitted as {job}")
        (sleep or pause)(float(study.request.launcher["poll_s"]))


def _due(standings: Sequence[Standing], tries: dict[str, int], study: Study) -> list[Standing]:
    """Return the cells to submit: once each, and again where one was lost through no fault."""
    retries = int(study.request.launcher["retries"])
    due = []
    for standing in standings:
        done = tries.get(standing.cell.cell_id, 0)
        is_first = done == 0 and standing.state in UNFINISHED
        if is_first or (_is_lost(standing) and done <= retries):
            due.append(standing)
    return due


def _is_lost(standing: Standing) -> bool:
    if standing.state is CellState.FAILED:
        return lost_with_its_node(standing.reason)
    return standing.state is CellState.LOST


def _tell(standing: Standing, told: dict[str, str], say: Say) -> None:
    text = str(standing.state)
    if standing.job is not None and standing.state in IN_FLIGHT:
        where = f" on {standing.job.node}" if standing.job.node else ""
        text = f"{text}{where}"
    elif standing.reason:
        text = f"{text}: {standing.reason}"
    elif standing.job is not None and standing.state is CellState.LOST:
        text = f"{text}: {standing.job.detail}"
    if told.get(standing.cell.cell_id) != text:
        told[standing.cell.cell_id] = text
        say(f"{standing.cell.run_name}: {text}")


def _stop_for_budget(
    standings: Sequence[Standing], store: RunStore, sight: Sight, reason: str, say: Say
) -> None:
    """Cancel what waits; what runs stops by itself, for the same reason."""
    for standing in standings:
        if standing.state is CellState.QUEUED:
            cancel(standing, store, sight)
            say(f"{standing.cell.run_name}: cancelled, {reason}")


def cancel(standing: Standing, store: RunStore, sight: Sight) -> str:
    """Ask the queue for the end of a cell's job, and note it; return the job's id.

    Raises:
        QueueError: the queue refused.
    """
    _note_found(standing, store, sight)
    run_dir = store.run_dir(standing.cell)
    last = read_submissions(run_dir)[-1]
    sight.open(last).cancel(last.job)
    mark_cancelled(run_dir)
    return last.job


def set_right(standing: Standing, store: RunStore, sight: Sight) -> str:
    """Make disk and queue agree about a cell; return what was done, "" for nothing.

    Args:
        standing: of the cell.
        store: its runs.
        sight: by which it was looked at.

    Raises:
        QueueError: the queue refused.
    """
    done = []
    if standing.repair == CANCEL_JOB:
        cancel(standing, store, sight)
        done.append("its job was cancelled: the cell is done")
    if standing.repair == END_RECORD:
        with store.claim(standing.cell) as record:
            done.append(f"its record said running, now {record.status}")
    done += _note_found(standing, store, sight)
    return "; ".join(done)


def _note_found(standing: Standing, store: RunStore, sight: Sight) -> list[str]:
    """Note a job of the cell that is alive and that nobody noted."""
    job = standing.job
    last = standing.submissions[-1] if standing.submissions else sight.requested
    if job is None or last is None or job.job == last.job:
        return []
    if job.state not in (InQueue.PENDING, InQueue.RUNNING):
        return []
    # what it began already is its own
    begun = 1 if job.state is InQueue.RUNNING else 0
    before = max(standing.attempts - begun, 0)
    found = replace(last, job=job.job, submitted=now(), attempts_before=before, cancelled="")
    add_submission(store.run_dir(standing.cell), found)
    return [f"job {job.job} was found in the queue and noted"]
