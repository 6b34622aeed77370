"""Panels of one size in rows, each with its legend between title and axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper.style import (
    GREY,
    MARGIN,
    caption_height,
    house_style,
    legend_height,
    name_gap,
    new_figure,
    place_axes,
    wrapped,
    write_text,
)

PER_ROW = 3
_STEP, _LEFT, _WIDE, _HIGH = 3.9, 0.8, 2.95, 2.2
"""From panel to panel, and within one, in inches."""
_HEAD, _FOOT = 0.68, 0.6
"""Above the legend of a panel, and below its axes, in inches."""


class GridPanel(NamedTuple):
    """One panel: its title, the entries of its legend, and what draws it.

    `draw` gets the axes and the number of entries for which its row has room.
    """

    title: str
    entries: int
    draw: Callable[[Axes, int], None]


def draw_grid(title: str, caption: str, panels: Sequence[GridPanel], *, nothing: str) -> Figure:
    """Draw panels, at most three side by side.

    Args:
        title: of the figure.
        caption: below it.
        panels: in reading order.
        nothing: said where there is no panel.
    """
    width = min(max(len(panels), 2), PER_ROW) * _STEP + 0.3
    text = wrapped(caption, width)
    rows = [panels[first : first + PER_ROW] for first in range(0, len(panels), PER_ROW)] or [[]]
    most = [max((panel.entries for panel in row), default=0) for row in rows]
    heights = [_HEAD + legend_height(entries) + _HIGH + _FOOT for entries in most]
    with house_style():
        figure = new_figure(width, sum(heights) + 0.05 + caption_height(text))
        write_text(figure, MARGIN, 0.1, title, fontsize=11, fontweight="bold")
        if not panels:
            name_gap(place_axes(figure, 0.75, 0.75, width - 1.2, _HIGH), nothing, 60)
        for down, row in enumerate(rows):
            top = sum(heights[: down + 1]) - _FOOT - _HIGH
            for across, panel in enumerate(row):
                axes = place_axes(figure, _LEFT + across * _STEP, top, _WIDE, _HIGH)
                axes.set_title(panel.title)
                panel.draw(axes, most[down])
        write_text(figure, MARGIN, sum(heights), text, fontsize=8, color=GREY)
    return figure
