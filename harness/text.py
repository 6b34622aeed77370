"""Numbers and aligned tables as text."""

from __future__ import annotations

import io
import itertools
import math
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TextIO

NOTHING = "-"
"""Stands for what is undefined or missing: never 0."""

DECIMALS = {
    "fraction": 3,
    "1": 3,
    "tokens": 1,
    "1/100 tokens": 2,
    "s": 1,
    "steps": 1,
    "rows": 0,
    "nats": 4,
    "tokens/s": 0,
}
"""Unit -> decimals. They are the unit's, so that two metrics of one unit read alike."""


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


_CONTROLS = dict.fromkeys(
    # but for the ends of lines and tabs; the last two turn the direction of writing
    chain(range(9), range(11, 32), range(127, 160), range(0x202A, 0x202F), range(0x2066, 0x206A))
)
_ESCAPES = {code: ascii(chr(code))[1:-1] for code in _CONTROLS}


def visible(text: str) -> str:
    """Return a text with its control characters, which could drive a terminal, as escapes."""
    return text.translate(_ESCAPES)


def is_visible(text: str) -> bool:
    """Tell whether a text is UTF-8 and has no control characters but the end of a line."""
    return text.isprintable() or not any(
        code in _ESCAPES or 0xD800 <= code < 0xE000 for code in map(ord, text)
    )


class Visible(io.TextIOBase):
    """A stream that hands on text alone: see `visible`; a letter it cannot encode is an escape."""

    def __init__(self, stream: TextIO) -> None:
        """Write to this stream."""
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text; return the number of its letters."""
        encoding = self.stream.encoding or "utf-8"
        said = visible(text).encode(encoding, "backslashreplace").decode(encoding)
        self.stream.write(said)
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream."""
        return self.stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the stream."""
        return self.stream.encoding


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: what is shown; `code` and **strong** words are marked as in Markdown.
        sort: the number that it stands for; NaN is none, so that it is sorted by its text.
        kind: what sort of word it is, as classes of the page ("verdict reproduced"), or "".
    """

    text: str
    sort: float = math.nan
    kind: str = ""


Row = Sequence[Cell | str]
"""Cells of a table; a plain string is sorted by its text."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as a value, before it is Markdown, HTML or text of a terminal.

    Attributes:
        heads: of the columns.
        rows: in order.
        sides: one "<" or ">" per column; "" is left for the first, right for the others.
    """

    heads: Sequence[str]
    rows: Sequence[Row]
    sides: str = ""

    def cells(self) -> list[list[Cell]]:
        """Return the rows with every cell as a `Cell`."""
        return [[Cell(c) if isinstance(c, str) else c for c in row] for row in self.rows]

    def texts(self) -> list[list[str]]:
        """Return the rows as they are shown."""
        return [[cell.text for cell in row] for row in self.cells()]

    def markdown(self) -> str:
        """Return the table as Markdown."""
        return markdown_table(self.heads, self.texts(), self.sides or None)

    def plain(self) -> str:
        """Return the table for a terminal."""
        return plain_table(self.heads, self.texts(), self.sides)


def numeric(value: float, unit: str = "1", *, sign: bool = False) -> Cell:
    """Return the cell of a number."""
    return Cell(number(value, unit, sign=sign), value)


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
    cells = [[in_line(cell).replace("|", r"\|") for cell in row] for row in (heads, *rows)]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(heads))]
    rule = [
        "-" * (width - 1) + (":" if side == ">" else "-")
        for width, side in zip(widths, sides, strict=True)
    ]
    lines = [_line(cells[0], widths, sides), _line(rule, widths, sides)]
    return "\n".join([*lines, *(_line(row, widths, sides) for row in cells[1:])])


_TAG = re.compile(r"<(?=[A-Za-z/!?])")
"""What opens a tag, a comment or an instruction; `<0.001` does not."""


