"""`python -m harness.plan ablation=<name> [...]`: what a request would run, and what it would cost.

The same as `python -m harness.run ... dry_run=true`: prints the matrix, every cell's id and cost,
with `verbose=true` its full command, and launches nothing. With `gpu=h800|h100|a100|h20` (and
`gpus=`, `price=`, `response_tokens=`, `out=`) it plans the cells on those GPUs instead: memory by
part, time and cost, each with what it rests on (docs/planning.md).
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from harness.cli import run_command
from harness.schema import ExitCode


def plan(overrides: list[str]) -> int:
    """Print what the overrides ask for; return the exit code."""
    from harness.run.plan_text import print_plan
    from harness.spec.study import make_study

    print_plan(make_study(overrides))
    return ExitCode.OK


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    from harness.spec.options import help_text

    return run_command(argv, f"{__doc__}\n{help_text()}", _plan)


def _plan(argv: Sequence[str]) -> int:
    from harness.plan.gpu import task_on_gpus
    from harness.plan.request import split_plan_keys
    from harness.spec.application import run_application

    request, overrides = split_plan_keys(argv)
    command = f"python -m harness.plan {shlex.join(argv)}"
    return run_application(task_on_gpus(request, command) if request else plan, overrides)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
