"""`python -m harness.run ablation=<name> [...]`: an ablation, from the config to the report."""

from __future__ import annotations

import os
import shlex
import sys

from harness.application import run_application
from harness.checks import check_request
from harness.execution import Outcome, run_cells
from harness.plan import cost_line, describe_study, print_plan, shadow_text
from harness.schema import ExitCode
from harness.store.ledger import RunStore
from harness.study import Study, make_study


def run(words: list[str]) -> int:
    """Run what the overrides ask for; return the exit code."""
    study = make_study(words)
    if study.request.dry_run:
        print_plan(study)
        return ExitCode.OK
    store = RunStore(study.root)
    check_request(study, store, os.environ)
    print(describe_study(study))
    print(cost_line(study))
    print(shadow_text(study), end="", flush=True)
    outcome = run_cells(study, store)
    if outcome.is_stopped:
        unfinished = len(outcome.unfinished)
        print(f"stopped: {unfinished} cells are not done; the same command goes on from here")
        return ExitCode.CELLS_FAILED
    report(study)
    return conclude(study, outcome)


def report(study: Study) -> None:
    """Write the tables and the report of a request, print them, and compare with what is stored."""
    # plotting takes seconds to import, and an unknown ablation should be told at once
    from harness.compare import compare_with_latest, print_comparison
    from harness.report import print_summary, write_results

    command = f"python -m harness.run {shlex.join(study.request.words)}"
    results = write_results(
        study.root, study.tables, study.cells, study.ablation.document, command=command
    )
    print_summary(results, study.tables)
    print_comparison(compare_with_latest(results))


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
