"""Everything that a report says, computed once from tables and study.json."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harness.claims.sheet import Line
from harness.metrics.columns import EVALUATION, SPLIT_PREFIX, column_of, short_split
from harness.metrics.finals import final_values
from harness.metrics.tables import Tables, read_study_table
from harness.report.effects import effect_table, nested_values
from harness.report.factors import factor_table
from harness.report.study import StudyRecord, read_study
from harness.writing import check_together

TABLES = ("runs", "steps", "samples")
"""Names of the files that hold `Tables`."""

GROUP = "tables"
"""What they are together, with study.json."""

PRIMARY = ("reward", "response_length")
"""Shown for every ablation, with the accuracy on every split, besides what its file names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a report is made from.

    Attributes:
        study: what was asked for and where it ran.
        document: the ablation file as a mapping.
        tables: runs, steps and samples; the runs are those that were asked for, in their order,
            whether they ran or not.
        metrics: full names, in the order of the report.
        finals: each finished run's metrics at the end of training.
        effects: every arm against the control.
        factors: of a full design of two-level factors what each does; else no rows.
        claims: of the paper, judged on these runs; none where they are too little.
    """

    study: StudyRecord
    document: Mapping[str, Any]
    tables: Tables
    metrics: tuple[str, ...]
    finals: pd.DataFrame
    effects: pd.DataFrame
    factors: pd.DataFrame
    claims: Sequence[Line] = ()

    @property
    def title(self) -> str:
        """What the ablation file calls itself, and the scale."""
        return f"{self.document['title']} ({self.study.scale} scale)"

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, the control first."""
        return self.study.arms

    @property
    def seeds(self) -> tuple[int, ...]:
        """Training seeds that were asked for."""
        return tuple(sorted(set(self.tables.runs["seed"].astype(int))))

    @property
    def done(self) -> pd.DataFrame:
        """Rows of the runs that are finished and enter means."""
        return self.tables.runs[self.tables.runs["is_included"].astype(bool)]

    @property
    def is_too_little(self) -> bool:
        """Whether this is less than the study that the ablation file describes."""
        return bool(self.study.label)


def assemble(tables: Tables, study: StudyRecord, document: Mapping[str, Any]) -> Results:
    """Compute everything but the claims.

    Args:
        tables: of the request.
        study: of the same request.
        document: the ablation file as a mapping.

    Raises:
        UsageError: the ablation file names a metric that there is not.
    """
    metrics = report_metrics(document, study.splits)
    finals = final_values(tables, list(dict.fromkeys((*metrics, *_detail_metrics(study)))))
    values = nested_values(finals)
    return Results(
        study=study,
        document=document,
        tables=tables,
        metrics=metrics,
        finals=finals,
        effects=effect_table(tables, values, study.arms, metrics),
        factors=factor_table(values, study.arms, metrics),
    )


def read_results(out: Path, document: Mapping[str, Any]) -> Results:
    """Compute the same from tables and study.json, where the runs are on another machine."""
    check_together(out, GROUP)
    tables = Tables(**{name: read_study_table(out, name) for name in TABLES})
    return assemble(tables, read_study(out), document)


def arm_order(document: Mapping[str, Any], present: set[str]) -> tuple[str, ...]:
    """Return the arms that are present: the control first, then in the order of the file."""
    factors = document["factors"]
    combinations = itertools.product(*([(f, level) for level in factors[f]] for f in factors))
    control = ",".join(f"{f}={document['control'][f]}" for f in factors)
    names = [",".join(f"{f}={level}" for f, level in pairs) for pairs in combinations]
    ordered = dict.fromkeys([control, *names])
    return tuple(name for name in ordered if name in present)


def report_metrics(document: Mapping[str, Any], splits: Sequence[str]) -> tuple[str, ...]:
    """Return the metrics of the report: the file's, then `PRIMARY` and the accuracies.

    Raises:
        UsageError: the file names a metric that there is not.
    """
    named = list(document.get("primary_metrics") or ())
    for metric in named:
        column_of(metric)
    accuracies = [f"accuracy_{short}" for short in _short(splits)]
    return tuple(dict.fromkeys([*named, *PRIMARY, *accuracies]))


def _detail_metrics(study: StudyRecord) -> list[str]:
    return [f"{column.name}_{short}" for short in _short(study.splits) for column in EVALUATION]


def _short(splits: Sequence[str]) -> list[str]:
    return [short_split(name) for name in splits if name.startswith(SPLIT_PREFIX)]
