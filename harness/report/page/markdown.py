"""Our own Markdown as sections, tables and HTML: the page says what REPORT.md says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

# html stays off in this preset, so that a text of ours or of a model is shown and never run
_PARSER = MarkdownIt("js-default", {"html": False, "linkify": False})

_NUMBER = r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_UNITS = {"h": 3600.0, "min": 60.0, "s": 1.0}
_DURATION = re.compile(r"\d+ (?:h|min|s)(?: \d+ (?:h|min|s))*")
_FORMS = (
    re.compile(rf".*→ ({_NUMBER})(?: ± {_NUMBER})?"),
    re.compile(rf"\[({_NUMBER}), {_NUMBER}\]"),
    re.compile(rf"({_NUMBER})(?: (?:of|/) {_NUMBER})?"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table.

    Attributes:
        html: what is shown.
        text: the same as plain text.
        sort: what it is sorted by as a number; "" sorts by its text.
        is_right: whether it is aligned right.
    """

    html: Markup
    text: str
    sort: str
    is_right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table: its name for those who do not see it, the heads, and the rows."""

    name: str
    heads: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]


Block = Table | Markup


def sections_of(text: str) -> dict[str, str]:
    """Return the bodies of the second-level sections of a document; "" is what stands before."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    bodies = {"": re.sub(r"^# .+$", "", parts[0], count=1, flags=re.MULTILINE).strip()}
    bodies |= {
        title.strip(): body.strip() for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }
    return bodies


def blocks_of(text: str, name: str) -> list[Block]:
    """Return Markdown as tables and HTML between them, in order.

    Args:
        text: the Markdown; HTML in it is escaped.
        name: of its tables, for those who do not see them.
    """
    blocks: list[Block] = []
    plain: list[Token] = []
    table: list[Token] = []
    for token in _PARSER.parse(text):
        if token.type == "table_open":
            blocks += _rendered(plain)
            plain = []
            table = [token]
        elif table:
            table.append(token)
            if token.type == "table_close":
                blocks.append(_table(table, name))
                table = []
        else:
            plain.append(token)
    return blocks + _rendered(plain)


def sort_key(text: str) -> str:
    """Return the number that a cell is sorted by, as text; "" if it holds none.

    "a → b ± c" is sorted by b, "[a, b]" and "a of b" by a, a duration by its seconds.
    """
    if _DURATION.fullmatch(text):
        pairs = re.findall(r"(\d+) (h|min|s)", text)
        return f"{sum(int(count) * _UNITS[unit] for count, unit in pairs):g}"
    for form in _FORMS:
        if match := form.fullmatch(text):
            return match[1]
    return ""


def _rendered(tokens: Sequence[Token]) -> list[Block]:
    if not tokens:
        return []
    return [Markup(_PARSER.renderer.render(tokens, _PARSER.options, {}))]


def _table(tokens: Sequence[Token], name: str) -> Table:
    rows: list[list[Cell]] = []
    is_right = False
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            is_right = "right" in str(token.attrGet("style") or "")
        elif token.type == "inline":
            rows[-1].append(_cell(token, is_right))
    return Table(name=name, heads=rows[0], rows=rows[1:])


def _cell(token: Token, is_right: bool) -> Cell:
    children = token.children or []
    html = _PARSER.renderer.render(children, _PARSER.options, {})
    text = "".join(child.content for child in children)
    return Cell(html=Markup(html), text=text, sort=sort_key(text), is_right=is_right)
