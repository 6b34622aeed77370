"""The preprint's figures: those of `paper.build`, two panels wide, with the words in its text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from harness.plots import save_figure
from paper.drawing import draw
from paper.inputs import Inputs
from paper.layout import read_figures
from paper.own.agreement import Widths, draw_rows, rows_of
from paper.preprint_values import STUDY, find_study
from paper.published import blocks_of
from paper.style import HOUSE

COLUMNS = 2
WIDTHS = Widths(text=3.15, axes=2.45, verdict=1.15)
"""As wide as two panels of the other figures, and as the page allows at full size of letters."""


def draw_figures(inputs: Inputs, folder: Path) -> list[str]:
    """Write every figure as `<name>.svg` into a folder; return the names."""
    for name, make in FIGURES.items():
        save_figure(make(inputs), folder / name, [".svg"], HOUSE)
    return list(FIGURES)


def _growth(inputs: Inputs) -> Figure:
    return _of_paper("fig2", inputs, ours=())


def _kl(inputs: Inputs) -> Figure:
    # the two metrics that the paper's own panels show, so that each stands above ours
    return _of_paper("fig8", inputs, ours=("accuracy_easy", "response_length"))


def _of_paper(name: str, inputs: Inputs, ours: tuple[str, ...]) -> Figure:
    spec = read_figures()[name]
    if spec.ours is not None and ours:
        shown = spec.ours.model_copy(update={"metrics": ours, "beside": {}})
        spec = spec.model_copy(update={"ours": shown})
    blocks = [replace(block, columns=COLUMNS) for block in blocks_of(spec, inputs)]
    return draw("", blocks, "")


def _agreement(inputs: Inputs) -> Figure:
    scale = find_study(inputs).scale
    rows = [row for line in inputs.sheets[scale] for row in rows_of(line, scale, inputs)]
    shown = [row for row in rows if row.estimate or (row.part and row.line.claim.ablation == STUDY)]
    return draw_rows(shown, "", WIDTHS)


FIGURES: Mapping[str, Callable[[Inputs], Figure]] = {
    "growth": _growth,
    "kl": _kl,
    "agreement": _agreement,
}
