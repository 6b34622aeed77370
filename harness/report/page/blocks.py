"""The blocks of a report as HTML; the tables are laid out by the template."""

from __future__ import annotations

import math
import re

from markupsafe import Markup, escape

from harness.report.sections import Block, Caution, Code, Items, Paragraph, Picture
from harness.text import Table

_MARKED = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*")


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
