"""`python -m harness.run ablation=<name> [...]`: an ablation, from the config to the report."""

from __future__ import annotations

import os
import sys

from harness.application import run_application
from harness.checks import check_request
from harness.execution import Outcome, run_cells
from harness.plan import cost_line, describe_study, print_plan
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
    print(cost_line(study), flush=True)
    outcome = run_cells(study, store)
    return conclude(study, outcome)


def conclude(study: Study, outcome: Outcome) -> int:
    """Say how the session ended and return its exit code."""
    unfinished = len(outcome.unfinished)
    if outcome.is_stopped:
        print(f"stopped: {unfinished} cells are not done; the same command goes on from here")
        return ExitCode.CELLS_FAILED
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
