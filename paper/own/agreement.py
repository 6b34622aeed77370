"""own2: for each finding, the paper's number and ours on one axis, with the margin of the rule."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.claims.conditions import reach
from harness.claims.layout import verdict_text
from harness.claims.measuring import measure
from harness.claims.rules import ClaimRule
from harness.claims.sheet import Line
from harness.stats.intervals import Interval, mean_interval
from paper.findings import Quantity, quantities
from paper.inputs import Inputs, Study
from paper.own.forest import unit_of
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
        margin: (lowest, highest) value that the rule calls reproduced; () if it is of another unit.
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
    rows = [row for line in inputs.sheets[scale] for row in rows_of(line, scale, inputs)]
    silent = sorted({c.id for c in inputs.claims} - {row.line.claim.id for row in rows})
    caption = (
        "Diamonds: published, one training run each, n = 1, no interval; the label says which,"
        " from left to right. Dot and lines: ours, mean over seeds, thin the 95 % and thick the"
        " 90 % t interval (the 90 % one inside a margin is equivalence at 5 %). Grey area: what the"
        " rule of the claim calls reproduced, where the rule is in this unit. Lengths are compared"
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


def rows_of(line: Line, scale: str, inputs: Inputs) -> list[Row]:
    """Return the rows of a claim: one per comparison of its rule, or one without ours."""
    claim = line.claim
    published = quantities(claim.id, inputs.paper)
    if not published:
        return []
    rule = claim.rules.get(scale)
    is_ratio = published[0].is_ratio
    found = ours(line, rule, inputs, is_ratio=is_ratio) if rule and line.verdict.parts else {}
    names = list(found) or [""] * (1 + max(q.part for q in published))
    rows = []
    for part, name in enumerate(names):
        mine = found.get(name, ((), 0))
        rows.append(
            Row(
                line=line,
                name=name,
                is_ratio=is_ratio,
                paper=tuple(q for q in published if q.part == part),
                intervals=mine[0],
                seeds=mine[1],
                margin=_margin(rule, is_ratio=is_ratio) if name else (),
            )
        )
    return rows


def ours(
    line: Line, rule: ClaimRule, inputs: Inputs, *, is_ratio: bool
) -> dict[str, tuple[tuple[Interval, ...], int]]:
    """Return our quantities: name -> intervals at `LEVELS`, and number of seeds.

    Lengths that a rule compares by difference are made quotients, seed by seed.
    """
    study = next(s for s in inputs.studies if s.name == line.place)
    seeds = line.verdict.parts[0].seeds
    if rule.kind == "difference" and is_ratio:
        measured = _quotients(rule, study)
    else:
        measured = {item.name: dict(item.values) for item in measure(rule, study.rows)}
    found = {}
    for name, values in measured.items():
        value_S = np.array([values[seed] for seed in seeds])
        intervals = tuple(mean_interval(value_S, level=level) for level in LEVELS)
        found[name] = (intervals, len(seeds))
    return found


def _quotients(rule: ClaimRule, study: Study) -> dict[str, dict[int, float]]:
    level = replace(rule, kind="level", minus=())
    mine = measure(level, study.rows)[0].values
    found = {}
    for other in rule.minus:
        theirs = measure(replace(level, arm=other), study.rows)[0].values
        shared = sorted(mine.keys() & theirs.keys())
        found[f"{other} / {rule.arm}"] = {seed: theirs[seed] / mine[seed] for seed in shared}
    return found


def _margin(rule: ClaimRule | None, *, is_ratio: bool) -> tuple[float, ...]:
    if rule is None or (unit_of(rule) == "ratio") != is_ratio or unit_of(rule) == "tokens":
        return ()
    number = rule.reproduced.threshold
    return (number, np.inf) if rule.reproduced.side == "above" else (-np.inf, number)


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
