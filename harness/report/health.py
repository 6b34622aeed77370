"""What was wrong with the runs: diagnoses of their steps, and faults of their records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from harness.metrics.columns import column_of
from harness.metrics.health.diagnoses import DIAGNOSES, Finding, findings
from harness.metrics.health.evidence import Step, setting_of
from harness.report.detail import mean_later
from harness.report.results import Results
from harness.report.sections import Block, Items, Paragraph, Section
from harness.text import Cell, Row, Table, number

LEAST_REFERENCE = 0.2
"""Of the measured divergence, that a frozen reference shows; the measure reads few responses."""

COUNTS: Mapping[str, str] = {
    "torn_lines": "torn last line(s) dropped",
    "steps_missing": "training step(s) without metrics",
    "rows_missing": "evaluation row(s) missing",
    "rows_unscored": "evaluation row(s) without our reward's fields",
}
"""Column of `runs.parquet` -> what it counts."""


class RunFinding(NamedTuple):
    """A diagnosis that held for a run: the run's row of `runs.parquet`, and what was found."""

    run: Mapping[str, Any]
    finding: Finding


def health_section(results: Results) -> Section:
    """Return what was diagnosed, the faults of the records, and how far the engines agree."""
    runs = results.tables.runs
    notes = [
        *(_count_note(runs, column, words) for column, words in COUNTS.items()),
        _unknown_note(runs),
        _agreement_note(results),
        _reference_note(results),
    ]
    counts = ", ".join(f"`{name}`" for name in COUNTS)
    source = f"Source of the counts: `runs.parquet`, columns {counts}, each run in its own row."
    blocks = [*_diagnosis_blocks(results), Items([*filter(None, notes)]), Paragraph(source)]
    return Section(title="Health", slug="health", blocks=blocks)


def run_findings(results: Results) -> list[RunFinding]:
    """Return every diagnosis that held at a step of a run, finished or not, in the runs' order."""
    configs, steps = results.study.configs, _steps_by_run(results.tables.steps)
    return [
        RunFinding({str(key): value for key, value in run.items()}, finding)
        for run in results.tables.runs.to_dict("records")
        for finding in findings(
            steps.get(str(run["run_id"]), []),
            setting_of(configs.get(str(run["arm"]), {}).get("verl", {})),
        )
    ]


def _steps_by_run(rows: pd.DataFrame) -> dict[str, list[Step]]:
    """Return the steps of each run, in order, from `steps.parquet`."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    columns = (rows[name].tolist() for name in ("run_id", "step", "metric", "value"))
    for run, step, metric, value in zip(*columns, strict=True):
        values = found.setdefault(str(run), {}).setdefault(int(step), {})
        if math.isfinite(value):
            values[str(metric)] = float(value)
    return {run: [Step(n, steps[n]) for n in sorted(steps)] for run, steps in found.items()}


def _diagnosis_blocks(results: Results) -> list[Block]:
    """Return the table of what held and what to do about it; one sentence if nothing did."""
    found = run_findings(results)
    where = "docs/reliability.md says when each of them holds"
    if not found:
        count = int((results.tables.runs["attempts"] > 0).sum())
        return [
            Paragraph(
                f"None of {len(DIAGNOSES)} diagnoses held at any step of the {count} runs; {where}."
            )
        ]
    rows: list[Row] = [
        [
            str(run["arm"]),
            f"`{run['run_id']}`",
            finding.diagnosis.name,
            Cell(str(finding.step), finding.step),
            "; ".join(item.text for item in finding.evidence),
        ]
        for run, finding in found
    ]
    held = [d for d in DIAGNOSES if any(finding.diagnosis is d for _, finding in found)]
    note = (
        f"Diagnoses that held, each from the step at which it first did; {where}. Source:"
        " `steps.parquet`, rows `<end of the run's name>/<step>/<metric>` of the steps named."
    )
    heads = ["arm", "run", "diagnosis", "from step", "evidence"]
    remedies = Items([f"**{d.name}.** {d.means} {d.remedy}" for d in held])
    return [Table(heads, rows, "<<<><"), remedies, Paragraph(note)]


def _reference_note(results: Results) -> str:
    """Name the runs whose reference policy seems not to be the model that training started from.

    The divergence that veRL's loss reports is from its reference; `kl_to_base` is measured apart
    from it. A reference that moves with the policy leaves the first near 0.
    """
    steps = results.tables.steps
    steps = steps[steps["metric"].isin(["kl_loss", "kl_to_base"])]
    means = steps.astype({"run_id": str, "metric": str}).pivot_table(
        index="run_id", columns="metric", values="value"
    )
    if not {"kl_loss", "kl_to_base"} <= set(means.columns):
        return ""
    moving = means.index[means["kl_loss"] < LEAST_REFERENCE * means["kl_to_base"]]
    runs = ", ".join(f"`{run}`" for run in moving)
    return (
        f"The divergence in the loss is under {LEAST_REFERENCE:.0%} of the measured one from the"
        f" base model in {runs}: is the reference policy frozen?"
        if runs
        else "The reference policy did not move with the policy: the divergence in the loss is at"
        f" least {LEAST_REFERENCE:.0%} of the measured one from the base model in every run."
    )


def _count_note(runs: pd.DataFrame, column: str, words: str) -> str:
    # rows of cells that never started are not missing, the cell is
    counted = runs[(runs["attempts"] > 0) & (runs[column].fillna(0) != 0)]
    if counted.empty:
        # said even so: a line that is left out could mean that nobody looked
        return f"0 {words}."
    where = ", ".join(
        f"{number(row[column], 'rows')} in `{row['run_id']}` ({row['status']})"
        for row in counted.to_dict("records")
    )
    return f"{number(counted[column].sum(), 'rows')} {words}: {where}."


def _unknown_note(runs: pd.DataFrame) -> str:
    if runs["rows_expected"].isna().any():
        return "The specs do not say how many evaluation rows there must be: none can be missed."
    return ""


def _agreement_note(results: Results) -> str:
    """Return the mean difference between the two engines' probabilities, and the largest."""
    name = "rollout_probs_diff"
    rows = results.tables.steps[results.tables.steps["metric"] == name].dropna(subset=["value"])
    if rows.empty:
        return "Probabilities of rollout and training were not compared."
    worst = rows.sort_values("value").iloc[-1]
    means = ", ".join(f"{arm} {mean_later(results, arm, name):.2g}" for arm in results.arms)
    return (
        f"{column_of(name).help.rstrip('.')}: mean over steps after the first of finished runs:"
        f" {means}; at most {worst['value']:.2g} (`{worst['run_id']}`, step {worst['step']})."
        f" Source: `steps.parquet`, rows `<arm>/mean/{name}` and `{worst['row_id']}`."
    )
