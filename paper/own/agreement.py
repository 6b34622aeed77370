"""own2: for each finding, the paper's number and ours on one axis, with the limits of the rule."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.claims.judging import Estimate
from harness.claims.layout import is_confirmatory, reach, verdict_text
from harness.claims.rules import Part
from harness.claims.sheet import Line
from paper.findings import Quantity, quantities
from paper.inputs import Inputs
from paper.parts import (
    NONE_OURS,
    brief_name,
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
    caption_height,
    house_style,
    new_figure,
    place_axes,
    wrapped,
    write_text,
)

COLUMNS = (
    *("claim", "quantity", "side", "label", "value", "low", "high", "level", "n", "unit"),
    *("true_above", "true_below", "source"),
)
HEADS = {"fraction": "difference, change, level or fall [fraction]", "ratio": "ratio"}
"""Unit of what the paper publishes -> label of its axis."""

_ROW, _TOP, _APART = 0.32, 0.62, 0.75
_PAPER, _OURS = "#0072B2", "#000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """Inches of the parts of a row: words, axes, verdict."""

    text: float = 4.6
    axes: float = 5.2
    verdict: float = 1.45


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One part of a claim: what the paper has, and what we have.

    Attributes:
        line: of the claim.
        unit: a key of `HEADS`.
        paper: published numbers in this unit.
        part: of the rule at our scale; None without one, or in another unit than the paper's.
        estimate: ours; None if it was not run.
    """

    line: Line
    unit: str
    paper: tuple[Quantity, ...]
    part: Part | None = None
    estimate: Estimate | None = None

    @property
    def name(self) -> str:
        """What is compared, in words; "" without a part."""
        return self.part.quantity.name() if self.part else ""


def agreement(inputs: Inputs) -> Product:
    """Return own2."""
    scale = inputs.scales[0]
    rows = [row for line in inputs.sheets[scale] for row in rows_of(line, scale, inputs)]
    silent = sorted({c.id for c in inputs.claims} - {row.line.claim.id for row in rows})
    has_ours = any(row.estimate for row in rows)
    ours = (
        " Dot and line: ours, mean over seeds (of a ratio the geometric mean) with the t interval"
        " that decides, at the level that stands beside it; a hollow dot is not confirmatory. n:"
        " seeds of ours."
    )
    caption = (
        "Diamonds: published, one training run each, n = 1, no interval; the label says which,"
        f" from left to right.{ours if has_ours else ''} Shaded: where the sentence of the claim is"
        " true by its rule at our scale. Lengths are compared as ratios, since tokens of two models"
        f" do not compare. Other models, tasks and metrics than the paper's: {reach(scale)}."
    )
    gaps = [
        *([] if has_ours else [NONE_OURS]),
        f"No published number for {', '.join(silent)}: words, or no value to compute",
    ]
    return Product(
        id="own2",
        place="",
        title="Paper and ours, finding by finding",
        caption=caption,
        numbers=pd.DataFrame(
            [record for row in rows for record in _records(row)], columns=list(COLUMNS)
        ),
        figure=draw_rows(rows, " ".join([caption, *(f"{gap}." for gap in gaps)])),
        references=sorted({name for row in rows for q in row.paper for name in q.references}),
        runs=_runs(rows),
        claims=sorted({row.line.claim.id for row in rows}),
        gaps=gaps,
    )


def rows_of(line: Line, scale: str, inputs: Inputs) -> list[Row]:
    """Return the rows of a claim: one per part that the paper has a number for, or that we have."""
    published = quantities(line.claim.id, inputs.paper, scale)
    if not published:
        return []
    rule, estimates = line.claim.rules.get(scale), line.verdict.estimates
    parts = rule.parts if rule else ()
    rows = []
    for place in range(max(len(parts), 1 + max(q.part for q in published))):
        paper = tuple(q for q in published if q.part == place)
        part = parts[place] if place < len(parts) else None
        unit = paper[0].unit if paper else published[0].unit
        if part is not None and unit_of(part) != unit:
            # the paper's number stands alone: ours is in a unit that does not compare
            part = None
        estimate = estimates[place] if part and estimates else None
        if paper or estimate:
            rows.append(Row(line=line, unit=unit, paper=paper, part=part, estimate=estimate))
    return rows


def _records(row: Row) -> list[tuple[object, ...]]:
    claim, region = row.line.claim.id, region_of(row.part) if row.part else (np.nan, np.nan)
    records: list[tuple[object, ...]] = [
        (
            *(claim, row.name, "paper", q.label, q.value, np.nan, np.nan, np.nan, 1, row.unit),
            *(*region, " ".join(q.references)),
        )
        for q in row.paper
    ]
    if row.estimate:
        seeds, runs = len(row.line.verdict.seeds), " ".join(row.line.verdict.run_ids)
        label = f"{level_text([row.estimate])} {row.estimate.kind} interval"
        records.append(
            (
                *(claim, row.name, "ours", label, *row.estimate.interval, row.estimate.level),
                *(seeds, row.unit, *region, runs),
            )
        )
    return records


