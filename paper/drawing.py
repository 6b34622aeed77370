"""Draws blocks of panels: published data above, ours below, each block with its own legend."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from paper.series import Series
from paper.style import (
    GREY,
    LEVELS,
    LIGHT,
    MARGIN,
    caption_height,
    house_style,
    look_of,
    name_gap,
    new_figure,
    place_axes,
    wrapped,
    write_text,
)

MOST_COLUMNS = 4
_LEFT, _WIDTH, _BETWEEN = 0.84, 2.45, 0.92
_HEIGHT, _ABOVE, _BELOW = 1.75, 0.3, 0.5
_TITLE, _HEADER, _LEGEND, _STRIP = 0.34, 0.3, 0.21, 0.42
_LINE = 0.145
# of a header, and the letters that fit into an inch of it
_HEADER_LINE, _LETTERS = 0.17, 13.5
_FEW = 8
"""Arms up to which bands are drawn at full strength."""
_WIDEST_LABEL = 30
"""Letters of an axis label in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One panel: what is drawn, or why nothing is."""

    title: str
    label: str
    x_label: str = "training step"
    series: Sequence[Series] = ()
    gap: str = ""
    x_scale: str = "linear"
    x_linear_to: float = 1.0
    x_ticks: tuple[float, ...] = ()
    x_range: tuple[float, ...] = ()
    y_range: tuple[float, ...] = ()
    has_markers: bool = False

    @property
    def y_label(self) -> str:
        """Label of the vertical axis, with the unit."""
        unit = next((one.unit for one in self.series if one.unit not in ("", "1")), "")
        whole = f"{self.label} [{unit}]" if unit else self.label
        return "\n".join(textwrap.wrap(whole, _WIDEST_LABEL))


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Panels that share a header, a legend and an order of arms; or text, or a gap, instead."""

    header: str
    plots: Sequence[Plot] = ()
    gap: str = ""
    text: str = ""
    columns: int = 0
    arms: Sequence[str] = ()

    @property
    def wide(self) -> int:
        """Panels in a row."""
        return min(self.columns or MOST_COLUMNS, len(self.plots)) or 1

    @property
    def rows(self) -> int:
        """Rows of panels."""
        return math.ceil(len(self.plots) / self.wide)

    @property
    def labels(self) -> list[str]:
        """Entries of the legend."""
        found = [one.label for plot in self.plots for one in plot.series if one.label]
        return list(dict.fromkeys(found))

    def legend_rows(self, width: float) -> int:
        """Lines of the legend in a figure of that width."""
        return math.ceil(len(self.labels) / _legend_columns(self.labels, width))

    def head(self, width: float) -> str:
        """Its header, broken into lines for a figure of that width."""
        letters = int(_LETTERS * (width - 2 * MARGIN))
        return "\n".join(textwrap.wrap(self.header, letters))

    def head_height(self, width: float) -> float:
        """Inches of its header."""
        return _HEADER + _HEADER_LINE * self.head(width).count("\n")

    def height(self, width: float) -> float:
        """Inches from its header to the next block."""
        head = self.head_height(width)
        if self.text:
            return head + _LINE * (self.text.count("\n") + 1) + MARGIN
        if self.gap:
            return head + _STRIP + MARGIN
        legend = self.legend_rows(width) * _LEGEND
        return head + legend + self.rows * (_ABOVE + _HEIGHT + _BELOW)


def draw(title: str, blocks: Sequence[Block], caption: str) -> Figure:
    """Return a figure of blocks, one under the other, with title and caption.

    Args:
        title: of the figure; "" for none, and no room for it.
        blocks: at least one.
        caption: under it; broken into lines here; "" for none.
    """
    columns = max(2, *(block.wide for block in blocks)) if blocks else 2
    width = _LEFT + columns * _WIDTH + (columns - 1) * _BETWEEN + 2 * MARGIN
    text = wrapped(caption, width)
    above = _TITLE if title else 0.0
    height = above + sum(block.height(width) for block in blocks) + caption_height(text)
    with house_style():
        figure = new_figure(width, height)
        write_text(figure, MARGIN, 0.1, title, fontsize=11, fontweight="bold")
        top = above
        for block in blocks:
            _draw_block(figure, block, top)
            top += block.height(width)
        write_text(figure, MARGIN, top, text, fontsize=8, color=GREY, linespacing=1.25)
    return figure


