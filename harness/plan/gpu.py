"""The plan of a request on GPUs: the study that a run would make, planned arm by arm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.plan.calibration import Calibration
from harness.plan.request import PlanRequest, plan_matrix
from harness.plan.tables import MatrixPlan, markdown_text, terminal_text
from harness.schema import ExitCode
from harness.spec.study import make_study
from harness.store.files import write_atomic
from harness.writing import written_together

PAGE = "PLAN.md"

Task = Callable[[list[str]], int]


def plan_on_gpus(request: PlanRequest, overrides: list[str]) -> tuple[MatrixPlan, Calibration]:
    """Plan the study of a command line; needs a `harness.spec.config.session` around it.

    Args:
        request: the machine.
        overrides: the command line without the keys that name it.

    Raises:
        UsageError: the request is wrong, or cannot be planned on these GPUs.
    """
    study = make_study(overrides)
    first = [cell for cell in study.cells if cell.seed == study.seeds[0]]
    arms = {cell.arm: cell.config for cell in first}
    title = (
        f"{study.ablation.name} at scale {study.request.scale}: {len(arms)} arms x"
        f" {len(study.seeds)} seeds of {study.steps} steps"
    )
    return plan_matrix(request, title, arms, len(study.seeds))


def task_on_gpus(request: PlanRequest, command: str) -> Task:
    """Return the task that prints a plan, and writes it where `out=` says.

    Args:
        request: the machine.
        command: the whole command line, for the page.
    """

    def task(overrides: list[str]) -> int:
        plan, calibration = plan_on_gpus(request, overrides)
        print(terminal_text(plan, calibration))
        if request.out:
            for path in write_plan(
                plan, calibration, Path(request.out), command, replaces=request.replaces
            ):
                print(f"wrote {path}")
        return ExitCode.OK

    return task


def write_plan(
    plan: MatrixPlan, calibration: Calibration, out: Path, command: str, *, replaces: bool = True
) -> list[Path]:
    """Write PLAN.md and the picture; return the files.

    Args:
        plan: of the matrix.
        calibration: that it rests on.
        out: directory, made if it is not there.
        command: that writes them again.
        replaces: whether files that are there are replaced.

    Raises:
        UsageError: they cannot be written, or are there and are not to be replaced.
    """
    # drawing is slow to import, and most plans are only read
    from harness.plan.picture import plan_figure
    from harness.plots import save_figure

    text = f"# Plan\n\nWritten by `{command}`.\n\n![memory and time](plan.svg)\n\n"
    with written_together(out, "plan", replaces=replaces) as half:
        write_atomic(half / PAGE, f"{text}{markdown_text(plan, calibration)}\n")
        drawn = save_figure(plan_figure(plan.cells, plan.title), half / "plan")
    return [out / name for name in (PAGE, *(path.name for path in drawn))]
