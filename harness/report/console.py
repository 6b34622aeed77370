"""What a finished request prints: the arms, the differences, the verdict, and where to read on."""

from __future__ import annotations

from pathlib import Path

from harness.metrics.columns import column_of
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
    blocks = [plain_table(heads, arm_rows(results)), _effects(results), _verdict(results)]
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


def _verdict(results: Results) -> str:
    rule, verdict = results.rule, results.verdict
    if rule is None or verdict is None:
        return ""
    reason = results.exploratory_reason()
    exploratory = f"\n  exploratory: {reason}" if reason else ""
    unit = column_of(rule.metric).unit
    differences = "".join(
        f"\n  {rule.metric}: {rule.arm} - {other} = {number(gain.point, unit, sign=True)}"
        f" {interval(gain.low, gain.high, unit)}"
        for other, gain in verdict.differences.items()
    )
    return (
        f"verdict: {verdict.word.replace('_', ' ')} ({verdict.label})\n  claim: {rule.claim}"
        f"\n  {verdict.reason}{differences}{exploratory}"
    )