def draw_series(axes: Axes, one: Series, arms: Sequence[str], *, has_markers: bool) -> Artist:
    """Draw one mark with all of its points; return it, named after its source."""
    if one.role == "level":
        return _draw_level(axes, one)
    look = look_of(one.arm, arms)
    if one.low and len(one.x) > 1:
        axes.fill_between(
            one.x,
            one.low,
            one.high,
            color=look.colour,
            # many bands over each other would hide what is under them
            alpha=0.15 * min(1.0, _FEW / max(1, len(arms))),
            linewidth=0,
            zorder=1.5,
        )
    elif one.low and np.isfinite(one.low[0]):
        edges = [[one.y[0] - one.low[0]], [one.high[0] - one.y[0]]]
        axes.errorbar(one.x, one.y, edges, color=look.colour, capsize=3, zorder=2.5)
    is_faint = one.role in ("raw", "seed")
    # one point has no line, and would not be seen without a marker
    is_marked = (has_markers and not is_faint) or len(one.x) == 1
    (line,) = axes.plot(
        one.x,
        one.y,
        color=look.colour,
        linestyle=look.dash,
        linewidth=0.6 if is_faint else 1.5,
        alpha=0.35 if is_faint else 1.0,
        marker=look.marker if is_marked else None,
        markersize=4.5,
        markeredgecolor="white",
        markeredgewidth=0.5,
        label=one.label or None,
        zorder=2 if is_faint else 3,
    )
    # the id of the line in the SVG: whose points these are
    line.set_gid(f"{one.role}:{'+'.join(one.sources)}:{one.arm}")
    return line


def _draw_level(axes: Axes, one: Series) -> Artist:
    dash = LEVELS.get(one.arm, "-.")
    line = axes.axhline(one.y[0], color=GREY, linestyle=dash, linewidth=1.1, label=one.label)
    line.set_gid(f"level:{'+'.join(one.sources)}:{one.arm}")
    return line


def _draw_block(figure: Figure, block: Block, top: float) -> None:
    width = figure.get_size_inches()[0]
    write_text(figure, MARGIN, top + 0.04, block.head(width), fontsize=9.5, color="#222222")
    top += block.head_height(width)
    if block.text:
        write_text(figure, MARGIN, top, block.text, fontsize=8, family="DejaVu Sans Mono")
        return
    if block.gap:
        axes = place_axes(figure, MARGIN, top, width - 2 * MARGIN, _STRIP)
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(False)
        name_gap(axes, block.gap, int(13.5 * (width - 2 * MARGIN)))
        return
    panels_top = top + block.legend_rows(width) * _LEGEND
    handles: dict[str, Artist] = {}
    for place, plot in enumerate(block.plots):
        row, column = divmod(place, block.wide)
        axes = place_axes(
            figure,
            _LEFT + column * (_WIDTH + _BETWEEN),
            panels_top + row * (_ABOVE + _HEIGHT + _BELOW) + _ABOVE,
            _WIDTH,
            _HEIGHT,
        )
        for name, artist in _draw_plot(axes, plot, block.arms).items():
            handles.setdefault(name, artist)
    if handles:
        columns = _legend_columns(block.labels, width)
        entries = _by_rows(list(handles.items()), columns)
        figure.legend(
            [artist for _, artist in entries],
            [name for name, _ in entries],
            loc="upper left",
            bbox_to_anchor=(MARGIN / width, 1.0 - top / figure.get_size_inches()[1]),
            borderpad=0.0,
            borderaxespad=0.0,
            ncols=columns,
            columnspacing=1.4,
            handlelength=1.8,
        )


def _draw_plot(axes: Axes, plot: Plot, arms: Sequence[str]) -> dict[str, Artist]:
    """Draw one panel; return the entries that it gives to the legend."""
    axes.set_title(plot.title)
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel(plot.y_label)
    if plot.gap:
        name_gap(axes, plot.gap)
        axes.set_xticks([])
        axes.set_yticks([])
        return {}
    if plot.x_scale == "symlog":
        axes.set_xscale("symlog", linthresh=plot.x_linear_to, linscale=0.5)
        axes.axvline(plot.x_linear_to, color=LIGHT, linewidth=0.8, zorder=0.5)
    elif plot.x_scale != "linear":
        axes.set_xscale(plot.x_scale)
    entries: dict[str, Artist] = {}
    for one in plot.series:
        artist = draw_series(axes, one, arms, has_markers=plot.has_markers)
        if one.label:
            entries[one.label] = artist
    if plot.x_scale == "linear":
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
    if len({x for one in plot.series for x in one.x if math.isfinite(x)}) == 1:
        axes.margins(x=0)
        # one step alone would make an axis of no width
        axes.set_xlim(axes.dataLim.x0 - 1.0, axes.dataLim.x0 + 1.0)
    if plot.x_range:
        axes.set_xlim(*plot.x_range)
    if plot.y_range:
        axes.set_ylim(*plot.y_range)
    if plot.x_ticks:
        axes.set_xticks(plot.x_ticks)
        # named steps stand alone: a logarithmic axis has ticks between them
        axes.set_xticks([], minor=True)
    if plot.x_scale != "linear":
        axes.xaxis.set_major_formatter("{x:g}")
    return entries


def _legend_columns(labels: Sequence[str], width: float) -> int:
    """Return the columns of a legend: one line if it fits, else lines of like length."""
    inches = [0.55 + 0.075 * len(label) for label in labels] or [0.55]
    if sum(inches) <= width - MARGIN:
        return len(inches)
    fits = max(1, int((width - MARGIN) / max(inches)))
    lines = math.ceil(len(inches) / fits)
    return math.ceil(len(inches) / lines)


def _by_rows(entries: Sequence[tuple[str, Artist]], columns: int) -> list[tuple[str, Artist]]:
    """Return entries in the order that a legend, which fills its columns, shows line by line."""
    return [one for column in range(columns) for one in entries[column::columns]]
