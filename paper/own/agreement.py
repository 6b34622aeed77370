"""own2: for each finding, the paper's number and ours on one axis, with the margin of the rule."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.claims import layout
from harness.claims.judging import Estimate
from harness.claims.layout import reach, verdict_text
from harness.claims.sheet import Line
from harness.stats.intervals import Interval, mean_interval
from paper.findings import Quantity, quantities
from paper.inputs import Inputs
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

COLUMNS = ("claim", "quantity", "side", "label", "value", "low", "high", "n", "unit", "source")
LEVELS = (0.95, 0.90)
_ROW, _TOP, _APART = 0.3, 0.62, 0.75
_PAPER, _OURS = "#0072B2", "#000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """Inches of the parts of a row: words, axes, verdict."""

    text: float = 4.0
    axes: float = 5.6
    verdict: float = 1.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One quantity of a claim: what the paper has, and what we have.

    Attributes:
        intervals: of ours at `LEVELS`; () if it was not run.
        margin: (lowest, highest) value at which the rule is true; () if it is of another unit.
    """

    line: Line
    name: str
    is_ratio: bool
    paper: tuple[Quantity, ...]
    intervals: tuple[Interval, ...]
    seeds: int
    margin: tuple[float, ...]


def agreement(inputs: Inputs) -> Product:
    """Return own2."""
    scale = inputs.scales[0]
    rows = [row for line in inputs.sheets[scale] for row in rows_of(line, inputs)]
    silent = sorted({c.id for c in inputs.claims} - {row.line.claim.id for row in rows})
    caption = (
        "Diamonds: published, one training run each, n = 1, no interval; the label says which,"
        " from left to right. Dot and lines: ours, mean over seeds, thin the 95 % and thick the"
        " 90 % t interval (the 90 % one inside a margin is equivalence at 5 %). Grey area: where"
        " the rule of the claim is true, where the rule is in this unit. Lengths are compared"
        " as ratios, since tokens of two models do not compare. n: seeds of ours. Other"
        " models, tasks and metrics than the paper's:"
        f" {reach(scale)}."
    )
    gaps = [f"no published number for {', '.join(silent)}: words, or no value to compute"]
    return Product(
        id="own2",
        place="",
        title="Paper and ours, finding by finding",
        caption=caption,
        numbers=pd.DataFrame(
            [record for row in rows for record in _records(row)], columns=list(COLUMNS)
        ),
        figure=draw_rows(rows, f"{caption} {gaps[0].capitalize()}."),
        references=sorted({name for row in rows for q in row.paper for name in q.references}),
        runs=_runs(rows),
        claims=sorted({row.line.claim.id for row in rows}),
        gaps=gaps,
    )


def rows_of(line: Line, inputs: Inputs) -> list[Row]:
    """Return the rows of a claim: one per comparison of its rule, or one without ours."""
    claim = line.claim
    published = quantities(claim.id, inputs.paper)
    if not published:
        return []
    is_ratio = published[0].is_ratio
    parts = 1 + max(q.part for q in published)
    found = [o for e in line.verdict.estimates[:parts] if (o := ours(e, line, is_ratio=is_ratio))]
    return [
        Row(
            line=line,
            name=found[part].name if found else "",
            is_ratio=is_ratio,
            paper=tuple(q for q in published if q.part == part),
            intervals=found[part].intervals if found else (),
            seeds=len(line.verdict.seeds) if found else 0,
            margin=found[part].margin if found else (),
        )
        for part in range(len(found) or parts)
    ]


class Ours(NamedTuple):
    """One quantity of ours: its name, intervals at `LEVELS`, and where the rule is true."""

    name: str
    intervals: tuple[Interval, ...]
    margin: tuple[float, ...]


def ours(estimate: Estimate, line: Line, *, is_ratio: bool) -> Ours | None:
    """Return a measured part of a claim in the unit of the paper's number; None in another one.

    A ratio of two arms is turned around: the paper's is the other arm over the first.
    """
    item, quantity = estimate.measured, estimate.measured.part.quantity
    if quantity.ratio != is_ratio or layout.unit_of(estimate) == "tokens":
        return None
    value_S = np.array([item.values[seed] for seed in line.verdict.seeds])
    sign = -1.0 if quantity.ratio and quantity.minus else 1.0
    intervals = [mean_interval(sign * value_S, level=level) for level in LEVELS]
    low, high = sorted(sign * limit for limit in item.part.limits)
    if quantity.ratio:
        intervals = [Interval(*np.exp(interval)) for interval in intervals]
        low, high = (float(np.exp(limit)) for limit in (low, high))
    arms = quantity.arm
    if quantity.minus:
        arms = f"{quantity.minus} / {arms}" if is_ratio else f"{arms} - {quantity.minus}"
    return Ours(arms, tuple(intervals), (low, high))


