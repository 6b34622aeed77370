"""Two models by their evaluations: paired by question, refused where they measured otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from harness.comparing.effects import Effect, Settings
from harness.comparing.gate import Gate, judge
from harness.comparing.margins import convention_of, margin_of
from harness.comparing.report import NotComparableError
from harness.evaluation.folder import differences
from harness.evaluation.picture import Mark, rows_figure
from harness.evaluation.reading import Stored, read_evaluation
from harness.metrics.columns import column_of
from harness.names import near
from harness.plots import save_figure
from harness.reports.text import interval, markdown_table, number, paragraphs, plain_table
from harness.schema import SCHEMA_VERSION, UsageError
from harness.stats.paired import compare_paired
from harness.store.files import write_atomic, write_json

METRICS = ("accuracy", "truncated", "unparsable", "format", "response_tokens")
"""Compared of every benchmark, in this order."""

WHY = {
    "grader": "a change of grader alone has moved a published score by three points",
    "stop_rule": "whether a cut response may be right moves the score of every long answer",
    "template": "another prompt is another task",
    "questions": "accuracies on different questions are different quantities",
    "response_tokens": "a response that is cut off is not the whole answer",
    "samples": "means over another number of samples have another noise",
}
"""What differs -> what that does to the numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationComparison:
    """A candidate's evaluation against a baseline's.

    Attributes:
        candidate / baseline: the evaluations.
        settings: what was asked.
        reasons: why they are not comparable; with reasons, it was made all the same.
        notes: what a reader should know.
        effects: per benchmark and metric over questions, the gate's first.
        gate: the verdict.
    """

    candidate: Stored
    baseline: Stored
    settings: Settings
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    effects: tuple[Effect, ...]
    gate: Gate

    @property
    def warning(self) -> str:
        """What every output must carry; "" if the sides are comparable."""
        if not self.reasons:
            return ""
        return f"NOT COMPARABLE, compared all the same: {'; '.join(self.reasons)}"


def compare_evaluations(
    candidate: str, baseline: str, settings: Settings, *, is_forced: bool = False
) -> EvaluationComparison:
    """Compare two evaluations by the questions that both have.

    Args:
        candidate: directory of what is judged.
        baseline: directory of what it is judged by.
        settings: level, margin and the gate's metric ("" takes the first accuracy).
        is_forced: go on although they are not comparable.

    Raises:
        NotComparableError: they measured otherwise, and `is_forced` is False; names every reason.
        HarnessError: a directory is no finished evaluation, or there is no such metric.
    """
    mine, other = read_evaluation(candidate), read_evaluation(baseline)
    reasons = reasons_against(mine, other)
    if reasons and not is_forced:
        listed = "".join(f"\n  {n}. {text}" for n, text in enumerate(reasons, start=1))
        raise NotComparableError(
            f"{mine.name} and {other.name} are not comparable:{listed}\ncorrect this, or give"
            " --anyway: then every output carries the warning"
        )
    names = _metrics(mine, other, settings.metric)
    chosen = Settings(level=settings.level, margin=settings.margin, metric=names[0])
    effects = tuple(_effect(mine, other, name, chosen) for name in names)
    return EvaluationComparison(
        candidate=mine,
        baseline=other,
        settings=chosen,
        reasons=reasons,
        notes=_notes(mine, other),
        effects=effects,
        gate=judge(effects[0], is_same=is_same(mine, other)),
    )


def reasons_against(candidate: Stored, baseline: Stored) -> tuple[str, ...]:
    """Return every reason not to compare two evaluations; another model is none."""
    found = []
    for text in differences(candidate.measured, baseline.measured):
        key = text.partition(":")[0].partition(".")[0]
        said = text.replace(", there ", " in the candidate, ", 1) + " in the baseline"
        found.append(said + (f"; {WHY[key]}" if key in WHY else ""))
    return tuple(found)


def is_same(candidate: Stored, baseline: Stored) -> bool:
    """Return whether both sides are the very same evaluation, question by question."""
    return candidate.id == baseline.id and candidate.scores.equals(baseline.scores)


def evaluation_text(comparison: EvaluationComparison) -> str:
    """Return a comparison for a terminal."""
    return paragraphs(_title(comparison), *_blocks(comparison, plain_table, "WARNING: "))


def write_evaluation_comparison(
    comparison: EvaluationComparison, out: Path, command: str
) -> list[Path]:
    """Write COMPARISON.md, comparison.json and the figure; return the paths."""
    (out / "figures").mkdir(parents=True, exist_ok=True)
    figures = save_figure(_figure(comparison), out / "figures" / "accuracy")
    names = [str(path.relative_to(out)) for path in figures if path.suffix == ".svg"]
    pictures = [f"![{name}]({name})" for name in names]
    blocks = [f"# {_title(comparison)}", *_blocks(comparison, markdown_table, "> **WARNING** ")]
    document, page = out / "comparison.json", out / "COMPARISON.md"
    write_json(document, _document(comparison, command))
    write_atomic(page, paragraphs(*blocks, *pictures) + "\n")
    return [page, document, *figures]


def _title(comparison: EvaluationComparison) -> str:
    return f"{comparison.candidate.name} against {comparison.baseline.name}"


def _metrics(candidate: Stored, baseline: Stored, metric: str) -> list[str]:
    shared = [name for name in candidate.benchmarks if name in baseline.benchmarks]
    names = [f"{name}_{benchmark}" for name in METRICS for benchmark in shared]
    if not names:
        raise UsageError(
            f"{candidate.name} and {baseline.name} have no benchmark in common: evaluate both on"
            " one suite"
        )
    if metric and metric not in names:
        raise UsageError(f"the evaluations have no {metric}: {near(metric, names)}")
    return list(dict.fromkeys([*([metric] if metric else []), *names]))


