"""Numbers and aligned tables as text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

NOTHING = "-"
"""Stands for what is undefined or missing: never 0."""

DECIMALS = {
    "fraction": 3,
    "1": 3,
    "tokens": 1,
    "s": 1,
    "steps": 1,
    "rows": 0,
    "nats": 4,
    "tokens/s": 0,
}
"""Unit -> decimals. They are the unit's, so that two metrics of one unit read alike."""

Align = Literal["<", ">"]


def number(value: float, unit: str = "1", *, sign: bool = False) -> str:
    """Return a number with the decimals of its unit; a dash if it is not finite."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:{'+' if sign else ''}.{DECIMALS.get(unit, 3)}f}"
    # a rounded -0.000 reads like a direction
    return text.replace("-", "", 1) if float(text) == 0 and text.startswith("-") else text


def interval(low: float, high: float, unit: str) -> str:
    """Return "[low, high]" with signs, or a dash if there is no interval."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return NOTHING
    return f"[{number(low, unit, sign=True)}, {number(high, unit, sign=True)}]"


def spread(mean: float, deviation: float, unit: str) -> str:
    """Return "mean ± standard deviation"; the mean alone if there is no deviation."""
    if not math.isfinite(deviation):
        return number(mean, unit)
    return f"{number(mean, unit)} ± {number(deviation, unit)}"


def duration(seconds: float) -> str:
    """Return minutes and seconds, or hours and minutes."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s"


def markdown_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], aligns: str | None = None
) -> str:
    """Return a Markdown table whose columns are aligned in the source as well.

    Args:
        heads: of the columns.
        rows: cells as text; a pipe in them is escaped.
        aligns: one "<" or ">" per column; None is left for the first, right for the others.
    """
    sides = aligns or "<" + ">" * (len(heads) - 1)
    cells = [[cell.replace("|", r"\|") for cell in row] for row in (heads, *rows)]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(heads))]
    rule = [
        "-" * (width - 1) + (":" if side == ">" else "-")
        for width, side in zip(widths, sides, strict=True)
    ]
    lines = [_line(cells[0], widths, sides), _line(rule, widths, sides)]
    return "\n".join([*lines, *(_line(row, widths, sides) for row in cells[1:])])


def plain_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an aligned table for a terminal: the first column left, the others right."""
    cells = [list(heads), *[list(row) for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    sides = "<" + ">" * (len(heads) - 1)
    rule = ["-" * width for width in widths]
    return "\n".join(
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)
        ).rstrip()
        for row in (cells[0], rule, *cells[1:])
    )


def paragraphs(*parts: str) -> str:
    """Return parts of a page with an empty line between them; empty parts are left out."""
    return "\n\n".join(part for part in parts if part)


def value_text(value: object) -> str:
    """Return a config value as it is written in YAML's flow style."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {value_text(item)}" for key, item in value.items()) + "}"
    return str(value)


def _line(cells: Sequence[str], widths: Sequence[int], sides: str) -> str:
    padded = [
        f"{cell:{side}{width}}" for cell, side, width in zip(cells, sides, widths, strict=True)
    ]
    return "| " + " | ".join(padded) + " |"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text in columns, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)
