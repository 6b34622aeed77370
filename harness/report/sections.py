"""What a report is made of: sections of blocks, as values, and their Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.text import Table, in_line, paragraphs

Place = Literal["claims", "curves", "results", "details"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; `code` and **strong** words are marked as in Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class Caution:
    """What must be said before any number."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list of short paragraphs."""

    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure: what it shows, and its file beside the report."""

    text: str
    path: str


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be copied as they are."""

    text: str


Block = Paragraph | Caution | Items | Picture | Code | Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of a report.

    Attributes:
        title: its heading.
        slug: short and stable name: the menu and the links of the page.
        blocks: what stands in it, in order; without any the section is left out.
        place: on the page, which has its own order: in "claims", before the samples ("results") or
            after them ("details"); the pictures of "curves" are drawn there as curves instead.
    """

    title: str
    slug: str
    blocks: Sequence[Block]
    place: Place = "details"


def markdown(blocks: Sequence[Block]) -> str:
    """Return blocks as Markdown."""
    return paragraphs(*map(_markdown, blocks))


def _markdown(block: Block) -> str:
    match block:
        case Table():
            return block.markdown()
        case Caution(text):
            return f"> **{in_line(text)}**"
        case Items(texts):
            return "\n".join(f"- {in_line(text)}" for text in texts)
        case Picture(text, path):
            return f"![{in_line(text)}]({path})"
        case Code(text):
            return f"```\n{text}\n```"
        case Paragraph(text):
            return in_line(text)
