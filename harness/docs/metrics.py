"""docs/metrics.md, made from the column list."""

from __future__ import annotations

from collections.abc import Sequence

from harness.metrics.columns import EVALUATION, TRAINING, Column
from harness.paths import DOCS

PATH = DOCS / "metrics.md"

_HEAD = """# Metrics

Made from `harness/metrics/columns.py` by `python -m harness.docs metrics`; a test compares.

Every number of a table has one of these names. Undefined is NaN, missing has no row; neither is 0.
"At the end of training" means: for training metrics {training}, for evaluation metrics the
{evaluation}.
"""

_EVALUATION_NOTE = """Computed from the rows of generations/<step>.jsonl, never from verl's own;
means over samples, except accuracy. `<split>` is `easy` or `hard` at micro scale.
"""


def glossary() -> str:
    """Return the text of docs/metrics.md."""
    head = _HEAD.format(training=f"the {TRAINING[0].window}", evaluation=EVALUATION[0].window)
    return "\n".join(
        [
            head,
            "## Training, one value per step",
            "Read from metrics.jsonl, which verl writes.\n",
            _table("verl's key", TRAINING, ""),
            "",
            "## Evaluation, one value per evaluated step and split",
            _EVALUATION_NOTE,
            _table("field of a row", EVALUATION, "_<split>"),
            "",
        ]
    )


def _table(read_from: str, columns: Sequence[Column], ending: str) -> str:
    lines = [f"| name | unit | {read_from} | meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| `{c.name}{ending}` | {c.unit} | `{c.path}` | {c.help} |" for c in columns]
    return "\n".join(lines)
