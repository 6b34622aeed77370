"""Rows of the preprint's tables: verdicts, arms, published tables, deviations. Cells are text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.claims.layout import ours_text, p_text, standing_text, verdict_text
from harness.metrics.columns import column_of
from harness.report.deviations import read_settings
from harness.report.document import metric_heads
from harness.text import NOTHING
from paper.inputs import Inputs, Study
from paper.preprint_values import METRICS, PUBLISHED, arm_ends
from paper.tabulate import read_tables

Rows = list[list[str]]
"""The heads, then one list of cells per row."""


def read_rows(inputs: Inputs, study: Study) -> dict[str, Rows]:
    """Return table -> rows, all cells as text, for a preprint about one study."""
    return {
        "claims": _claims(inputs, study.scale),
        "arms": _arms(study),
        "deviations": _deviations(),
        **{name: _published(name, inputs) for name in PUBLISHED},
    }


def _claims(inputs: Inputs, scale: str) -> Rows:
    rows = [["claim", "statement", "paper", "ours", "verdict", "role", "p (Holm)"]]
    for line in inputs.sheets[scale]:
        claim, verdict = line.claim, line.verdict
        said = verdict_text(verdict)
        if verdict.standing is not None:
            said += f"\n({standing_text(verdict)})"
        own = [ours_text(line), said, claim.role, p_text(verdict.p_holm)]
        rows.append([claim.id, claim.statement, claim.quantity, *own])
    return rows


def _arms(study: Study) -> Rows:
    tables = study.tables
    known = set(tables.steps["metric"].astype(str))
    metrics = [metric for metric in METRICS if metric in known]
    rows = [["arm", "n", *(_head(metric) for metric in metrics)]]
    done = tables.runs[tables.runs["is_included"].astype(bool)]
    for arm in study.arms:
        seeds = str(int((done["arm"].astype(str) == arm).sum()))
        cells = [" → ".join(arm_ends(study, arm, metric)) for metric in metrics]
        rows.append([arm, seeds, *cells])
    return rows


def _head(metric: str) -> str:
    (head,) = metric_heads([metric])
    return head if column_of(metric).unit != "1" else f"{metric} [1]"


def _published(name: str, inputs: Inputs) -> Rows:
    table = inputs.paper.tables[read_tables()[name].table]
    rows = [["model", *table.columns]]
    for model, cells in table.cells.items():
        rows.append([model, *_cells([cells[column] for column in table.columns])])
    return rows


def _cells(values: Sequence[float]) -> list[str]:
    return [NOTHING if math.isnan(value) else f"{value:.1f}" for value in values]


def _deviations() -> Rows:
    rows = [["setting", "paper", "authors' code", "here", "expected effect"]]
    for item in read_settings():
        if item.status != "same":
            said = [text or NOTHING for text in (item.paper, item.code)]
            rows.append([item.title, *said, item.verl, item.effect])
    return rows
