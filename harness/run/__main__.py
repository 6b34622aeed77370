"""`python -m harness.run ablation=<name> [...]`: an ablation, from the config to the report."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace

from harness.launch.stop import catch_stop
from harness.run.budget import make_budget
from harness.run.checks import check_launch, check_request
from harness.run.inspection import inspect_cells, snapshot_of
from harness.run.launchers import LOCAL, launcher_name
from harness.run.plan_text import cost_line, describe_study, print_plan, shadow_text
from harness.run.queue import Submitter, follow
from harness.run.session import Outcome, run_cells
from harness.schema import CellSpec, ExitCode, UsageError
from harness.spec.application import run_application
from harness.spec.study import Study, make_study
from harness.store.ledger import RunStore
from harness.store.states import IN_FLIGHT, UNFINISHED, CellState
from harness.text import folded


def run(overrides: list[str]) -> int:
    """Run what the overrides ask for; return the exit code."""
    study = make_study(overrides)
    if study.request.dry_run:
        print_plan(study)
        return ExitCode.OK
    store = RunStore(study.root)
    check_request(study, store, os.environ)
    print(folded(describe_study(study)))
    print(folded(cost_line(study)))
    print(shadow_text(study), end="", flush=True)
    if launcher_name(study) != LOCAL:
        return submit(study, store)
    refuse_queued(study, store)
    check_budget(study, store)
    outcome = run_cells(study, store)
    if outcome.is_stopped:
        unfinished = len(outcome.unfinished)
        print(f"stopped: {unfinished} cells are not done; the same command goes on from here")
        return ExitCode.CELLS_FAILED
    report(study)
    return conclude(study, outcome)


def submit(study: Study, store: RunStore) -> int:
    """Hand the cells to a queue and, if asked, follow them to the report; return the exit code."""
    submitter = Submitter(study, store)
    new = cells_to_start(study, store)
    if new:
        # of those alone that are to start: others may be at work, and their locks held
        check_launch(replace(study, cells=new), store)
        # refuses a cluster into which not even one cell fits
        submitter.room()
        check_budget(study, store)
    if not study.request.launcher["wait"]:
        return submit_only(study, store, submitter)
    with catch_stop() as stop:
        inspected = follow(submitter, lambda line: print(line, flush=True), stop)
        if stop.is_set:
            print(
                "no longer followed: the jobs go on; `python -m harness.cells` with the same"
                " overrides shows them, `cancel cell=all` ends them, the same command follows them"
                " again"
            )
            return ExitCode.CELLS_FAILED
    report(study)
    left = tuple(s.cell for s in inspected if s.state is not CellState.DONE)
    return conclude(study, Outcome(launched=0, unfinished=left, is_stopped=False))


def submit_only(study: Study, store: RunStore, submitter: Submitter) -> int:
    """Submit every cell that nobody works on; if all are done, write the report."""
    inspected = inspect_cells(study.cells, store, snapshot_of(study))
    open_cells = [s for s in inspected if s.state is not CellState.DONE]
    for item in open_cells:
        if item.state in IN_FLIGHT:
            print(f"{item.cell.run_name}: {item.state}")
        else:
            job = submitter.submit(item.cell).job
            print(f"{item.cell.run_name}: submitted as {job}", flush=True)
    if not open_cells:
        report(study)
        return ExitCode.OK
    print(
        f"{len(open_cells)} of {len(study.cells)} cells are under way: `python -m harness.cells`"
        " with the same overrides shows them, the same command writes the report when all are done"
    )
    return ExitCode.OK


def cells_to_start(study: Study, store: RunStore) -> tuple[CellSpec, ...]:
    """Return the cells that are not done and that nobody works on."""
    inspected = inspect_cells(study.cells, store, snapshot_of(study))
    return tuple(s.cell for s in inspected if s.state in UNFINISHED)


def check_budget(study: Study, store: RunStore) -> None:
    """Refuse a request that its budget of GPU-hours does not cover.

    Raises:
        UsageError: with the sum.
    """
    inspected = inspect_cells(study.cells, store, snapshot_of(study))
    flying = [s.cell for s in inspected if s.state in IN_FLIGHT]
    new = [s.cell for s in inspected if s.state in UNFINISHED]
    budget = make_budget(study, store, new, flying)
    if budget is not None:
        budget.check()


def refuse_queued(study: Study, store: RunStore) -> None:
    """Refuse to run here what a queue is going to run.

    Raises:
        UsageError: naming the first such cell.
    """
    for item in inspect_cells(study.cells, store, snapshot_of(study)):
        if item.state in IN_FLIGHT and item.submissions:
            last = item.submissions[-1]
            raise UsageError(
                f"{item.cell.run_name} is {item.state} as job {last.job} of {last.queue}:"
                " wait for it, or cancel it with `python -m harness.cells cancel`"
            )


def report(study: Study) -> None:
    """Write the tables and the report of a request, print them, and compare with what is stored."""
    # plotting takes seconds to import, and an unknown ablation should be told at once
    from harness.compare.band import compare_with_latest, print_placements
    from harness.report.console import summary
    from harness.report.stored import write_results

    command = f"python -m harness.run {shlex.join(study.request.overrides)}"
    results = write_results(
        study.root, study.tables, study.cells, study.ablation.document, command=command
    )
    print(folded(summary(results, study.tables)))
    print_placements(compare_with_latest(results))


def conclude(study: Study, outcome: Outcome) -> int:
    """Say how the session ended and return its exit code."""
    unfinished = len(outcome.unfinished)
    if unfinished:
        names = ", ".join(cell.run_name for cell in outcome.unfinished)
        print(
            f"{unfinished} of {len(study.cells)} cells failed ({names}):"
            " the same command tries again"
        )
        return ExitCode.CELLS_FAILED
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(run_application(run, sys.argv[1:]))