def _records(row: Row) -> list[tuple[object, ...]]:
    unit = "ratio" if row.is_ratio else "fraction"
    none = (np.nan, np.nan)
    records: list[tuple[object, ...]] = [
        (
            row.line.claim.id,
            row.name,
            "paper",
            q.label,
            q.value,
            *none,
            1,
            unit,
            " ".join(q.references),
        )
        for q in row.paper
    ]
    runs = " ".join(row.line.verdict.run_ids)
    for level, interval in zip(LEVELS, row.intervals, strict=False):
        label = f"{level:.0%} t interval"
        records.append(
            (row.line.claim.id, row.name, "ours", label, *interval, row.seeds, unit, runs)
        )
    return records


def _runs(rows: Sequence[Row]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        if row.intervals:
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
    groups = [[row for row in rows if row.is_ratio is kind] for kind in (False, True)]
    heads = ("difference, change, level or fall [fraction]", "ratio")
    width = wide.text + wide.axes + wide.verdict
    text = wrapped(caption, width)
    high = sum(_ROW * len(group) + _APART for group in groups if group or caption)
    top = _TOP if caption else MARGIN
    with house_style():
        figure = new_figure(width, top + high + caption_height(text))
        title = "Paper (diamonds) and ours (dots), finding by finding" if caption else ""
        write_text(figure, MARGIN, 0.1, title, fontsize=11, fontweight="bold")
        for group, head in zip(groups, heads, strict=True):
            if not group:
                continue
            axes = place_axes(figure, wide.text, top, wide.axes, _ROW * len(group))
            _draw_group(axes, group, head)
            for place, row in enumerate(group):
                _write_row(figure, row, top + place * _ROW, wide)
            top += _ROW * len(group) + _APART
        write_text(figure, MARGIN, top - 0.15, text, fontsize=8, color=GREY)
    return figure


def _draw_group(axes: Axes, rows: Sequence[Row], head: str) -> None:
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(head)
    if rows[0].is_ratio:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    else:
        axes.set_xlim(-0.15, 1.05)
    low, high = axes.get_xlim() if not rows[0].is_ratio else (0.02, 30.0)
    axes.set_xlim(low, high)
    axes.axvline(1.0 if rows[0].is_ratio else 0.0, color=GREY, linewidth=0.8)
    for place, row in enumerate(rows):
        if row.margin:
            left, right = max(row.margin[0], low), min(row.margin[1], high)
            axes.fill_between(
                [left, right], place - 0.4, place + 0.4, color="#E4E4E4", linewidth=0, zorder=0.5
            )
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
        for interval, thick in zip(row.intervals, (1.0, 2.6), strict=False):
            axes.plot(
                [interval.low, interval.high], [place + 0.2] * 2, color=_OURS, linewidth=thick
            )
            axes.plot([interval.point], [place + 0.2], "o", color=_OURS, markersize=4.5)


def _write_row(figure: Figure, row: Row, top: float, wide: Widths) -> None:
    said = row.name or row.line.claim.statement
    short = textwrap.shorten(
        f"{row.line.claim.id}: {said}", int(14.5 * wide.text), placeholder=" ..."
    )
    write_text(figure, MARGIN, top + 0.03, short, fontsize=8)
    ordered = sorted(row.paper, key=lambda quantity: quantity.value)
    which = textwrap.shorten(
        "; ".join(q.label for q in ordered), int(16.5 * wide.text), placeholder=" ..."
    )
    write_text(figure, MARGIN + 0.32, top + 0.15, which, fontsize=6.8, color=_PAPER)
    verdict = verdict_text(row.line.verdict)
    left = wide.text + wide.axes + 0.12
    write_text(figure, left, top + 0.03, verdict, fontsize=8, color=VERDICT_WORDS[verdict])
    if row.intervals:
        write_text(figure, left, top + 0.15, f"n={row.seeds}", fontsize=6.8, color=GREY)


FIGURES = {"own2": ("The paper's numbers and ours, finding by finding, with margins", agreement)}
