"""What a finished request prints: the arms, the differences, the claims, and where to read on."""

from __future__ import annotations

from pathlib import Path

from harness.claims import layout
from harness.report.document import arms_table, effects_table, warning
from harness.report.figures import FOLDER, OVERVIEW
from harness.report.results import Results


def summary(results: Results, out: Path) -> str:
    """Return the summary of a request as text for a terminal.

    Args:
        results: of the request.
        out: the directory with its files.
    """
    effects = effects_table(results).plain() if len(results.effects) else ""
    blocks = [arms_table(results).plain(), effects, _claims(results)]
    note = warning(results)
    paths = [
        f"report   {out / 'REPORT.md'}",
        f"figure   {out / FOLDER / OVERVIEW}.png",
        f"tables   {out}/*.parquet, effects.csv, verdicts.json",
    ]
    return "\n\n".join(filter(None, [*blocks, note, "\n".join(paths)]))


def _claims(results: Results) -> str:
    if not results.claims:
        return ""
    lines, scale = results.claims, results.study.scale
    return f"{layout.brief(lines)}\n\n{layout.counts(lines)} ({layout.reach(scale)})"
