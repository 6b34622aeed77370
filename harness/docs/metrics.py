"""docs/metrics.md and the margins of docs/comparing.md, made from the column list."""

from __future__ import annotations

from collections.abc import Sequence

from harness.metrics.column import Column
from harness.metrics.columns import EVALUATION, TRAINING
from harness.paths import DOCS
from harness.text import markdown_table

COMPARING = DOCS / "comparing.md"
START, END = "<!-- margins: written by `python -m harness.docs comparing` -->\n", "\n<!-- end -->"

_HEAD = """# Metrics

Made from `harness/metrics/columns.py` by `python -m harness.docs metrics`; a test compares.

Every number of a table has one of these names. Undefined is NaN, missing has no row; neither is 0.
"At the end of training" means: for training metrics {training}, for evaluation metrics the
{evaluation}.
"""

_EVALUATION_NOTE = """Computed from the rows of generations/<step>.jsonl, never from verl's own;
means over samples, except accuracy. `<split>` is `easy`, `hard` or `transfer` at
micro scale.
"""


def glossary() -> str:
    """Return the text of docs/metrics.md."""
    head = _HEAD.format(training=f"the {TRAINING[0].window}", evaluation=EVALUATION[0].window)
    return "\n".join(
        [
            head,
            "## Training, one value per step",
            "Read from metrics.jsonl, which verl writes.\n",
            _table("verl's key", TRAINING),
            "",
            "## Evaluation, one value per evaluated step and split",
            _EVALUATION_NOTE,
            _table("field of a row", EVALUATION),
            "",
        ]
    )


def with_margins(page: str) -> str:
    """Return docs/comparing.md with the margins of the columns between its marks."""
    head, rest = page.split(START)
    return f"{head}{START}{margins()}{END}{rest.split(END, 1)[1]}"


def margins() -> str:
    """Return the table of margins: one row per direction and margin, with the metrics it is of."""
    groups: dict[tuple[str, str], list[str]] = {}
    for column in (*EVALUATION, *TRAINING):
        if column.margin is not None:
            size = f"{column.margin.size:g}"
            if column.margin.is_relative:
                size = f"{100 * column.margin.size:g} % of the baseline"
            groups.setdefault((column.better, size), []).append(f"`{_full_name(column)}`")
    rows = [[", ".join(names), *group] for group, names in groups.items()]
    return markdown_table(["metric", "better", "margin"], rows, "<<<")


def _table(read_from: str, columns: Sequence[Column]) -> str:
    lines = [f"| name | unit | {read_from} | meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| `{_full_name(c)}` | {c.unit} | `{c.path}` | {c.help} |" for c in columns]
    return "\n".join(lines)


def _full_name(column: Column) -> str:
    return f"{column.name}_<split>" if column.source == "evaluation" else column.name
