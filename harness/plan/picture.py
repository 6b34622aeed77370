"""The picture of a plan: memory of one GPU by part, and a training step by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.plan.cell import CellPlan
from harness.plan.memory import GIB, PARTS
from harness.plan.steps import PARTS as STEP_PARTS

COLOURS = ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#999999", "#333333")
ROW = 0.3
"""Height of a bar with its gap [inch]."""


def plan_figure(cells: Mapping[str, CellPlan], title: str) -> Figure:
    """Return two panels of stacked bars: memory by arm and phase, seconds of a step by arm.

    Args:
        cells: arm -> plan.
        title: of the figure.
    """
    phases = [
        (f"{arm}: {phase.name}", phase)
        for arm, cell in cells.items()
        for phase in cell.memory.phases
    ]
    rows = (len(phases), len(cells))
    figure = Figure(figsize=(9.5, 3.0 + ROW * sum(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    heights = [rows[0] + 4, rows[1] + 4]
    upper, lower = figure.subplots(2, 1, height_ratios=heights)
    bars = [[phase.parts[part] / GIB for part in PARTS] for _, phase in phases]
    _stack(upper, [name for name, _ in phases], bars, PARTS)
    capacity = next(iter(cells.values())).memory.capacity / GIB
    upper.axvline(capacity, color="black", linestyle="--", linewidth=1)
    upper.text(
        capacity, 0.02, f"{capacity:.1f} GiB ", ha="right", fontsize=8,
        transform=upper.get_xaxis_transform(),
    )  # fmt: skip
    upper.set_xlabel("memory of one GPU [GiB]")
    times = [[cell.parts_s.get(part, 0.0) for part in STEP_PARTS] for cell in cells.values()]
    _stack(lower, list(cells), times, STEP_PARTS)
    lower.set_xlabel("time of a training step [s], mean over the run")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def _stack(
    axes: Axes, names: Sequence[str], bars: Sequence[Sequence[float]], parts: Sequence[str]
) -> None:
    for row, values in enumerate(bars):
        left = 0.0
        for place, value in enumerate(values):
            axes.barh(row, value, left=left, height=0.75, color=COLOURS[place], edgecolor="white",
                      linewidth=0.5, label=parts[place] if row == 0 else None)  # fmt: skip
            left += value
        axes.text(left, row, f" {left:.0f}", va="center", fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
