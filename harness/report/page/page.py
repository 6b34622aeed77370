"""The page: one file with its styles, scripts, plotting library and data; the same bytes again."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.report.page import curves, samples
from harness.report.page.studies import Study
from harness.report.sections import Block, Caution, Code, Items, Paragraph, Picture
from harness.text import Table

NAME = "report.html"
TEMPLATE = Path(__file__).parent / "template"
SCRIPTS = ("start.js", "charts.js", "tables.js", "samples.js")
"""In the order in which they run; the last line of the page calls the first."""
_MARKED = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one page shows.

    Attributes:
        title: of the page.
        claims: the claim sheet; empty if nothing was judged.
        no_claims: why there is none, in words.
        verdicts: each claim with rule, reason and runs.
        studies: in order.
        gaps: what is missing from the page as a whole.
        command: that writes it again.
        recipe: where the recipe of the scale differs from the paper; empty if it is not its own.
    """

    title: str
    claims: Sequence[Block]
    no_claims: str
    verdicts: Sequence[Mapping[str, Any]]
    studies: Sequence[Study]
    gaps: Sequence[str]
    command: str
    recipe: Sequence[Block] = ()


def render(page: Page) -> str:
    """Return the page as HTML that needs nothing but itself."""
    data = {
        "studies": [study.data for study in page.studies],
        "marks": {"reflection": samples.REFLECTION, "repetition": samples.REPETITION},
    }
    text: str = (
        _environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            style=Markup(_asset("page.css")),
            scripts=[Markup(_asset(name)) for name in SCRIPTS],
            library=plotting_library(),
            library_version=version("plotly"),
            data=packed(
                # allow_nan: a browser's JSON has no NaN and would refuse the whole page
                json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            ),
            limits=_limits(),
        )
    )
    return text


def packed(text: str) -> str:
    """Return a text as base64 of gzip, without a time; the page unpacks it itself."""
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=9, mtime=0)).decode()


@lru_cache(maxsize=1)
def plotting_library() -> str:
    """Return plotly.js, packed: a third of its size, and read faster than the text."""
    # from plotly's files, since importing the package takes longer than making the page
    return packed((files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8"))


def html(block: Block) -> Markup:
    """Return any block but a table as HTML."""
    match block:
        case Paragraph(text):
            return Markup("<p>{}</p>").format(inline(text))
        case Caution(text):
            return Markup("<blockquote><p><strong>{}</strong></p></blockquote>").format(
                inline(text)
            )
        case Items(texts):
            items = Markup("\n").join(Markup("<li>{}</li>").format(inline(text)) for text in texts)
            return Markup("<ul>\n{}\n</ul>").format(items)
        case Picture(text, path):
            # the page is one file: it names a picture that it does not hold
            return Markup("<p>{}: <code>{}</code></p>").format(text, path)
        case Code(text):
            return Markup("<pre><code>{}</code></pre>").format(text)
        case Table():
            raise TypeError("a table is laid out by page.html.j2")


def inline(text: str) -> Markup:
    """Return a text with its `code` and **strong** words marked; all other markup is shown."""
    # escaped first, so that nothing in the text, a model's least of all, becomes markup
    return Markup(_MARKED.sub(_marked, str(escape(text))))


def sort_key(value: float) -> str:
    """Return the number by which a cell is sorted; "" if there is none."""
    return f"{value:.9g}" if math.isfinite(value) else ""


def _marked(found: re.Match[str]) -> str:
    return f"<code>{found[1]}</code>" if found[1] else f"<strong>{found[2]}</strong>"


def _limits() -> dict[str, int]:
    return {
        "points": curves.MOST_POINTS,
        "words": samples.REPEATED_WORDS,
        "chars": samples.REPEATED_CHARS,
    }


def _asset(name: str) -> str:
    return (TEMPLATE / name).read_text(encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["table"] = lambda block: isinstance(block, Table)
    environment.filters |= {"html": html, "inline": inline, "sort_key": sort_key}
    return environment
