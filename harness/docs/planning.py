"""docs/planning.md and its picture: how a plan on GPUs is made, with an example."""

from __future__ import annotations

import shlex
from pathlib import Path

from harness.plan.calibration import Calibration
from harness.plan.gpu import plan_on_gpus
from harness.plan.page import page
from harness.plan.request import split_plan_keys
from harness.plan.tables import MatrixPlan

PICTURE = "planning.svg"
ARGUMENTS = ["ablation=algorithm", "levels=[ppo,grpo]", "scale=orz_7b", "gpus=64", "gpu=h800"]


def example() -> tuple[MatrixPlan, Calibration]:
    """Return the plan that the page shows; needs a `harness.spec.config.session` around it."""
    request, overrides = split_plan_keys(ARGUMENTS)
    assert request is not None
    return plan_on_gpus(request, overrides)


def planning_page(plan: MatrixPlan, calibration: Calibration) -> str:
    """Return the text of docs/planning.md, with a plan as its example."""
    return page(plan, calibration, f"python -m harness.plan {shlex.join(ARGUMENTS)}", PICTURE)


def draw_picture(plan: MatrixPlan, folder: Path) -> None:
    """Write the picture of the page, which shows the same plan."""
    from harness.plan.picture import plan_figure
    from harness.plots import save_figure

    save_figure(plan_figure(plan.cells, plan.title), folder / PICTURE, [".svg"])
