"""The house style: fonts, colours by the meaning of an arm, sizes in inches.

Colours and markers are those of `harness.plots`, whose figures these stand beside.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.plots import COLOURS, MARKERS, STYLE
from paper.layout import read_families

HOUSE: Any = {
    **STYLE,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "legend.fontsize": 8.5,
    # every vertex is written: a reader may take the points out of the file again
    "path.simplify": False,
    "pdf.fonttype": 42,
    # text stays text: it can be read aloud, searched and selected, and takes a tenth of the room
    "svg.fonttype": "none",
    "font.family": "sans-serif",
}
GREY, LIGHT = "#555555", "#D9D9D9"
REGION = "#E4E4E4"
"""Where the sentence of a claim is true."""
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.4)), (0, (5, 1.5, 1, 1.5)))
VERDICTS = {
    "reproduced": "#009E73",
    "contradicted": "#D55E00",
    "inconclusive": "#E69F00",
    "untestable here": "#332288",
    "not run": "#999999",
}
"""Verdict -> colour of its marks; the word stands beside it wherever it is used."""
VERDICT_WORDS = {
    "reproduced": "#00694E",
    "contradicted": "#A84300",
    "inconclusive": "#855700",
    "untestable here": "#332288",
    "not run": GREY,
}
"""Verdict -> colour of the word: the same hue, dark enough to read on white."""

LEVELS = {"DeepSeek-R1-Zero-Qwen-32B": "--", "QwQ-32B-preview": ":"}
"""Model of another paper -> dash of its horizontal line."""

MARGIN = 0.12
LEGEND_LINE = 0.148
"""Height of a line of a legend above a panel, in inches."""
CAPTION, LETTERS = 0.155, 17.0
"""Height of a line of the caption, and its letters per inch of width."""


class Look(NamedTuple):
    """How an arm is drawn."""

    colour: str
    marker: str
    dash: Any


def look_of(arm: str, others: Sequence[str] = ()) -> Look:
    """Return the look of an arm, the same in every figure.

    Args:
        arm: its name.
        others: arms of the study, in order, for an arm of no known family.
    """
    places = {one: _place(one) for one in (arm, *others)}
    known = places[arm]
    if known is not None:
        return look_at(known)
    # arms of no family take what those of the same study leave free, so that no two are alike
    taken = {place for place in places.values() if place is not None}
    free = [place for place in range(len(places) + len(taken)) if place not in taken]
    strangers = [one for one in dict.fromkeys((*others, arm)) if places[one] is None]
    return look_at(free[strangers.index(arm)])


def _place(arm: str) -> int | None:
    for family in read_families():
        if arm in family:
            return family.index(arm)
    return None


def look_at(place: int) -> Look:
    """Return the look of a place; no two of 196 are alike."""
    turn = place // len(COLOURS)
    return Look(
        colour=COLOURS[place % len(COLOURS)],
        marker=MARKERS[(place + turn // len(DASHES) + turn) % len(MARKERS)],
        dash=DASHES[turn % len(DASHES)],
    )


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure; sizes in inches."""
    # not through pyplot, which keeps figures alive and picks a backend by the environment
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def place_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Return new axes; `left` from the left edge and `top` from the top edge, in inches."""
    wide, high = figure.get_size_inches()
    axes: Axes = figure.add_axes(
        (left / wide, 1.0 - (top + height) / high, width / wide, height / high)
    )
    return axes


def write_text(figure: Figure, left: float, top: float, text: str, **kind: Any) -> None:
    """Write text whose upper left corner is there, in inches from the upper left."""
    wide, high = figure.get_size_inches()
    figure.text(left / wide, 1.0 - top / high, text, ha="left", va="top", **kind)


def wrapped(text: str, width: float) -> str:
    """Return a caption broken into lines that fit a width in inches."""
    letters = int(LETTERS * (width - 2 * MARGIN))
    lines = [textwrap.wrap(part, letters, break_long_words=False) for part in text.split("\n")]
    return "\n".join(line for part in lines for line in part)


def caption_height(caption: str) -> float:
    """Return the inches that a wrapped caption takes."""
    return CAPTION * (caption.count("\n") + 1) + MARGIN if caption else 0.0


def legend_height(entries: int) -> float:
    """Return the inches of a legend above a panel (`legend_above`) with so many entries."""
    return LEGEND_LINE * math.ceil(entries / 2) + 0.05


def legend_above(axes: Axes, entries: int) -> None:
    """Write the legend between a panel and its title, where it covers nothing.

    Args:
        axes: with a title and labelled artists.
        entries: for which room is made: those of the panel with most of them.
    """
    axes.set_title(axes.get_title(loc="left"), pad=4 + 72 * legend_height(entries))
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.03, 1.0),
        fontsize=7.5,
        ncols=2,
        borderpad=0.2,
        labelspacing=0.35,
        columnspacing=1.2,
    )


def name_gap(axes: Axes, text: str, letters: int = 34) -> None:
    """Say in the axes what is missing, in place of the data."""
    axes.set_facecolor("#F6F6F6")
    axes.grid(visible=False)
    axes.text(
        0.5,
        0.5,
        "\n".join(textwrap.wrap(text, letters)),
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=8,
        color=GREY,
    )


def house_style() -> Any:
    """Return the context in which everything here is drawn and written."""
    return mpl.rc_context(HOUSE)
