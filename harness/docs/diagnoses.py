"""The table of diagnoses of docs/reliability.md, made from the diagnoses that there are."""

from __future__ import annotations

from harness.metrics.health.diagnoses import DIAGNOSES
from harness.paths import DOCS
from harness.text import markdown_table

RELIABILITY = DOCS / "reliability.md"
START = "<!-- diagnoses: written by `python -m harness.docs reliability` -->\n"
END = "\n<!-- end of diagnoses -->"


def with_diagnoses(page: str) -> str:
    """Return docs/reliability.md with the diagnoses between its marks."""
    head, rest = page.split(START)
    return f"{head}{START}{diagnoses_table()}{END}{rest.split(END, 1)[1]}"


def diagnoses_table() -> str:
    """Return the table of diagnoses: what each means, when it holds, and what to do."""
    rows = [[d.name, d.means, d.when, d.remedy] for d in DIAGNOSES]
    return markdown_table(["diagnosis", "what it means", "holds when", "what to do"], rows, "<<<<")