def _runs(rows: Sequence[Row]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        if row.estimate:
            found.setdefault(row.line.place, set()).update(row.line.verdict.run_ids)
    return {place: sorted(runs) for place, runs in found.items()}


def draw_rows(rows: Sequence[Row], caption: str, widths: Widths | None = None) -> Figure:
    """Return the rows drawn one under the other, fractions above ratios.

    Args:
        rows: to draw.
        caption: under them; "" for none, and then no title either.
        widths: of the parts; None is own2's.
    """
    wide = widths or Widths()
    groups = {unit: [row for row in rows if row.unit == unit] for unit in HEADS}
    width = wide.text + wide.axes + wide.verdict
    text = wrapped(caption, width)
    high = sum(_ROW * len(group) + _APART for group in groups.values() if group or caption)
    top = _TOP if caption else MARGIN
    with house_style():
        figure = new_figure(width, top + high + caption_height(text))
        write_text(
            figure, MARGIN, 0.1, _title(rows) if caption else "", fontsize=11, fontweight="bold"
        )
        for unit, group in groups.items():
            if not group:
                continue
            axes = place_axes(figure, wide.text, top, wide.axes, _ROW * len(group))
            _draw_group(axes, group, unit)
            for place, row in enumerate(group):
                _write_row(figure, row, top + place * _ROW, wide)
            top += _ROW * len(group) + _APART
        write_text(figure, MARGIN, top - 0.15, text, fontsize=8, color=GREY)
    return figure


def _title(rows: Sequence[Row]) -> str:
    other = "ours (dots)" if any(row.estimate for row in rows) else "our rules (shaded)"
    return f"Paper (diamonds) and {other}, finding by finding"


def _draw_group(axes: Axes, rows: Sequence[Row], unit: str) -> None:
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False)
    axes.set_xlabel(HEADS[unit])
    values = [q.value for row in rows for q in row.paper]
    values += [end for row in rows if row.estimate for end in row.estimate.interval]
    values += [limit for row in rows if row.part for limit in region_of(row.part)]
    set_range(axes, values, unit)
    for place in range(1, len(rows)):
        axes.axhline(place - 0.5, color="#EEEEEE", linewidth=0.6, zorder=0)
    for place, row in enumerate(rows):
        if row.part:
            draw_region(axes, region_of(row.part), place)
        for quantity in row.paper:
            (mark,) = axes.plot(
                [quantity.value],
                [place - 0.18],
                "D",
                color=_PAPER,
                markersize=4.5,
                markerfacecolor="white",
            )
            mark.set_gid(f"paper:{row.line.claim.id}:{quantity.label}")
        if row.estimate:
            _draw_ours(axes, row, row.estimate, place + 0.2)


def _draw_ours(axes: Axes, row: Row, item: Estimate, height: float) -> None:
    ends = [within_range(axes, bound) for bound in item.interval[1:]]
    dash = "-" if item.kind == "look" else (0, (2, 1))
    axes.plot(ends, [height] * 2, color=_OURS, linewidth=1.4, linestyle=dash)
    face = _OURS if is_confirmatory(row.line.verdict) else "white"
    (mark,) = axes.plot(
        [item.interval.point], [height], "o", color=_OURS, markerfacecolor=face, markersize=4.5
    )
    mark.set_gid(f"ours:{row.line.claim.id}:{row.name}")


def _write_row(figure: Figure, row: Row, top: float, wide: Widths) -> None:
    said = brief_name(row.part) if row.part and row.estimate else row.line.claim.statement
    short = textwrap.shorten(
        f"{row.line.claim.id}: {said}", int(14.5 * wide.text), placeholder=" ..."
    )
    write_text(figure, MARGIN, top + 0.03, short, fontsize=8)
    ordered = sorted(row.paper, key=lambda quantity: quantity.value)
    which = textwrap.shorten(
        "; ".join(q.label for q in ordered), int(16.5 * wide.text), placeholder=" ..."
    )
    write_text(figure, MARGIN + 0.32, top + 0.16, which, fontsize=6.8, color=_PAPER)
    verdict = verdict_text(row.line.verdict)
    left = wide.text + wide.axes + 0.12
    write_text(figure, left, top + 0.03, verdict, fontsize=8, color=VERDICT_WORDS[verdict])
    if row.estimate:
        note = f"{level_text([row.estimate])}, n={len(row.line.verdict.seeds)}"
        write_text(figure, left, top + 0.16, note, fontsize=6.8, color=GREY)


FIGURES = {
    "own2": (
        "The paper's numbers and ours, finding by finding, with the limits of the rules",
        agreement,
    )
}
