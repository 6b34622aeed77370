"""`python -m harness.docs.planning`: writes docs/planning.md and its picture."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from harness.paths import ROOT
from harness.plan.calibration import Calibration
from harness.plan.gpu import plan_on_gpus
from harness.plan.page import page
from harness.plan.request import split_words
from harness.plan.tables import Request
from harness.schema import ExitCode
from harness.spec import config as configs
from harness.store.files import write_atomic

PATH = ROOT / "docs" / "planning.md"
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


def main() -> int:
    """Write the page and its picture; return the exit code."""
    from harness.plan.picture import plan_figure
    from harness.plots import save_figure

    with configs.session():
        request, calibration = example()
    write_atomic(PATH, planning_page(request, calibration))
    drawn = save_figure(plan_figure(request.cells, request.title), Path(PATH.with_name(PICTURE)))
    for path in drawn:
        if path.suffix != ".svg":
            path.unlink()
    print(f"wrote {PATH} and {PICTURE}")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
