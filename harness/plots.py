"""Figures of curves: one line per arm, the seeds as a band; the same bytes for the same rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.writing import whole_file

# Okabe and Ito's colours, told apart by colour-blind readers; without yellow, too light on white
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

LINE_NOTE = "Line: mean over seeds. Thin lines: single seeds."
BAND_NOTE = "Band: lowest to highest seed."
ENDS_NOTE = "Differences: an arm minus the first one at the end, 95 % interval over paired seeds."
_MOST_BANDS = 2
"""More bands than this hide one another."""

_LEFT, _RIGHT, _BOTTOM, _GAP = 0.68, 0.12, 0.72, 0.72
"""Margins, and the gap between panels, in inches."""
_ENDS = 1.2
"""Width of a panel of differences, in inches."""

STYLE: Any = {
    # matplotlib salts the ids in an SVG with a random number otherwise
    "svg.hashsalt": "reasoner-zero-bench",
    # comes with matplotlib, so that every machine draws the same letters
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 130,
}


METADATA: Mapping[str, Any] = {
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    ".png": {"Software": None},
}
"""Format -> what is said in the file: no date and no version, so that bytes can be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One metric against the training step.

    Attributes:
        rows: columns arm, seed, step, value; finished runs only.
        label: of the vertical axis, without the unit.
        unit: of the values.
        has_markers: mark the points (evaluations are few, training steps are many).
        ends: columns arm, estimate, low, high: the differences from the first arm at the end, which
            are drawn beside the curves; NaN bounds are none.
    """

    rows: pd.DataFrame
    label: str
    unit: str
    has_markers: bool = False
    ends: pd.DataFrame | None = None

    @property
    def has_ends(self) -> bool:
        """Whether a panel of differences stands beside the curves."""
        return self.ends is not None and not self.ends.empty


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferencePanel:
    """One difference of two curves against the training step, with its band.

    Attributes:
        steps: in order.
        point / low / high: the difference and the edges of its band, one per step; NaN is none.
        label: of the vertical axis, without the unit.
        unit: of the values.
    """

    steps: Sequence[int]
    point: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    label: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """A function that steps, with its band.

    Attributes:
        name: of the legend.
        x: where it steps, rising; a value holds from its x to the next.
        y / low / high: the value and the edges of its band, one per x; NaN is none.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectPanel:
    """Effects on one metric, one below the other.

    Attributes:
        rows: columns effect, estimate, low, high; the effects are the same in every panel.
        label: of the metric, without the unit.
        unit: of the values.
    """

    rows: pd.DataFrame
    label: str
    unit: str


def curve_figure(panel: Panel, arms: Sequence[str], title: str, note: str = "") -> Figure:
    """Return one metric against step, one line per arm, with title, legend and caption.

    Args:
        panel: what to draw.
        arms: all arms in their order: an arm has the same colour in every figure.
        title: of the figure.
        note: further words of the caption, for example a warning.
    """
    with mpl.rc_context(STYLE):
        width = 6.4 + (_ENDS + _GAP if panel.has_ends else 0.0)
        figure, axes = _new_figure(
            2 if panel.has_ends else 1,
            width=width,
            height=4.3,
            top=0.42,
            ratios=(6.4 - _LEFT - _RIGHT, _ENDS) if panel.has_ends else None,
        )
        draw_panel(axes[0], panel, arms)
        if panel.has_ends:
            _draw_ends(axes[1], panel, arms)
        if axes[0].get_legend_handles_labels()[0]:
            axes[0].legend(loc="best", fontsize=9)
        _title(figure, title)
        _caption(figure, [panel], arms, note)
    return figure


def difference_figure(panel: DifferencePanel, title: str, note: str = "") -> Figure:
    """Return a difference of curves with its band, 0 marked.

    Args:
        panel: what to draw.
        title: of the figure.
        note: of the caption: what the band means, and any warning.
    """
    unit = "" if panel.unit == "1" else f" [{panel.unit}]"
    with mpl.rc_context(STYLE):
        figure, (axes,) = _new_figure(1, width=6.4, height=4.3, top=0.42)
        axes.axhline(0.0, color="#444444", linewidth=0.9, zorder=1)
        axes.fill_between(
            panel.steps, panel.low, panel.high, color=COLOURS[2], alpha=0.18, linewidth=0
        )
        axes.plot(panel.steps, panel.point, color=COLOURS[2], linewidth=1.7, marker="o", zorder=3)
        axes.set_xlabel("training step")
        axes.set_ylabel(f"{panel.label}{unit}")
        _title(figure, title)
        _footnote(figure, f"Line: mean difference. {note}".strip())
    return figure


