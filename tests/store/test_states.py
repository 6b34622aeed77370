"""Every combination of disk and queue has its state, written out by hand."""

import itertools

import pytest

from harness.schema import Status
from harness.store.states import (
    CANCEL_JOB,
    END_RECORD,
    IN_FLIGHT,
    UNFINISHED,
    CellState,
    InQueue,
    Sent,
    cell_state,
    repair,
)

COLUMNS = ("absent", "pending", "running", "ended", "cancelled", "unreachable")

GRIDS = {
    # what a cell may show that was never submitted: no queue has ever heard of it, but if one has,
    # the queue is believed
    "never": """
        pending      waiting      queued  running  waiting      cancelled  waiting
        running      lost         queued  running  lost         cancelled  lost
        done         done         done    done     done         done       done
        failed       failed       queued  running  failed       cancelled  failed
        interrupted  interrupted  queued  running  interrupted  cancelled  interrupted
    """,
    "sent": """
        pending      lost         queued  running  lost         cancelled  unknown
        running      lost         queued  running  lost         cancelled  unknown
        done         done         done    done     done         done       done
        failed       failed       queued  running  failed       cancelled  unknown
        interrupted  interrupted  queued  running  interrupted  cancelled  unknown
    """,
    "cancelled": """
        pending      cancelled    queued  running  cancelled    cancelled  unknown
        running      cancelled    queued  running  cancelled    cancelled  unknown
        done         done         done    done     done         done       done
        failed       cancelled    queued  running  cancelled    cancelled  unknown
        interrupted  cancelled    queued  running  cancelled    cancelled  unknown
    """,
}
"""Submissions -> rows of: record, then the state for each of `COLUMNS`; nobody holds the lock."""


def written() -> dict[tuple[str, str, str], str]:
    """Return (submissions, record, queue) -> state."""
    found = {}
    for sent, grid in GRIDS.items():
        for line in grid.strip().splitlines():
            disk, *states = line.split()
            for queue, state in zip(COLUMNS, states, strict=True):
                found[sent, disk, queue] = state
    return found


def test_the_table_has_every_combination() -> None:
    assert set(written()) == set(itertools.product(Sent, Status, InQueue))
    assert set(written().values()) == set(CellState)


@pytest.mark.parametrize(("sent", "disk", "queue"), list(itertools.product(Sent, Status, InQueue)))
def test_every_combination_has_its_state(sent: Sent, disk: Status, queue: InQueue) -> None:
    expected = written()[sent, disk, queue]
    assert cell_state(disk, False, sent, queue) == expected
    held = "done" if disk is Status.DONE else "running"
    assert cell_state(disk, True, sent, queue) == held


def test_a_cell_is_either_done_or_in_flight_or_may_be_started() -> None:
    assert {*UNFINISHED, *IN_FLIGHT, CellState.DONE} == set(CellState)
    assert not UNFINISHED & IN_FLIGHT


@pytest.mark.parametrize(
    ("disk", "state", "queue", "expected"),
    [
        (Status.DONE, CellState.DONE, InQueue.PENDING, CANCEL_JOB),
        (Status.DONE, CellState.DONE, InQueue.RUNNING, ""),
        (Status.RUNNING, CellState.LOST, InQueue.ENDED, END_RECORD),
        (Status.RUNNING, CellState.CANCELLED, InQueue.CANCELLED, END_RECORD),
        (Status.RUNNING, CellState.QUEUED, InQueue.PENDING, END_RECORD),
        (Status.RUNNING, CellState.RUNNING, InQueue.RUNNING, ""),
        (Status.RUNNING, CellState.UNKNOWN, InQueue.UNREACHABLE, ""),
        (Status.FAILED, CellState.FAILED, InQueue.ENDED, ""),
    ],
)
def test_what_does_not_agree_is_named(
    disk: Status, state: CellState, queue: InQueue, expected: str
) -> None:
    assert repair(disk, state, queue) == expected