def in_line(text: str) -> str:
    """Return a text as it may stand in a line of Markdown: one line, and no HTML outside of code.

    What a run or a file says of itself could else end a table, or be a picture of a page.
    """
    # code between as many marks as opened it, then all else
    parts = re.split(r"((?<!`)(`+)(?!`).+?(?<!`)\2(?!`))", " ".join(visible(text).splitlines()))
    kept = (part for number, part in enumerate(parts) if number % 3 != 2)
    return "".join(
        part if number % 2 else _TAG.sub("&lt;", part) for number, part in enumerate(kept)
    )


def plain_table(heads: Sequence[str], rows: Sequence[Sequence[str]], sides: str = "") -> str:
    """Return an aligned table for a terminal.

    Args:
        heads: of the columns.
        rows: cells as text.
        sides: one "<" or ">" per column; "" is left for the first, right for the others.
    """
    cells = [list(heads), *[list(row) for row in rows]]
    widths = _fitted(cells)
    sides = sides or "<" + ">" * (len(heads) - 1)
    rule = ["-" * width for width in widths]
    lines = [_columns([row], widths, sides) for row in (heads, rule, *rows)]
    return "\n".join(lines)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text in columns, two spaces apart."""
    widths = _fitted(rows)
    return _columns(rows, widths, "<" * len(widths))


def console_width() -> int | None:
    """Return the columns of the terminal that is written to; None if it is a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def folded(text: str, *, is_prose: bool = False) -> str:
    """Return a text whose lines fit the terminal; as it is, if none is written to.

    What follows a line stands below its text: below the explanation in "  key=   explanation".

    Args:
        text: of lines; a command stays whole, to be copied, and so does a row of a table, which
            fits as well as it can.
        is_prose: a line that does not fit flows into the next, as in a paragraph.
    """
    width = console_width()
    if width is None:
        return text
    lines = list[str]()
    left = ""
    for line, following in itertools.pairwise([*text.split("\n"), ""]):
        made = _fold(left + line.lstrip() if left else line, width)
        indent = " " * _hanging(left + line.lstrip() if left else line)
        flows = is_prose and len(made) > 1 and _hanging(following) == len(indent)
        flows = flows and following.startswith(indent) and bool(following.strip())
        left = f"{made.pop()} " if flows else ""
        lines += made
    return "\n".join(lines)


def _fold(line: str, width: int) -> list[str]:
    # a key that takes half of the terminal leaves no room to hang text below
    indent = _hanging(line) if _hanging(line) < width // 2 else 0
    is_row = "  " in line[indent:].strip()
    if len(line) <= width or is_row or line.lstrip().startswith("python -m "):
        return [line]
    lines = textwrap.wrap(
        line[indent:], width - indent, break_on_hyphens=False, break_long_words=False
    )
    return [line[:indent] + lines[0], *(" " * indent + more for more in lines[1:])]


def _hanging(line: str) -> int:
    """Return the number of letters before a line's text: spaces, or a key and its spaces."""
    start = re.match(r"\s*(?:\S+(?: \S+)?\s{2,})?", line)
    return len(start[0]) if start else 0


def _fitted(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return widths of columns that fit the terminal; the full ones if a word had to be broken."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    least = [max(len(w) for cell in column for w in [*cell.split(), ""]) for column in columns]
    room = (console_width() or sys.maxsize) - 2 * (len(widths) - 1)
    if sum(least) > room:
        return widths
    while sum(widths) > room:
        # the widest column that may still shrink gives up a letter, until all fit
        widths[max(range(len(widths)), key=lambda i: widths[i] * (widths[i] > least[i]))] -= 1
    return widths


def _columns(rows: Sequence[Sequence[str]], widths: Sequence[int], sides: str) -> str:
    """Return rows with cells broken into lines where they are wider than their column."""
    lines = []
    for row in rows:
        cells = [
            [cell] if len(cell) <= width else textwrap.wrap(cell, width, break_on_hyphens=False)
            for cell, width in zip(row, widths, strict=True)
        ]
        for parts in itertools.zip_longest(*cells, fillvalue=""):
            padded = (f"{p:{s}{w}}" for p, s, w in zip(parts, sides, widths, strict=True))
            lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


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