def _effect(candidate: Stored, baseline: Stored, metric: str, settings: Settings) -> Effect:
    name = next(name for name in METRICS if metric.startswith(f"{name}_"))
    benchmark = metric.removeprefix(f"{name}_")
    sides = [side.scores.xs(benchmark)[name] for side in (candidate, baseline)]
    both = pd.concat(sides, axis=1, join="inner").to_numpy(dtype=float)
    treat_Q, control_Q = both[:, 0], both[:, 1]
    given = settings.margin if metric == settings.metric else None
    mean = float(control_Q.mean()) if len(control_Q) else math.nan
    difference = compare_paired(
        treat_Q, control_Q, level=settings.level, margin=margin_of(metric, mean, given)
    )
    return Effect(
        metric=metric,
        unit=column_of(metric).unit,
        better=convention_of(metric).better,
        end=None,
        candidate=float(treat_Q.mean()) if len(treat_Q) else math.nan,
        baseline=mean,
        seeds=((int(candidate.identity["seed"]),), (int(baseline.identity["seed"]),)),
        rows=(),
        difference=difference,
    )


def _notes(candidate: Stored, baseline: Stored) -> tuple[str, ...]:
    mine = {key: value for key, value in candidate.identity.items() if key != "measured"}
    other = {key: value for key, value in baseline.identity.items() if key != "measured"}
    notes = [
        (
            "paired by question: differences between questions cancel; with one model on each side"
            " nothing is said about other trainings of it"
        )
    ]
    found = differences(mine, other)
    if found:
        notes.append(f"of the evaluations differ {'; '.join(found)} (there: the baseline)")
    if is_same(candidate, baseline):
        notes.append("both sides are the same evaluation")
    return tuple(notes)


def _blocks(
    comparison: EvaluationComparison,
    table: Callable[[Sequence[str], Sequence[Sequence[str]]], str],
    warning: str,
) -> list[str]:
    gate, level = comparison.gate, f"{100 * comparison.settings.level:g} % interval"
    heads = ["metric", "candidate", "baseline", "difference", level, "margin", "questions"]
    rows = [
        [
            effect.metric,
            number(effect.candidate, effect.unit),
            number(effect.baseline, effect.unit),
            number(effect.difference.interval.point, effect.unit, sign=True),
            interval(*effect.difference.interval[1:], effect.unit),
            number(effect.difference.margin or math.nan, effect.unit),
            str(effect.difference.seeds),
            effect.superiority,
            effect.equivalence,
        ]
        for effect in comparison.effects
    ]
    return [
        f"{warning}{comparison.warning}" if comparison.warning else "",
        f"Verdict: {gate.word} (exit code {int(gate.code)}). {gate.reason}",
        table([*heads, "superiority", "equivalence"], rows),
        "The gate judges the first row; the others are not corrected for their number.",
        "\n".join(dict.fromkeys(_note(effect) for effect in comparison.effects if _note(effect))),
        *(f"Note: {note}" for note in comparison.notes),
    ]


def _note(effect: Effect) -> str:
    """Return why there is no interval, or how wide it would be, in words of questions."""
    # the estimator speaks of what it is mostly given
    return effect.difference.note.replace("seed", "question").capitalize()


def _figure(comparison: EvaluationComparison) -> Figure:
    level = f"{100 * comparison.settings.level:g} %"
    rows = [
        (
            effect.metric.removeprefix("accuracy_"),
            [
                Mark(
                    label=f"{level} over questions",
                    value=effect.difference.interval.point,
                    low=effect.difference.interval.low,
                    high=effect.difference.interval.high,
                )
            ],
        )
        for effect in comparison.effects
        if effect.metric.startswith("accuracy_")
    ]
    title = ("NOT COMPARABLE: " if comparison.warning else "") + _title(comparison)
    return rows_figure(rows, "accuracy, candidate minus baseline [fraction]", title, zero=True)


def _document(comparison: EvaluationComparison, command: str) -> Mapping[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "evaluations",
        "command": command,
        "warning": comparison.warning or None,
        "is_comparable": not comparison.reasons,
        "reasons": list(comparison.reasons),
        "notes": list(comparison.notes),
        "candidate": {"name": comparison.candidate.name, **comparison.candidate.identity},
        "baseline": {"name": comparison.baseline.name, **comparison.baseline.identity},
        "gate": {
            "metric": comparison.settings.metric,
            "word": comparison.gate.word,
            "exit_code": int(comparison.gate.code),
            "reason": comparison.gate.reason,
        },
        "rows": [_row(effect) for effect in comparison.effects],
    }


def _row(effect: Effect) -> dict[str, Any]:
    difference = effect.difference
    numbers = {
        "candidate": effect.candidate,
        "baseline": effect.baseline,
        "difference": difference.interval.point,
        "low": difference.interval.low,
        "high": difference.interval.high,
        "p_superior": difference.p_superior,
        "p_inferior": difference.p_inferior,
        "p_equivalent": difference.p_equivalent,
    }
    return {
        "row_id": f"effect/{effect.metric}",
        "metric": effect.metric,
        "unit": effect.unit,
        "better": effect.better,
        **{key: value if math.isfinite(value) else None for key, value in numbers.items()},
        "level": difference.level,
        "margin": difference.margin,
        "method": difference.method,
        "questions": difference.seeds,
        "note": _note(effect),
        "superiority": effect.superiority,
        "equivalence": effect.equivalence,
    }
