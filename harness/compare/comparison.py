"""Everything that a comparison says, computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.cli import suggest
from harness.compare.comparability import SAMPLES, Comparability, check_comparability
from harness.compare.config_diff import ConfigDifference, config_differences
from harness.compare.costs import Cost, compare_costs
from harness.compare.curves import CurveComparison, compare_curves
from harness.compare.effects import Effect, Settings, effect_of
from harness.compare.gate import Gate, judge
from harness.compare.operating import operating_curve
from harness.compare.pairing import Pairing, pair_sides
from harness.compare.questions import QuestionScores, scores_of_sides
from harness.compare.shortfalls import early_end, shortfalls
from harness.compare.sides import (
    ACCURACY,
    Side,
    differs_in_samples,
    other_samples,
    repeated_metrics,
    same_runs,
    shared_metrics,
)
from harness.evaluate.reading import Stored
from harness.metrics.columns import column_of
from harness.schema import UsageError

ALWAYS_SHOWN = ("reward", "response_length")
"""Shown in every comparison if both sides have them, beside every evaluation's accuracy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A candidate against a baseline, by one number per metric: two evaluations of models.

    Attributes:
        candidate / baseline: the sides.
        settings: what was asked.
        comparability: reasons against it and notes; with reasons, it was made all the same.
        effects: the gate's metric first.
        questions: scores question by question; none where they are not stored.
        gate: the verdict.
    """

    candidate: Side | Stored
    baseline: Side | Stored
    settings: Settings
    comparability: Comparability
    effects: tuple[Effect, ...]
    questions: tuple[QuestionScores, ...]
    gate: Gate

    @property
    def title(self) -> str:
        """What is compared with what."""
        return f"{self.candidate.name} against {self.baseline.name}"

    @property
    def warning(self) -> str:
        """What every output must carry; "" if the sides are comparable."""
        return self.comparability.warning


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyComparison(Comparison):
    """A comparison of two arms, which were trained: it has seeds, curves, costs and configs.

    Attributes:
        pairing: how the seeds go together.
        curves: of the metrics of the effects.
        costs: of whole runs.
        differences: of the resolved configs, what decides most first.
    """

    candidate: Side
    baseline: Side
    pairing: Pairing
    curves: tuple[CurveComparison, ...]
    costs: tuple[Cost, ...]
    differences: tuple[ConfigDifference, ...]


def compare_sides(
    candidate: Side, baseline: Side, settings: Settings, *, is_forced: bool = False
) -> StudyComparison:
    """Compare two arms.

    Args:
        candidate: what is judged.
        baseline: what it is judged by.
        settings: level, margin and the gate's metric ("" takes `default_metric`).
        is_forced: go on although they are not comparable.

    Raises:
        NotComparableError: they are not, and `is_forced` is False; names every reason.
        UsageError: a side lacks the metric.
    """
    comparability = check_comparability(candidate, baseline, allow_partial=settings.allow_partial)
    if not is_forced:
        comparability.refuse(candidate.name, baseline.name)
    metrics = compared_metrics(candidate, baseline, settings.metric)
    settings = replace(settings, metric=metrics[0])
    pairing = pair_sides(candidate, baseline)
    effects = tuple(effect_of(candidate, baseline, pairing, name, settings) for name in metrics)
    return StudyComparison(
        candidate=candidate,
        baseline=baseline,
        settings=settings,
        comparability=comparability,
        pairing=pairing,
        effects=effects,
        questions=scores_of_sides(candidate, baseline, pairing, settings.level),
        curves=tuple(
            compare_curves(candidate, baseline, pairing, name, settings.level) for name in metrics
        ),
        costs=compare_costs(candidate, baseline, pairing, settings.level),
        differences=config_differences(candidate.config, baseline.config),
        gate=_judge(candidate, baseline, pairing, effects),
    )


def compared_metrics(candidate: Side, baseline: Side, metric: str) -> tuple[str, ...]:
    """Return the metrics of a comparison, the gate's first.

    Args:
        candidate: one side.
        baseline: the other.
        metric: the gate's; "" takes the first accuracy that both have, else the reward.

    Raises:
        UsageError: a side lacks it, it is another mean on either side, or both have no metric in
            common.
    """
    shared = shared_metrics(candidate, baseline)
    if metric:
        column_of(metric)
        for side in (candidate, baseline):
            if metric not in side.metrics:
                raise UsageError(
                    f"the {side.role} {side.name} has no {metric}: {suggest(metric, shared)}"
                )
        if differs_in_samples(candidate, baseline, metric):
            raise UsageError(
                f"{metric} is the mean of {candidate.samples[metric]} samples in the candidate and"
                f" of {baseline.samples[metric]} in the baseline: these are two metrics; name"
                " another"
            )
    accuracies = [name for name in shared if name.startswith(ACCURACY)]
    shown = [name for name in (*accuracies, *ALWAYS_SHOWN) if name in shared]
    metrics = tuple(dict.fromkeys([*([metric] if metric else []), *shown]))
    if not metrics:
        raise UsageError(
            f"{candidate.name} and {baseline.name} have neither an accuracy nor reward nor length"
            f" in common: give metric=<name>, one of {', '.join(shared) or 'none'}"
        )
    return metrics


def _judge(candidate: Side, baseline: Side, pairing: Pairing, effects: Sequence[Effect]) -> Gate:
    """Judge a candidate by the first effect, with its operating curve."""
    first, *others = effects
    partial = shortfalls(candidate, baseline)
    early = () if partial else early_end(candidate, baseline, first.metric, first.end)
    # else a gate without the accuracy would fall back on the reward, and pass
    apart = [f"{SAMPLES} differs {text}" for text in other_samples(candidate, baseline)]
    doubts = [f"the candidate contradicts itself: {doubt}" for doubt in candidate.doubts]
    repeated = () if partial else repeated_metrics(candidate, baseline, first.metric)
    gate = judge(
        first,
        is_same=same_runs(candidate, baseline),
        repeats=f"{' and '.join(repeated)} of every seed, step by step" if repeated else "",
        unfinished=candidate.unfinished,
        shortfalls=[*partial, *early, *apart, *doubts],
        others=others,
    )
    return replace(gate, operating=operating_curve(candidate, baseline, pairing, first))
