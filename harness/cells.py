"""`python -m harness.cells [<verb>] ablation=<name> [...]`: where every cell of a request stands.

Where every cell of a request stands, from what is on disk and in the queue it was handed to:
waiting, queued, running, done, failed, interrupted, cancelled, lost, unknown. The other options
are those of `python -m harness.run`, because they decide which cells there are.

list        print it and change nothing (also without a verb)
reconcile   make disk and queue agree: a record that says running while nothing runs, a job
            that nobody noted, a job of a cell that is done
cancel      end the jobs of cells that are queued or run; the cell= options choose them
requeue     start cells again: a Slurm job that is alive goes back to its queue, a cell that is not
            done gets a new job by the request's launcher
run         run one cell here and now; jobs of launchers do this

cell= takes the beginnings of ids or of run names, between commas, or all.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import time

from harness.cli import place, read_arguments, read_verb, run_command
from harness.launch.slurm import Slurm
from harness.run.budget import make_budget, used_gpu_hours
from harness.run.checks import check_launch
from harness.run.inspection import (
    CellState,
    InspectedCell,
    QueueSnapshot,
    inspect_cells,
    snapshot_of,
)
from harness.run.launchers import queue_of
from harness.run.queue import Submitter, cancel, reconcile
from harness.run.session import run_cells
from harness.schema import CellSpec, ExitCode, UsageError
from harness.spec.application import run_application
from harness.spec.study import Study, make_study
from harness.store.ledger import RunStore
from harness.store.states import IN_FLIGHT
from harness.text import aligned

ALL = "all"


def list_cells(study: Study, chosen: str) -> int:
    """Print the table of the cells."""
    store = RunStore(study.root)
    snapshot = snapshot_of(study)
    print(table(_choose(inspect_cells(study.cells, store, snapshot), chosen or ALL)))
    print(f"\n{summary(study, store, snapshot)}")
    return ExitCode.OK


def reconcile_cells(study: Study, chosen: str) -> int:
    """Make disk and queue agree, then print the table."""
    store = RunStore(study.root)
    snapshot = snapshot_of(study)
    for item in _choose(inspect_cells(study.cells, store, snapshot), chosen or ALL):
        done = reconcile(item, store, snapshot)
        if done:
            print(f"{item.cell.run_name}: {done}")
    return list_cells(study, chosen)


def cancel_cells(study: Study, chosen: str) -> int:
    """End the jobs of the chosen cells."""
    store = RunStore(study.root)
    snapshot = snapshot_of(study)
    for item in _choose(inspect_cells(study.cells, store, snapshot), chosen):
        if item.state in IN_FLIGHT and (item.submissions or item.job):
            print(f"{item.cell.run_name}: job {cancel(item, store, snapshot)} is cancelled")
        else:
            print(f"{item.cell.run_name}: {item.state}, there is no job to cancel")
    return ExitCode.OK


def requeue_cells(study: Study, chosen: str) -> int:
    """Start the chosen cells again.

    Raises:
        UsageError: one of them is done, or runs where it cannot be put back.
    """
    store = RunStore(study.root)
    inspected = _choose(inspect_cells(study.cells, store, snapshot_of(study)), chosen)
    new = [item for item in inspected if item.state not in IN_FLIGHT]
    for item in inspected:
        # before anything is put back: a refusal leaves nothing half done
        _refuse_requeue(item)
    for item in inspected:
        if item.state in IN_FLIGHT:
            _put_back(item)
    if new:
        submitter = Submitter(study, store)
        cells = [item.cell for item in new]
        check_launch(replace(study, cells=tuple(cells)), store)
        budget = make_budget(study, store, cells, [])
        if budget is not None:
            budget.check()
        for cell in cells:
            print(f"{cell.run_name}: submitted as {submitter.submit(cell).job}")
    return ExitCode.OK


def run_cell(study: Study, chosen: str) -> int:
    """Run one cell in this process; a job of a launcher does nothing else.

    Raises:
        UsageError: the request has no such cell, as when code, data or packages have changed.
    """
    cells = [cell for cell in study.cells if cell.cell_id.startswith(chosen)] if chosen else []
    if len(cells) != 1:
        raise UsageError(
            f"the request has no cell {chosen!r}: code, data or packages are not those that it was"
            " submitted with; requeue it from this checkout"
        )
    print(f"running {cells[0].run_name}", flush=True)
    outcome = run_cells(replace(study, cells=tuple(cells)), RunStore(study.root))
    return ExitCode.CELLS_FAILED if outcome.unfinished else ExitCode.OK


def table(inspected: Sequence[InspectedCell]) -> str:
    """Return the aligned table of cells, one row each."""
    rows = [("cell", "state", "attempts", "job", "queue says", "last reason")]
    for item in inspected:
        last = item.submissions[-1] if item.submissions else None
        rows.append(
            (
                item.cell.run_name,
                str(item.state),
                str(item.attempts),
                "-" if last is None else last.job,
                item.job.detail if item.job else str(item.queue) if last else "-",
                item.reason or "-",
            )
        )
    return aligned(rows)


def summary(study: Study, store: RunStore, snapshot: QueueSnapshot) -> str:
    """Return the count of each state, the GPU-hours used, and what queues did not answer."""
    inspected = inspect_cells(study.cells, store, snapshot)
    counts = Counter(item.state for item in inspected)
    text = ", ".join(f"{counts[state]} {state}" for state in CellState if counts[state])
    lines = [f"{text}; {used_gpu_hours(store, time()):.4g} GPU-hours used"]
    wrong = sum(bool(item.repair) for item in inspected)
    if wrong:
        lines.append(f"{wrong} do not agree with disk or queue: `reconcile` makes them agree")
    return "\n".join([*lines, *snapshot.errors])


def _choose(inspected: Sequence[InspectedCell], chosen: str) -> list[InspectedCell]:
    """Return the cells that `cell=` names.

    Raises:
        UsageError: nothing is named, or a name fits none.
    """
    if chosen == ALL:
        return list(inspected)
    if not chosen:
        raise UsageError("no cell was named: give cell=<beginning of an id or a run name>, or all")
    found: dict[str, InspectedCell] = {}
    for name in chosen.split(","):
        fits = [s for s in inspected if _fits(s.cell, name)]
        if not fits:
            raise UsageError(f"no cell of the request begins with {name!r}: `list` prints them all")
        found |= {item.cell.cell_id: item for item in fits}
    return list(found.values())


def _fits(cell: CellSpec, name: str) -> bool:
    return bool(name) and (cell.cell_id.startswith(name) or cell.run_name.startswith(name))


def _refuse_requeue(item: InspectedCell) -> None:
    if item.state is CellState.DONE:
        raise UsageError(f"{item.cell.run_name} is done: it is never run again")
    # no other queue takes a job back that runs
    is_slurm = bool(item.submissions) and item.submissions[-1].launcher == "slurm"
    if item.state in IN_FLIGHT and not is_slurm:
        raise UsageError(f"{item.cell.run_name} is {item.state}: cancel it first, then requeue it")


def _put_back(item: InspectedCell) -> None:
    last = item.submissions[-1]
    queue = queue_of(last)
    assert isinstance(queue, Slurm)
    queue.requeue(last.job)
    print(f"{item.cell.run_name}: job {last.job} is queued again")


VERBS: dict[str, Callable[[Study, str], int]] = {
    "list": list_cells,
    "reconcile": reconcile_cells,
    "cancel": cancel_cells,
    "requeue": requeue_cells,
    "run": run_cell,
}


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _cells)


def _cells(argv: Sequence[str]) -> int:
    has_verb = bool(argv) and "=" not in argv[0]
    verb, rest = read_verb(argv, list(VERBS)) if has_verb else ("list", argv)
    cell = read_arguments([text for text in rest if text.startswith("cell=")], {"cell": place()})
    overrides = [text for text in rest if not text.startswith("cell=")]
    return run_application(lambda given: VERBS[verb](make_study(given), cell["cell"]), overrides)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
