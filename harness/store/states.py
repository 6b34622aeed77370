"""The state of a cell, from what is on disk and what the queue says: a pure function.

Every launcher has the same states. What is on disk is the record, the lock and the submissions;
a queue is Slurm's or that of a Ray cluster. Nothing here looks at either.
"""

from __future__ import annotations

from enum import StrEnum

from harness.schema import Status


class CellState(StrEnum):
    """The state of a cell."""

    WAITING = "waiting"
    """Never started and never submitted."""
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """Its last attempt failed by itself; the record has the reason."""
    INTERRUPTED = "interrupted"
    """Stopped in order, and in no queue now."""
    CANCELLED = "cancelled"
    LOST = "lost"
    """Its record has no end: killed, its node died, or the queue no longer knows its job."""
    UNKNOWN = "unknown"
    """It was submitted, and its queue does not answer now."""


class Sent(StrEnum):
    """What the cell's submissions say."""

    NEVER = "never"
    SENT = "sent"
    CANCELLED = "cancelled"


class InQueue(StrEnum):
    """What the queue says of the job of a cell's last submission."""

    ABSENT = "absent"
    PENDING = "pending"
    RUNNING = "running"
    ENDED = "ended"
    CANCELLED = "cancelled"
    UNREACHABLE = "unreachable"


UNFINISHED = frozenset(
    {
        CellState.WAITING,
        CellState.FAILED,
        CellState.INTERRUPTED,
        CellState.CANCELLED,
        CellState.LOST,
    }
)
"""States in which a cell is not done and nobody works on it: it may be started."""

IN_FLIGHT = frozenset({CellState.QUEUED, CellState.RUNNING, CellState.UNKNOWN})
"""States in which a cell must not be started a second time."""


def cell_state(disk: Status, is_held: bool, sent: Sent, queue: InQueue) -> CellState:
    """Return the state of a cell.

    Args:
        disk: status of the record, as it is written; PENDING if there is none, or if no attempt
            has begun since the last submission.
        is_held: a process on this machine holds the cell's lock.
        sent: what its submissions say.
        queue: what the queue says of the last one.
    """
    if disk is Status.DONE:
        return CellState.DONE
    if is_held or queue is InQueue.RUNNING:
        return CellState.RUNNING
    if queue is InQueue.PENDING:
        return CellState.QUEUED
    if sent is not Sent.NEVER and queue is InQueue.UNREACHABLE:
        return CellState.UNKNOWN
    if sent is Sent.CANCELLED or queue is InQueue.CANCELLED:
        return CellState.CANCELLED
    if disk is Status.FAILED:
        return CellState.FAILED
    if disk is Status.INTERRUPTED:
        return CellState.INTERRUPTED
    is_new = disk is Status.PENDING and sent is Sent.NEVER
    return CellState.WAITING if is_new else CellState.LOST


def repair(disk: Status, state: CellState, queue: InQueue) -> str:
    """Name the repair that makes disk and queue agree.

    Args:
        disk: status of the record as it is written, whatever was submitted since.
        state: from `cell_state`.
        queue: what the queue says of the last submission.

    Returns:
        `CANCEL_JOB` (the cell is done and its job is still queued), `END_RECORD` (it says running
        and nothing runs), or "".
    """
    if state is CellState.DONE and queue is InQueue.PENDING:
        return CANCEL_JOB
    is_over = state in UNFINISHED or state is CellState.QUEUED
    if disk is Status.RUNNING and is_over:
        return END_RECORD
    return ""


CANCEL_JOB = "cancel the job"
END_RECORD = "end the record"
