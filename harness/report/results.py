"""Everything that a report says, computed once: tables, end values, effects and the verdict."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from harness.claims.origin import RuleOrigin
from harness.claims.verdicts import Evidence, Rule, Verdict, judge, read_rule
from harness.metrics.columns import EVALUATION, SPLIT_PREFIX, column_of, short_split
from harness.metrics.evaluation import evaluation_plan
from harness.metrics.finals import final_values
from harness.metrics.streams import RunFiles
from harness.metrics.tables import Tables, build_tables
from harness.report.effects import effect_table, nested_values
from harness.schema import Status

PRIMARY = ("reward", "response_length")
"""Shown for every ablation, with the accuracy on every split, besides what its file names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the results are of.

    Attributes:
        ablation: name of the ablation file.
        scale: name of the scale.
        document: the ablation file as a mapping.
        label: "" for the whole study, else what makes the request less or other than it.
        command: the command line that makes the results again.
        place: the ablation file, for errors and links.
        differences: (config key, arm -> value) that are not the same in all arms.
        origin: since when the rule stands.
    """

    ablation: str
    scale: str
    document: Mapping[str, Any]
    label: str = ""
    command: str = ""
    place: str = ""
    differences: Sequence[tuple[str, Mapping[str, Any]]] = ()
    origin: RuleOrigin = field(default_factory=lambda: RuleOrigin("", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a report is made from.

    Attributes:
        asked: what the results are of.
        runs: the cells, as asked for, whether they ran or not.
        arms: their names, the control first.
        metrics: full names, in the order of the report.
        tables: runs, steps and samples.
        finals: each finished run's metrics at the end of training.
        effects: every arm against the control.
        rule: None if the ablation file has none for the scale.
        verdict: None without a rule.
    """

    asked: Asked
    runs: Sequence[RunFiles]
    arms: tuple[str, ...]
    metrics: tuple[str, ...]
    tables: Tables
    finals: pd.DataFrame
    effects: pd.DataFrame
    rule: Rule | None
    verdict: Verdict | None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Training seeds that were asked for."""
        return tuple(sorted({run.record.seed for run in self.runs}))

    @property
    def configs(self) -> dict[str, Mapping[str, Any]]:
        """Arm -> config of its first cell; only seeds differ in the others."""
        found: dict[str, Mapping[str, Any]] = {arm: {} for arm in self.arms}
        for run in self.runs:
            found[run.record.arm] = found[run.record.arm] or run.spec["config"]
        return found

    @property
    def steps(self) -> int:
        """Training steps that were asked for; all cells of a request have the same."""
        return self.runs[0].steps

    @property
    def is_too_little(self) -> bool:
        """Whether this is less than the study that the ablation file describes."""
        return bool(self.asked.label)

    @property
    def first_start(self) -> str:
        """ISO time at which the first of the runs started; "" if none did."""
        return min((start for start in self.tables.runs["started"] if start), default="")

    def exploratory_reason(self) -> str:
        """Return why the verdict does not count as decided beforehand; "" if it does."""
        if self.rule is None or self.verdict is None or not self.verdict.seeds:
            return ""
        if self.verdict.is_exploratory:
            return "seeds that helped to choose a setting or the rule are among the runs"
        if not self.asked.origin.commit:
            return "no commit of the rule was found"
        if self.asked.origin.is_before(self.first_start) is False:
            return "the rule was committed after the first of the runs had started"
        return ""


def assemble(runs: Sequence[RunFiles], asked: Asked) -> Results:
    """Compute everything from the files of the runs.

    Args:
        runs: at least one, all of one request.
        asked: what they are of.

    Raises:
        HarnessError: a stream is damaged, or the ablation file's rule or metrics are wrong.
    """
    tables = build_tables(runs)
    arms = arm_order(asked.document, {run.record.arm for run in runs})
    rule = read_rule(asked.document, asked.scale, asked.place)
    metrics = report_metrics(asked.document, runs)
    wanted = dict.fromkeys((*metrics, *((rule.metric,) if rule else ()), *_detail_metrics(runs)))
    finals = final_values(tables, list(wanted))
    values = nested_values(finals)
    verdict = judge(rule, _evidence(runs, asked, values.get(rule.metric, {}))) if rule else None
    return Results(
        asked=asked,
        runs=runs,
        arms=arms,
        metrics=metrics,
        tables=tables,
        finals=finals,
        effects=effect_table(tables, values, arms, metrics),
        rule=rule,
        verdict=verdict,
    )


def arm_order(document: Mapping[str, Any], present: set[str]) -> tuple[str, ...]:
    """Return the arms that are present: the control first, then in the order of the file."""
    factors = document["factors"]
    combinations = itertools.product(*([(f, level) for level in factors[f]] for f in factors))
    control = ",".join(f"{f}={document['control'][f]}" for f in factors)
    names = [",".join(f"{f}={level}" for f, level in pairs) for pairs in combinations]
    ordered = dict.fromkeys([control, *names])
    return tuple(name for name in ordered if name in present)


def report_metrics(document: Mapping[str, Any], runs: Sequence[RunFiles]) -> tuple[str, ...]:
    """Return the metrics of the report: the file's, then the standing ones.

    Raises:
        UsageError: the file names a metric that there is not.
    """
    named = list(document.get("primary_metrics") or ())
    for metric in named:
        column_of(metric)
    accuracies = [f"accuracy_{short}" for short in _splits(runs)]
    return tuple(dict.fromkeys([*named, *PRIMARY, *accuracies]))


def _detail_metrics(runs: Sequence[RunFiles]) -> list[str]:
    return [f"{column.name}_{short}" for short in _splits(runs) for column in EVALUATION]


def _splits(runs: Sequence[RunFiles]) -> list[str]:
    """Return the short names of the splits that the runs evaluate, in the config's order."""
    names: dict[str, None] = {}
    for run in runs:
        names |= dict.fromkeys(evaluation_plan(run.spec).questions)
    return [short_split(name) for name in names if name.startswith(SPLIT_PREFIX)]


def _evidence(
    runs: Sequence[RunFiles], asked: Asked, values: Mapping[str, Mapping[int, float]]
) -> Evidence:
    unfinished: dict[str, list[int]] = {}
    for run in runs:
        value = values.get(run.record.arm, {}).get(run.record.seed, math.nan)
        if run.record.status != Status.DONE or not math.isfinite(value):
            unfinished.setdefault(run.record.arm, []).append(run.record.seed)
    return Evidence(
        values=values,
        unfinished=unfinished,
        steps=runs[0].steps,
        study_steps=int(asked.document["steps"]),
        scale=asked.scale,
    )