def effect_figure(panels: Sequence[EffectPanel], title: str, note: str) -> Figure:
    """Return effects as points with intervals, one panel per metric side by side, 0 marked.

    Args:
        panels: with the same effects.
        title: of the figure.
        note: of the caption: what an effect and its interval are.
    """
    effects = list(panels[0].rows["effect"])
    names = max(map(len, effects)) * 0.085
    height = 1.3 + 0.26 * len(effects)
    with mpl.rc_context(STYLE):
        width = names + 2.1 * len(panels)
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        figure.subplots_adjust(
            left=names / width,
            right=1.0 - _RIGHT / width,
            bottom=_BOTTOM / height,
            top=1.0 - 0.42 / height,
            wspace=0.15,
        )
        for panel, own in zip(panels, axes, strict=True):
            _draw_effects(own, panel)
        axes[0].set_yticks(range(len(effects)), effects)
        axes[0].set_ylim(len(effects) - 0.5, -0.5)
        _title(figure, title)
        _footnote(figure, note)
    return figure


def _draw_effects(axes: Axes, panel: EffectPanel) -> None:
    axes.axvline(0.0, color="#444444", linewidth=0.9, zorder=1)
    for place, row in enumerate(panel.rows.to_dict("records")):
        # grey where the interval holds 0: an effect that may be none
        is_apart = row["low"] > 0.0 or row["high"] < 0.0
        colour = COLOURS[2] if is_apart else "#999999"
        axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=1.7)
        axes.plot([row["estimate"]], [place], color=colour, marker="o", markersize=5)
    unit = "" if panel.unit == "1" else f" [{panel.unit}]"
    axes.set_xlabel(f"{panel.label}{unit}", fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)


def step_figure(
    lines: Sequence[StepLine], axes_labels: tuple[str, str], title: str, note: str
) -> Figure:
    """Return functions that step, one above the other, with their bands.

    Args:
        lines: in the order of their colours.
        axes_labels: of the horizontal and the vertical axis, with units.
        title: of the figure.
        note: of the caption.
    """
    with mpl.rc_context(STYLE):
        figure, (axes,) = _new_figure(1, width=6.4, height=4.3, top=0.42)
        for line, colour in zip(lines, COLOURS, strict=False):
            axes.fill_between(
                line.x, line.low, line.high, step="post", color=colour, alpha=0.15, linewidth=0
            )
            axes.step(line.x, line.y, where="post", color=colour, linewidth=1.7, label=line.name)
        axes.set_xlabel(axes_labels[0])
        axes.set_ylabel(axes_labels[1])
        axes.legend(loc="best", fontsize=9)
        _title(figure, title)
        _footnote(figure, note.strip())
    return figure


def overview_figure(panels: Sequence[Panel], arms: Sequence[str], title: str, note: str) -> Figure:
    """Return several metrics side by side under one legend."""
    with mpl.rc_context(STYLE):
        has_ends = any(panel.has_ends for panel in panels)
        below = _GAP + 0.2 * len(arms) if has_ends else 0.0
        width = 3.9 * len(panels)
        columns = _legend_columns(arms, width)
        further = 0.22 * (math.ceil(len(arms) / columns) - 1)
        figure, axes = _new_figure(
            len(panels),
            width=width,
            height=3.7 + further + below,
            top=0.68 + further,
            below=below,
        )
        for place, panel in zip(axes, panels, strict=False):
            draw_panel(place, panel, arms)
        for place, panel in zip(axes[len(panels) :], panels, strict=False):
            _draw_ends(place, panel, arms)
        handles, names = axes[0].get_legend_handles_labels()
        _title(figure, title)
        if handles:
            under_title = 1.0 - 0.3 / figure.get_figheight()
            figure.legend(
                handles,
                names,
                loc="upper left",
                bbox_to_anchor=(0.0, under_title),
                ncols=columns,
                fontsize=10,
            )
        _caption(figure, panels, arms, note)
    return figure


def _legend_columns(arms: Sequence[str], width: float) -> int:
    """Return how many arms of a legend stand side by side in a width in inches."""
    # a letter, and what stands around a name; the number of runs adds six letters
    inches = [0.08 * (len(arm) + 6) + 0.7 for arm in arms]
    return len(arms) if sum(inches) <= width else max(1, int(width / max(inches)))


def draw_panel(axes: Axes, panel: Panel, arms: Sequence[str]) -> None:
    """Draw one metric into axes: mean and single seeds, and for two arms bands over the seeds."""
    rows = panel.rows.dropna(subset=["value"])
    for place, arm in enumerate(arms):
        own = rows[rows["arm"].astype(str) == arm]
        if not own.empty:
            _draw_arm(axes, own, arm, place, has_markers=panel.has_markers)
            if _has_bands(arms):
                _draw_band(axes, own, place)
    unit = "" if panel.unit == "1" else f" [{panel.unit}]"
    axes.set_xlabel("training step")
    axes.set_ylabel(f"{panel.label}{unit}")
    if rows.empty:
        axes.text(0.5, 0.5, "no finished run", transform=axes.transAxes, ha="center")
        return
    # all panels from step 0, so that they line up: evaluations start there, training at step 1
    last = float(rows["step"].max())
    axes.set_xlim(-0.02 * last, 1.02 * last)


