"""docs/planning.md and its picture: how a plan on GPUs is made, with an example."""

from __future__ import annotations

import shlex
from pathlib import Path

from harness.plan.calibration import Calibration
from harness.plan.gpu import plan_on_gpus
from harness.plan.page import page
from harness.plan.request import split_words
from harness.plan.tables import Request

PICTURE = "planning.svg"
WORDS = ["ablation=algorithm", "levels=[ppo,grpo]", "scale=orz_7b", "gpus=64", "gpu=h800"]


def example() -> tuple[Request, Calibration]:
    """Return the plan that the page shows; needs a `harness.spec.config.session` around it."""
    asked, words = split_words(WORDS)
    assert asked is not None
    return plan_on_gpus(asked, words)


def planning_page(request: Request, calibration: Calibration) -> str:
    """Return the text of docs/planning.md, with a plan as its example."""
    return page(request, calibration, f"python -m harness.plan {shlex.join(WORDS)}", PICTURE)


def draw_picture(request: Request, folder: Path) -> None:
    """Write the picture of the page, which shows the same plan."""
    from harness.plan.picture import plan_figure
    from harness.plots import save_figure

    for path in save_figure(plan_figure(request.cells, request.title), folder / PICTURE):
        if path.suffix != ".svg":
            path.unlink()
