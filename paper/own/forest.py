"""own1: what our runs say of every claim, in its own unit, with interval, limits and verdict."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.claims.judging import Estimate
from harness.claims.layout import is_confirmatory, reach, standing_text, verdict_text
from harness.claims.rules import Part
from harness.claims.sheet import Line
from harness.text import number
from paper.inputs import Inputs
from paper.parts import (
    NONE_OURS,
    UNITS,
    draw_region,
    level_text,
    region_of,
    set_range,
    unit_of,
    within_range,
)
from paper.product import Product
from paper.style import (
    GREY,
    MARGIN,
    VERDICT_WORDS,
    VERDICTS,
    caption_height,
    house_style,
    name_gap,
    new_figure,
    place_axes,
    wrapped,
    write_text,
)

COLUMNS = (
    *("claim", "finding", "role", "scale", "quantity", "unit", "point", "low", "high", "level"),
    *("interval", "n", "true_above", "true_below", "verdict", "standing", "p_holm", "runs"),
)
_ROW, _TEXT, _AXES, _BETWEEN, _NUMBERS, _WORD, _TOP = 0.235, 5.1, 2.15, 0.28, 2.35, 1.75, 0.72
_LETTERS = 84
_TITLE = "Effects of all claims"
_MARKS = (
    "Point and line: mean over seeds (of a ratio the geometric mean) with the t interval that"
    " decides, at the level that stands beside it; a dashed line is an interval for any number"
    " of seeds, which decides nothing. n is the number of seeds. Shaded: where the sentence of"
    " the claim is true, up to the limit of the rule; reproduced needs every interval of the"
    " claim inside. Hollow: not confirmatory, the rule is not known to be older than the"
    " numbers. Smoke tests are passed by any trainer that works. Each unit has an axis of its"
    " own. A claim that was not run has no mark"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the plot: a measured part of a claim; None for a claim without numbers."""

    line: Line
    scale: str
    estimate: Estimate | None = None

    @property
    def part(self) -> Part | None:
        """The part of the rule."""
        return self.estimate.measured.part if self.estimate else None

    @property
    def quantity(self) -> str:
        """What was measured, in words."""
        return self.part.quantity.name() if self.part else ""

    @property
    def unit(self) -> str:
        """Of the part."""
        return unit_of(self.part) if self.part else ""


def forest(inputs: Inputs) -> Product:
    """Return own1."""
    rows = [row for scale, lines in inputs.sheets.items() for row in rows_of(lines, scale)]
    idle = [row.line.claim.id for row in rows if not row.unit]
    is_empty = len(idle) == len(rows)
    far = "; ".join(reach(scale) for scale in inputs.scales)
    caption = f"{NONE_OURS if is_empty else _MARKS}. {far}."
    gaps = [f"no numbers of ours for {', '.join(idle)}: not run"] if idle else []
    gaps = [NONE_OURS] if is_empty else gaps
    return Product(
        id="own1",
        place="",
        title=_TITLE,
        caption=caption,
        numbers=pd.DataFrame([_record(row) for row in rows], columns=list(COLUMNS)),
        figure=_draw(rows, caption),
        runs=_runs(rows),
        claims=[claim.id for claim in inputs.claims],
        gaps=gaps,
    )


def rows_of(lines: Sequence[Line], scale: str) -> list[Row]:
    """Return one row per measured part of each claim, or one without numbers."""
    rows: list[Row] = []
    for line in lines:
        estimates = line.verdict.estimates or (None,)
        rows += [Row(line=line, scale=scale, estimate=item) for item in estimates]
    return rows


def _record(row: Row) -> list[object]:
    claim, verdict, item = row.line.claim, row.line.verdict, row.estimate
    low, high = region_of(row.part) if row.part else (math.nan, math.nan)
    return [
        claim.id,
        claim.finding,
        claim.role,
        row.scale,
        row.quantity,
        row.unit,
        *(item.interval if item else (math.nan,) * 3),
        item.level if item else math.nan,
        item.kind if item else "",
        len(verdict.seeds),
        low,
        high,
        verdict_text(verdict),
        standing_text(verdict),
        verdict.p_holm,
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
    found = dict.fromkeys(row.unit for row in rows if row.unit)
    units = [*(unit for unit in UNITS if unit in found), *(u for u in found if u not in UNITS)]
    width = _TEXT + max(len(units), 1) * (_AXES + _BETWEEN) + _NUMBERS + _WORD
    text = wrapped(caption, width)
    high = _ROW * len(rows)
    with house_style():
        figure = new_figure(width, _TOP + high + 0.6 + caption_height(text))
        write_text(figure, MARGIN, 0.1, _TITLE, fontsize=11, fontweight="bold")
        if not units:
            axes = place_axes(figure, _TEXT, _TOP, _AXES, high)
            axes.set_axis_off()
            name_gap(axes, NONE_OURS)
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
    axes.grid(visible=False)
    axes.set_title(UNITS.get(unit, unit))
    axes.set_xlabel(f"effect [{unit}]")
    mine = [(place, row) for place, row in enumerate(rows) if row.unit == unit]
    ends = [
        end
        for _, row in mine
        if row.estimate and row.part
        for end in (*row.estimate.interval, *region_of(row.part))
    ]
    set_range(axes, ends, unit)
    for place in range(1, len(rows)):
        axes.axhline(place - 0.5, color="#EEEEEE", linewidth=0.6, zorder=0)
    for place, row in mine:
        if row.estimate and row.part:
            draw_region(axes, region_of(row.part), place)
            _draw_estimate(axes, row, row.estimate, place)


def _draw_estimate(axes: Axes, row: Row, item: Estimate, place: int) -> None:
    verdict, colour = row.line.verdict, VERDICTS[verdict_text(row.line.verdict)]
    ends = [within_range(axes, bound) for bound in item.interval[1:]]
    dash = "-" if item.kind == "look" else (0, (2, 1))
    (line,) = axes.plot(ends, [place, place], color=colour, linewidth=1.8, linestyle=dash)
    line.set_gid(f"interval:{row.line.claim.id}:{row.quantity}")
    face = colour if is_confirmatory(verdict) else "white"
    (mark,) = axes.plot(
        [item.interval.point], [place], "o", color=colour, markerfacecolor=face, markersize=5.5
    )
    mark.set_gid(f"point:{row.line.claim.id}:{row.quantity}")


def _write_row(figure: Figure, row: Row, top: float, width: float) -> None:
    claim, verdict = row.line.claim, verdict_text(row.line.verdict)
    said = f"{claim.id}: {row.quantity or claim.statement}"
    short = textwrap.shorten(said, _LETTERS, placeholder=" ...")
    write_text(figure, MARGIN, top + 0.05, short, fontsize=8)
    right = width - _NUMBERS - _WORD + 0.1
    if row.estimate:
        unit = "1" if row.unit in ("ratio", "fraction") else row.unit.partition(" ")[0]
        point, low, high = (number(value, unit) for value in row.estimate.interval)
        level = level_text([row.estimate])
        numbers = f"{point} [{low}, {high}] {level} n={len(row.line.verdict.seeds)}"
        write_text(figure, right, top + 0.05, numbers, fontsize=8)
    colour = VERDICT_WORDS[verdict] if row.unit else GREY
    words = f"{verdict} ({claim.role})" if row.unit else verdict
    write_text(figure, right + _NUMBERS - 0.05, top + 0.05, words, fontsize=8, color=colour)


FIGURES = {"own1": ("Effects of all claims, with intervals and verdicts", forest)}
