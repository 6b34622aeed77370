"""What a finished request prints: the arms, the differences, the claims, and where to read on."""

from __future__ import annotations

from pathlib import Path

from harness.claims import layout
from harness.report.document import arm_rows, metric_heads, warning
from harness.report.figures import FOLDER, OVERVIEW
from harness.report.results import Results
from harness.text import interval, number, plain_table


def summary(results: Results, out: Path) -> str:
    """Return the summary of a request as text for a terminal.

    Args:
        results: of the request.
        out: the directory with its files.
    """
    heads = ["arm", "seeds", *metric_heads(results.metrics)]
    blocks = [plain_table(heads, arm_rows(results)), _effects(results), _claims(results)]
    note = warning(results)
    paths = [
        f"report   {out / 'REPORT.md'}",
        f"figure   {out / FOLDER / OVERVIEW}.png",
        f"tables   {out}/*.parquet, effects.csv, verdicts.json",
    ]
    return "\n\n".join(filter(None, [*blocks, note, "\n".join(paths)]))


def _effects(results: Results) -> str:
    rows = [
        [
            f"{effect['metric']}: {effect['arm']} - {effect['control']}",
            number(effect["estimate"], effect["unit"], sign=True),
            interval(effect["low"], effect["high"], effect["unit"]),
            str(effect["n_seeds"]),
        ]
        for effect in results.effects.to_dict("records")
    ]
    heads = ["paired difference", "estimate", "95 % interval", "seeds"]
    return plain_table(heads, rows) if rows else ""


def _claims(results: Results) -> str:
    if not results.claims:
        return ""
    lines, scale = results.claims, results.study.scale
    return f"{layout.brief(lines)}\n\n{layout.counts(lines)} ({layout.reach(scale)})"
