"""Two models by their evaluations: paired by question, refused where they measured otherwise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from harness.cli import suggest
from harness.compare.comparability import Comparability
from harness.compare.comparison import Comparison
from harness.compare.effects import Effect, Settings, swaps_of
from harness.compare.gate import judge
from harness.compare.questions import QuestionScores, question_scores
from harness.evaluate.folder import differences
from harness.evaluate.reading import METRICS, Stored, read_evaluation
from harness.metrics.columns import column_of
from harness.schema import UsageError
from harness.stats.paired import compare_paired

WHY = {
    "grader": "a change of grader alone has moved a published score by three points",
    "stop_rule": "whether a cut response may be right moves the score of every long answer",
    "template": "another prompt is another task",
    "questions": "accuracies on different questions are different quantities",
    "response_tokens": "a response that is cut off is not the whole answer",
    "samples": "means over another number of samples have another noise",
}
"""What differs -> what that does to the numbers."""


def compare_evaluations(
    candidate: str, baseline: str, settings: Settings, *, is_forced: bool = False
) -> Comparison:
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
    comparability = Comparability(reasons=reasons_against(mine, other), notes=_notes(mine, other))
    if not is_forced:
        comparability.refuse(mine.name, other.name)
    names = _metrics(mine, other, settings.metric)
    chosen = replace(settings, metric=names[0])
    effects = tuple(_effect(mine, other, name, chosen) for name in names)
    return Comparison(
        candidate=mine,
        baseline=other,
        settings=chosen,
        comparability=comparability,
        effects=effects,
        questions=tuple(
            _questions(mine, other, name, chosen) for name in names if name.startswith("accuracy_")
        ),
        gate=judge(effects[0], is_same=is_same(mine, other), others=effects[1:]),
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
    """Tell whether both sides are the very same evaluation, question by question."""
    return candidate.id == baseline.id and candidate.scores.equals(baseline.scores)


def _metrics(candidate: Stored, baseline: Stored, metric: str) -> list[str]:
    shared = [name for name in candidate.benchmarks if name in baseline.benchmarks]
    names = [f"{name}_{benchmark}" for name in METRICS for benchmark in shared]
    if not names:
        raise UsageError(
            f"{candidate.name} and {baseline.name} have no benchmark in common: evaluate both on"
            " one suite"
        )
    if metric and metric not in names:
        raise UsageError(f"the evaluations have no {metric}: {suggest(metric, names)}")
    return list(dict.fromkeys([*([metric] if metric else []), *names]))


def _scores(candidate: Stored, baseline: Stored, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a metric of both sides on the questions that both have, shape (questions,) each."""
    name = next(name for name in METRICS if metric.startswith(f"{name}_"))
    benchmark = metric.removeprefix(f"{name}_")
    sides = [side.scores.xs(benchmark)[name] for side in (candidate, baseline)]
    both = pd.concat(sides, axis=1, join="inner").to_numpy(dtype=float)
    return both[:, 0], both[:, 1]


def _questions(
    candidate: Stored, baseline: Stored, metric: str, settings: Settings
) -> QuestionScores:
    treat_Q, control_Q = _scores(candidate, baseline, metric)
    return question_scores(metric, (treat_Q[None], control_Q[None]), settings.level, "questions")


def _effect(candidate: Stored, baseline: Stored, metric: str, settings: Settings) -> Effect:
    treat_Q, control_Q = _scores(candidate, baseline, metric)
    mean = float(control_Q.mean()) if len(control_Q) else math.nan
    column = column_of(metric)
    margin = settings.margin_of(metric, mean)
    difference = compare_paired(treat_Q, control_Q, level=settings.level, margin=margin)
    return Effect(
        metric=metric,
        unit=column.unit,
        better=column.better,
        end=None,
        candidate=float(treat_Q.mean()) if len(treat_Q) else math.nan,
        baseline=mean,
        seeds=((int(candidate.identity["seed"]),), (int(baseline.identity["seed"]),)),
        rows=(),
        swaps=swaps_of(treat_Q, control_Q, metric),
        # the estimator speaks of what it is mostly given
        difference=replace(difference, note=difference.note.replace("seed", "question")),
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
