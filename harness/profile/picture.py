"""The picture of a profile: processes against time, how busy each was, phases above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

SHOWN = 9
"""Processes with a row of their own, by CPU seconds; the rest share one."""

OTHERS = "all others"
PHASE_COLOURS = ("#0072B2", "#56B4E9", "#009E73", "#CC79A7", "#E69F00", "#D55E00", "#999999")
PART_COLOURS = {
    "generation and scoring": "#0072B2",
    "old log-probs": "#56B4E9",
    "reference log-probs": "#999999",
    "values": "#009E73",
    "critic update": "#E69F00",
    "actor update": "#D55E00",
}


def gantt(cpu: pd.DataFrame, start: pd.DataFrame, until_s: float, title: str) -> Figure:
    """Return the busy share of each process against time, with the phases of the start above.

    Args:
        cpu: columns begin_s, end_s, process, cpu_s.
        start: columns phase, begin_s, end_s.
        until_s: end of the horizontal axis [s].
        title: of the figure.
    """
    shown = cpu[cpu["begin_s"] < until_s]
    totals = shown.groupby("process")["cpu_s"].sum().sort_values(ascending=False)
    names = [*totals.index[:SHOWN], *([OTHERS] if len(totals) > SHOWN else [])]
    figure = Figure(figsize=(9.5, 1.4 + 0.32 * (len(names) + 1)), layout="constrained")
    FigureCanvasAgg(figure)
    place = figure.add_subplot()
    _draw_phases(place, start, until_s)
    row_of = {name: row for row, name in enumerate(names, start=1)}
    for name, rows in shown.groupby(shown["process"].where(shown["process"].isin(names), OTHERS)):
        _draw_process(place, row_of[str(name)], rows)
    place.set_yticks([0, *row_of.values()], ["phase of the start", *names])
    place.set_ylim(len(names) + 0.6, -0.6)
    place.set_xlim(0, until_s)
    place.set_xlabel("time since the start of the attempt [s]; full height of a row: one core busy")
    place.set_title(title, loc="left", fontsize=10)
    # below, as most phases are too short for a name inside
    figure.legend(ncols=4, fontsize=8, frameon=False, loc="outside lower center")
    return figure


def step_figure(
    parts: Mapping[str, float], floor: Mapping[str, float], others: Sequence[str], title: str
) -> Figure:
    """Return measured seconds of a step against its floor, as two stacked bars.

    Args:
        parts: part -> measured seconds.
        floor: part -> least seconds.
        others: parts that have no floor; they are drawn hatched in grey.
        title: of the figure.
    """
    figure = Figure(figsize=(9.5, 2.6), layout="constrained")
    FigureCanvasAgg(figure)
    place = figure.add_subplot()
    for row, values in ((0, parts), (1, floor)):
        left = 0.0
        for name, seconds in values.items():
            colour = "#DDDDDD" if name in others else PART_COLOURS.get(name, "#BBBBBB")
            place.barh(row, seconds, left=left, color=colour, edgecolor="white", linewidth=0.6)
            left += seconds
        place.text(left, row, f"  {left:.2f} s", va="center", fontsize=9)
    place.set_yticks([0, 1], ["measured", "floor"])
    place.invert_yaxis()
    place.margins(x=0.08)
    place.set_xlabel("time of one training step [s], median over steps")
    handles = [_patch(name, others) for name in parts]
    figure.legend(handles=handles, ncols=4, fontsize=8, frameon=False, loc="outside lower center")
    place.set_title(title, loc="left", fontsize=10)
    return figure


def _draw_phases(place: Axes, start: pd.DataFrame, until_s: float) -> None:
    for number, phase in enumerate(start.to_dict("records")):
        width = min(phase["end_s"], until_s) - phase["begin_s"]
        if width <= 0:
            continue
        colour = PHASE_COLOURS[number % len(PHASE_COLOURS)]
        name = f"{phase['phase']} {width:.1f} s"
        place.barh(0, width, left=phase["begin_s"], height=0.9, color=colour, label=name)


def _draw_process(place: Axes, row: int, rows: pd.DataFrame) -> None:
    grouped = rows.groupby(["begin_s", "end_s"])["cpu_s"].sum().reset_index()
    width = (grouped["end_s"] - grouped["begin_s"]).to_numpy()
    share = np.clip(grouped["cpu_s"].to_numpy() / np.maximum(width, 1e-9), 0, 1)
    place.bar(
        grouped["begin_s"],
        -0.9 * share,
        width=width,
        bottom=row + 0.45,
        align="edge",
        color="#333333",
        linewidth=0,
    )


def _patch(name: str, others: Sequence[str]) -> object:
    from matplotlib.patches import Patch

    colour = "#DDDDDD" if name in others else PART_COLOURS.get(name, "#BBBBBB")
    return Patch(color=colour, label=name)
