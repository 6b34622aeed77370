"""`python -m harness.cells [<verb>] ablation=<name> [...]`: where every cell of a request stands.

Where every cell of a request stands, from what is on disk and in the queue it was handed to:
waiting, queued, running, done, failed, interrupted, cancelled, lost, unknown. The other options
are those of `python -m harness.run`, because they decide which cells there are.

list        print it and change nothing (also without a verb)
reconcile   set right what does not agree: a record that says running while nothing runs, a job
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

from harness.cli import read_verb, run_command
from harness.launch.slurm import Slurm
from harness.run.budget import make_budget, used_gpu_hours
from harness.run.checks import check_launch
from harness.run.launchers import queue_of
from harness.run.queue import Submitter, cancel, set_right
from harness.run.session import run_cells
from harness.run.standing import CellState, Sight, Standing, look, sight_of
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
    sight = sight_of(study)
    print(table(_choose(look(study.cells, store, sight), chosen or ALL)))
    print(f"\n{summary(study, store, sight)}")
    return ExitCode.OK


def reconcile(study: Study, chosen: str) -> int:
    """Set right what does not agree, then print the table."""
    store = RunStore(study.root)
    sight = sight_of(study)
    for standing in _choose(look(study.cells, store, sight), chosen or ALL):
        done = set_right(standing, store, sight)
        if done:
            print(f"{standing.cell.run_name}: {done}")
    return list_cells(study, chosen)


def cancel_cells(study: Study, chosen: str) -> int:
    """End the jobs of the chosen cells."""
    store = RunStore(study.root)
    sight = sight_of(study)
    for standing in _choose(look(study.cells, store, sight), chosen):
        if standing.state in IN_FLIGHT and (standing.submissions or standing.job):
            print(f"{standing.cell.run_name}: job {cancel(standing, store, sight)} is cancelled")
        else:
            print(f"{standing.cell.run_name}: {standing.state}, there is no job to cancel")
    return ExitCode.OK


def requeue_cells(study: Study, chosen: str) -> int:
    """Start the chosen cells again.

    Raises:
        UsageError: one of them is done, or runs where it cannot be put back.
    """
    store = RunStore(study.root)
    standings = _choose(look(study.cells, store, sight_of(study)), chosen)
    new = [standing for standing in standings if standing.state not in IN_FLIGHT]
    for standing in standings:
        _refuse_requeue(standing)
    for standing in standings:
        if standing.state in IN_FLIGHT:
            _put_back(standing)
    if new:
        submitter = Submitter(study, store)
        cells = [standing.cell for standing in new]
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


def table(standings: Sequence[Standing]) -> str:
    """Return the aligned table of cells, one row each."""
    rows = [("cell", "state", "attempts", "job", "queue says", "last reason")]
    for standing in standings:
        last = standing.submissions[-1] if standing.submissions else None
        rows.append(
            (
                standing.cell.run_name,
                str(standing.state),
                str(standing.attempts),
                "-" if last is None else last.job,
                standing.job.detail if standing.job else str(standing.queue) if last else "-",
                standing.reason or "-",
            )
        )
    return aligned(rows)


def summary(study: Study, store: RunStore, sight: Sight) -> str:
    """Return how many cells stand where, what they used, and which queue did not answer."""
    standings = look(study.cells, store, sight)
    counts = Counter(standing.state for standing in standings)
    text = ", ".join(f"{counts[state]} {state}" for state in CellState if counts[state])
    lines = [f"{text}; {used_gpu_hours(store, time()):.4g} GPU-hours used"]
    wrong = sum(bool(standing.repair) for standing in standings)
    if wrong:
        lines.append(f"{wrong} do not agree with disk or queue: `reconcile` sets them right")
    return "\n".join([*lines, *sight.errors])


def _choose(standings: Sequence[Standing], chosen: str) -> list[Standing]:
    """Return the standings that `cell=` names.

    Raises:
        UsageError: nothing is named, or a name fits none.
    """
    if chosen == ALL:
        return list(standings)
    if not chosen:
        raise UsageError("no cell was named: give cell=<beginning of an id or a run name>, or all")
    found: dict[str, Standing] = {}
    for word in chosen.split(","):
        fits = [s for s in standings if _fits(s.cell, word)]
        if not fits:
            raise UsageError(f"no cell of the request begins with {word!r}: `list` prints them all")
        found |= {standing.cell.cell_id: standing for standing in fits}
    return list(found.values())


def _fits(cell: CellSpec, word: str) -> bool:
    return bool(word) and (cell.cell_id.startswith(word) or cell.run_name.startswith(word))


def _refuse_requeue(standing: Standing) -> None:
    if standing.state is CellState.DONE:
        raise UsageError(f"{standing.cell.run_name} is done: it is never run again")
    is_slurm = bool(standing.submissions) and standing.submissions[-1].launcher == "slurm"
    if standing.state in IN_FLIGHT and not is_slurm:
        raise UsageError(
            f"{standing.cell.run_name} is {standing.state}: cancel it first, then requeue it"
        )


def _put_back(standing: Standing) -> None:
    last = standing.submissions[-1]
    queue = queue_of(last)
    assert isinstance(queue, Slurm)
    queue.requeue(last.job)
    print(f"{standing.cell.run_name}: job {last.job} is queued again")


VERBS: dict[str, Callable[[Study, str], int]] = {
    "list": list_cells,
    "reconcile": reconcile,
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
    chosen = [text.partition("=")[2] for text in rest if text.startswith("cell=")]
    overrides = [text for text in rest if not text.startswith("cell=")]
    return run_application(
        lambda given: VERBS[verb](make_study(given), ",".join(chosen)), overrides
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
