"""own1: what our runs say of every claim, in its own unit, with interval, rule and verdict."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.claims import layout
from harness.claims.judging import Estimate
from harness.claims.layout import reach, verdict_text
from harness.claims.sheet import Line
from paper.inputs import Inputs
from paper.product import Product
from paper.style import (
    GREY,
    MARGIN,
    VERDICT_WORDS,
    VERDICTS,
    caption_height,
    house_style,
    new_figure,
    place_axes,
    wrapped,
    write_text,
)

UNITS = {"fraction": "fraction or reward", "tokens": "tokens", "ratio": "ratio"}
COLUMNS = (
    *("claim", "finding", "scale", "quantity", "unit", "point", "low", "high", "level", "n"),
    *("true_from", "true_to", "verdict", "standing", "runs"),
)
_ROW, _TEXT, _AXES, _BETWEEN, _SAID, _TOP = 0.235, 4.1, 2.15, 0.28, 2.75, 0.72


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the plot; a claim without numbers has unit "" and NaN."""

    line: Line
    scale: str
    quantity: str = ""
    unit: str = ""
    point: float = math.nan
    low: float = math.nan
    high: float = math.nan
    seeds: int = 0
    estimate: Estimate | None = None

    @property
    def limits(self) -> tuple[float, float]:
        """Where the part of the rule is true, on the scale of its threshold; NaN without one."""
        if self.estimate is None:
            return math.nan, math.nan
        part = self.estimate.measured.part
        low, high = part.limits
        return (math.exp(low), math.exp(high)) if part.quantity.ratio else (low, high)


def forest(inputs: Inputs) -> Product:
    """Return own1."""
    rows = [row for scale, lines in inputs.sheets.items() for row in rows_of(lines, scale)]
    caption = (
        "Point and line: mean over seeds with the t interval of its look; n is the number of seeds."
        " Shaded: where the part of the rule is true. Hollow: exploratory, the rule is not known to"
        " be older than the numbers. Each unit has an axis of its own. A claim that was not run has"
        " no mark. " + "; ".join(reach(scale) for scale in inputs.scales) + "."
    )
    idle = [row.line.claim.id for row in rows if not row.unit]
    gaps = [f"no numbers of ours for {', '.join(idle)}: not run"] if idle else []
    return Product(
        id="own1",
        place="",
        title="Effects of all claims",
        caption=caption,
        numbers=pd.DataFrame([_record(row) for row in rows], columns=list(COLUMNS)),
        figure=_draw(rows, caption),
        runs=_runs(rows),
        claims=[claim.id for claim in inputs.claims],
        gaps=gaps,
    )


def rows_of(lines: Sequence[Line], scale: str) -> list[Row]:
    """Return one row per measured quantity of each claim, or one without numbers."""
    rows: list[Row] = []
    for line in lines:
        if not line.verdict.estimates:
            rows.append(Row(line=line, scale=scale))
        for estimate in line.verdict.estimates:
            rows.append(
                Row(
                    line=line,
                    scale=scale,
                    quantity=estimate.measured.part.quantity.name(),
                    unit=unit_of(estimate),
                    point=estimate.interval.point,
                    low=estimate.interval.low,
                    high=estimate.interval.high,
                    seeds=len(line.verdict.seeds),
                    estimate=estimate,
                )
            )
    return rows


def unit_of(estimate: Estimate) -> str:
    """Return the unit of an axis: fraction (of rewards too), tokens, ratio, or other."""
    if estimate.measured.part.quantity.ratio:
        return "ratio"
    unit = layout.unit_of(estimate)
    return "fraction" if unit == "1" else unit


def _record(row: Row) -> list[object]:
    verdict = row.line.verdict
    return [
        row.line.claim.id,
        row.line.claim.finding,
        row.scale,
        row.quantity,
        row.unit,
        row.point,
        row.low,
        row.high,
        row.estimate.level if row.estimate else math.nan,
        row.seeds,
        *row.limits,
        verdict_text(verdict),
        layout.standing_text(verdict),
        " ".join(verdict.run_ids),
    ]


def _runs(rows: Sequence[Row]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.line.place:
            known = found.setdefault(row.line.place, [])
            known += [run for run in row.line.verdict.run_ids if run not in known]
    return found


def _draw(rows: Sequence[Row], caption: str) -> Figure:
    units = [unit for unit in UNITS if any(row.unit == unit for row in rows)] or ["fraction"]
    width = _TEXT + len(units) * (_AXES + _BETWEEN) + _SAID
    text = wrapped(caption, width)
    high = _ROW * len(rows)
    with house_style():
        figure = new_figure(width, _TOP + high + 0.6 + caption_height(text))
        write_text(figure, MARGIN, 0.1, "Effects of all claims", fontsize=11, fontweight="bold")
        for place, unit in enumerate(units):
            left = _TEXT + place * (_AXES + _BETWEEN)
            axes = place_axes(figure, left, _TOP, _AXES, high)
            _draw_unit(axes, rows, unit)
        for place, row in enumerate(rows):
            _write_row(figure, row, _TOP + place * _ROW, width)
        write_text(figure, MARGIN, _TOP + high + 0.55, text, fontsize=8, color=GREY)
    return figure


def _draw_unit(axes: Axes, rows: Sequence[Row], unit: str) -> None:
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_title(UNITS[unit])
    axes.set_xlabel(f"effect [{unit}]")
    axes.axvline(1.0 if unit == "ratio" else 0.0, color=GREY, linewidth=0.8)
    for place in range(0, len(rows), 2):
        axes.axhspan(place - 0.5, place + 0.5, color="#F6F6F6", linewidth=0, zorder=0)
    for place, row in enumerate(rows):
        if row.unit != unit:
            continue
        colour = VERDICTS[verdict_text(row.line.verdict)]
        (line,) = axes.plot([row.low, row.high], [place, place], color=colour, linewidth=1.8)
        line.set_gid(f"interval:{row.line.claim.id}:{row.quantity}")
        face = colour if layout.is_confirmatory(row.line.verdict) else "white"
        axes.plot([row.point], [place], "o", color=colour, markerfacecolor=face, markersize=5.5)
    _shade(axes, [row for row in rows if row.unit == unit], rows)


def _shade(axes: Axes, mine: Sequence[Row], rows: Sequence[Row]) -> None:
    """Shade where each part of a rule is true, inside what the axis shows."""
    left, right = axes.get_xlim()
    for row in mine:
        place = rows.index(row)
        low, high = (min(max(limit, left), right) for limit in row.limits)
        axes.fill_betweenx([place - 0.42, place + 0.42], low, high, color=GREY, alpha=0.18, lw=0)
    axes.set_xlim(left, right)


def _write_row(figure: Figure, row: Row, top: float, width: float) -> None:
    claim, verdict = row.line.claim, verdict_text(row.line.verdict)
    said = row.quantity or claim.statement
    short = textwrap.shorten(f"{claim.id}: {said}", 60, placeholder=" ...")
    write_text(figure, MARGIN, top + 0.05, short, fontsize=8)
    right = width - _SAID + 0.1
    numbers = ""
    if row.unit:
        digits = 1 if row.unit == "tokens" else 3
        numbers = (
            f"{row.point:.{digits}f} [{row.low:.{digits}f}, {row.high:.{digits}f}] n={row.seeds}"
        )
    write_text(figure, right, top + 0.05, numbers, fontsize=8)
    colour = VERDICT_WORDS[verdict] if row.unit else GREY
    write_text(figure, right + 1.72, top + 0.05, verdict, fontsize=8, color=colour)


FIGURES = {"own1": ("Effects of all claims, with intervals and verdicts", forest)}
