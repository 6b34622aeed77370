"""docs/costs.md: what a cell of each recipe costs."""

from __future__ import annotations

from harness.plan.calibration import Calibration
from harness.plan.cell import CellPlan
from harness.plan.gpu import plan_on_gpus
from harness.plan.memory import GIB
from harness.plan.request import split_words
from harness.plan.tables import span_text
from harness.report.deviations import recipe_scales
from harness.text import markdown_table, paragraphs

GPU = "h800"
# the first arm of the ablation is the paper's own recipe, PPO without KL
WORDS = ["ablation=kl_penalty", "levels=[none]", "seeds=1", f"gpu={GPU}"]
HEADS = [
    *("recipe", "GPUs", "fullest GPU [GiB]", "fits", "steps", "tokens [1e9]", "step [s]"),
    *("days", "GPU-hours"),
]

_HEAD = """# What the recipes cost

Made by `python -m harness.docs costs`; a test compares.

One cell of each recipe (PPO without KL, one seed) on the nodes that the recipe names, on
{gpu}, by [the planner](planning.md).
`python -m harness.plan ablation=<name> scale=<scale> gpus=<n> gpu=<kind> price=<p>` says the same
of any study, arm by arm, with money."""

_TAIL = """In brackets: a factor of {factor:.1f} to both sides, the largest miss of a published run
whose family was left out of the fit. The one recipe whose cost was published is ORZ-7B; how far the
planner is from it stands in [the calibration](planning.md#calibration). **No step of these recipes
has been run with this suite.** Lengths follow the published curves; where a size has none, the
planner says what it assumes."""


def planned() -> tuple[dict[str, CellPlan], Calibration]:
    """Return scale -> plan of its cell; needs a `harness.spec.config.session` around it."""
    cells: dict[str, CellPlan] = {}
    for scale in recipe_scales():
        asked, words = split_words([*WORDS, f"scale={scale}"])
        assert asked is not None
        request, calibration = plan_on_gpus(asked, words)
        (cells[scale],) = request.cells.values()
    return cells, calibration


def cost_page(cells: dict[str, CellPlan], calibration: Calibration) -> str:
    """Return the text of docs/costs.md.

    Args:
        cells: scale -> plan of one cell.
        calibration: that the plans rest on.
    """
    first = next(iter(cells.values()))
    return (
        paragraphs(
            _HEAD.format(gpu=first.gpu.name),
            markdown_table(HEADS, [_row(scale, cell) for scale, cell in cells.items()]),
            _TAIL.format(factor=calibration.factor),
        )
        + "\n"
    )


def _row(scale: str, cell: CellPlan) -> list[str]:
    return [
        scale,
        str(cell.recipe.gpus),
        f"{cell.memory.peak.total / GIB:.1f} of {cell.memory.capacity / GIB:.1f}",
        "yes" if cell.memory.fits else "no",
        str(cell.recipe.steps),
        f"{cell.tokens / 1e9:.2f}",
        f"{cell.step_s:.0f}",
        span_text(cell.hours.times(1 / 24), 1),
        span_text(cell.gpu_hours, 0),
    ]