def save_figure(
    figure: Figure,
    stem: Path,
    endings: Sequence[str] = (".svg", ".png"),
    style: Any = STYLE,
) -> list[Path]:
    """Write a figure without dates, so that the same figure is the same bytes.

    Args:
        figure: to write.
        stem: path without ending.
        endings: of the formats, among those of `METADATA`.
        style: matplotlib's settings while it is written.
    """
    paths = [stem.with_suffix(ending) for ending in endings]
    with mpl.rc_context(style):
        for path in paths:
            with whole_file(path) as half:
                figure.savefig(half, metadata=METADATA[path.suffix])
    return paths


def _draw_arm(axes: Axes, rows: pd.DataFrame, arm: str, place: int, *, has_markers: bool) -> None:
    colour = COLOURS[place % len(COLOURS)]
    seeds = rows["seed"].nunique()
    for _, own in rows.groupby("seed", observed=True):
        axes.plot(own["step"], own["value"], color=colour, linewidth=0.6, alpha=0.35, zorder=2)
    across = rows.groupby("step", observed=True)["value"].mean()
    axes.plot(
        across.index,
        across,
        color=colour,
        linewidth=1.7,
        marker=MARKERS[place % len(MARKERS)] if has_markers else None,
        markersize=6,
        markeredgecolor="white",
        label=f"{arm} (n={seeds})",
        zorder=3,
    )


def _draw_band(axes: Axes, rows: pd.DataFrame, place: int) -> None:
    if rows["seed"].nunique() < 2:
        return
    across = rows.groupby("step", observed=True)["value"].agg(["min", "max"])
    colour = COLOURS[place % len(COLOURS)]
    axes.fill_between(
        across.index, across["min"], across["max"], color=colour, alpha=0.13, linewidth=0
    )


def _has_bands(arms: Sequence[str]) -> bool:
    return len(arms) <= _MOST_BANDS


def _draw_ends(axes: Axes, panel: Panel, arms: Sequence[str]) -> None:
    """Draw the differences from the first arm, one below the other in the order of the arms."""
    axes.axvline(0.0, color="#444444", linewidth=0.9, zorder=1)
    rows = [] if panel.ends is None else panel.ends.to_dict("records")
    for height, row in enumerate(rows):
        place = arms.index(str(row["arm"]))
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        axes.plot([row["low"], row["high"]], [height] * 2, color=colour, linewidth=1.7)
        axes.plot([row["estimate"]], [height], color=colour, marker=marker, markersize=6)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=4)
    unit = "" if panel.unit == "1" else f" [{panel.unit}]"
    axes.set_xlabel(f"difference{unit}")


def _new_figure(
    count: int,
    *,
    width: float,
    height: float,
    top: float,
    below: float = 0.0,
    ratios: Sequence[float] | None = None,
) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels side by side, row by row; all sizes in inches.

    `top` is left for the title, `below` for a second row, whose gap is part of it; `ratios` are the
    widths of the columns. Not through pyplot, which keeps figures alive and picks a backend by the
    environment; with margins of its own, since automatic ones take most of the time of drawing.
    """
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    first = height - top - _BOTTOM - below
    axes = figure.subplots(
        2 if below else 1,
        count,
        squeeze=False,
        width_ratios=ratios,
        height_ratios=(first, below - _GAP) if below else None,
    )
    panel = (width - _LEFT - _RIGHT - _GAP * (count - 1)) / count
    figure.subplots_adjust(
        left=_LEFT / width,
        right=1.0 - _RIGHT / width,
        bottom=_BOTTOM / height,
        top=1.0 - top / height,
        wspace=_GAP / panel,
        hspace=2 * _GAP / (first + below - _GAP) if below else 0.0,
    )
    return figure, list(axes.ravel())


def _title(figure: Figure, title: str) -> None:
    y = 1.0 - 0.08 / figure.get_figheight()
    figure.suptitle(title, fontsize=11, x=0.01, y=y, ha="left", va="top")


def _caption(figure: Figure, panels: Sequence[Panel], arms: Sequence[str], note: str) -> None:
    seeds = [
        panel.rows.loc[panel.rows["arm"].astype(str) == arm, "seed"].nunique()
        for panel in panels
        for arm in arms
    ]
    most = max(seeds, default=0)
    if most > 1:
        said = [LINE_NOTE, *([BAND_NOTE] if _has_bands(arms) else [])]
    else:
        said = ["One seed per arm: no band, and no spread to judge by."]
    said += [ENDS_NOTE] if any(panel.has_ends for panel in panels) else []
    _footnote(figure, " ".join([*said, note]).strip())


def _footnote(figure: Figure, text: str) -> None:
    figure.text(0.01, 0.08 / figure.get_figheight(), text, fontsize=8, color="#444444", va="bottom")
