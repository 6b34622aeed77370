"""The picture of an evaluation: a row per benchmark, its scores with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.plots import COLOURS, MARKERS, STYLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One number of a row.

    Attributes:
        label: of the legend; marks with the same label look the same.
        value / low / high: the number and its interval; NaN is none.
    """

    label: str
    value: float
    low: float
    high: float


def rows_figure(
    rows: Sequence[tuple[str, Sequence[Mark]]], axis: str, title: str, *, zero: bool = False
) -> Figure:
    """Return a figure with one row per name and its marks on it.

    Args:
        rows: (name, marks), from the top down.
        axis: label of the horizontal axis, with the unit.
        title: of the figure.
        zero: mark 0, for differences; else the axis is that of a share, 0 to 1.
    """
    labels = list(dict.fromkeys(mark.label for _, marks in rows for mark in marks))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 1.5 + 0.55 * len(rows)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for place, (_, marks) in enumerate(rows):
            for mark in marks:
                number = labels.index(mark.label)
                at = place + 0.18 * (number - (len(labels) - 1) / 2)
                colour = COLOURS[number % len(COLOURS)]
                # an interval that is not there draws nothing
                axes.plot([mark.low, mark.high], [at, at], color=colour, linewidth=1.6)
                marker = MARKERS[number % len(MARKERS)]
                axes.plot([mark.value], [at], marker, color=colour, label=mark.label)
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        if zero:
            axes.axvline(0.0, color="#444444", linewidth=0.9)
        else:
            axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel(axis)
        axes.set_title(title, loc="left", fontsize=11)
        handles, names = axes.get_legend_handles_labels()
        shown = dict(zip(names, handles, strict=True))
        figure.legend(shown.values(), shown.keys(), ncols=4, fontsize=9, loc="outside lower center")
    return figure
