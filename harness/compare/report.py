"""Everything that a comparison says, computed once."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from harness.cli import suggest
from harness.compare.comparability import Comparability, check_comparability
from harness.compare.config_diff import ConfigDifference, config_differences
from harness.compare.costs import Cost, compare_costs
from harness.compare.curves import CurveComparison, compare_curves
from harness.compare.effects import Effect, Settings, effect_of
from harness.compare.gate import Gate
from harness.compare.pairing import Pairing, pair_sides
from harness.compare.sides import Side, shared_metrics
from harness.compare.verdict import judge_sides
from harness.metrics.columns import EVALUATION, column_of
from harness.schema import ExitCode, HarnessError, UsageError

STANDING = ("reward", "response_length")
"""Shown in every comparison if both sides have them, beside every evaluation's accuracy."""


class NotComparableError(HarnessError):
    """The two sides do not measure the same thing."""

    exit_code = ExitCode.NOT_COMPARABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A candidate against a baseline.

    Attributes:
        candidate / baseline: the sides.
        settings: what was asked.
        comparability: reasons against it and notes; with reasons, it was made all the same.
        pairing: how the seeds go together.
        effects: the gate's metric first.
        curves: of the same metrics.
        costs: of whole runs.
        differences: of the resolved configs, what decides most first.
        gate: the verdict.
    """

    candidate: Side
    baseline: Side
    settings: Settings
    comparability: Comparability
    pairing: Pairing
    effects: tuple[Effect, ...]
    curves: tuple[CurveComparison, ...]
    costs: tuple[Cost, ...]
    differences: tuple[ConfigDifference, ...]
    gate: Gate

    @property
    def warning(self) -> str:
        """What every output must carry; "" if the sides are comparable."""
        reasons = self.comparability.reasons
        if not reasons:
            return ""
        count = f"{len(reasons)} reason{'s' if len(reasons) > 1 else ''}"
        return f"NOT COMPARABLE ({count}), compared all the same: {'; '.join(reasons)}"


def compare_sides(
    candidate: Side, baseline: Side, settings: Settings, *, is_forced: bool = False
) -> Comparison:
    """Compare two sides.

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
    if comparability.reasons and not is_forced:
        raise NotComparableError(refusal(candidate, baseline, comparability))
    metrics = compared_metrics(candidate, baseline, settings.metric)
    settings = replace(settings, metric=metrics[0])
    pairing = pair_sides(candidate, baseline)
    effects = tuple(effect_of(candidate, baseline, pairing, name, settings) for name in metrics)
    return Comparison(
        candidate=candidate,
        baseline=baseline,
        settings=settings,
        comparability=comparability,
        pairing=pairing,
        effects=effects,
        curves=tuple(
            compare_curves(candidate, baseline, pairing, name, settings.level) for name in metrics
        ),
        costs=compare_costs(candidate, baseline, pairing, settings.level),
        differences=config_differences(candidate.config, baseline.config),
        gate=judge_sides(candidate, baseline, pairing, effects),
    )


def refusal(candidate: Side, baseline: Side, comparability: Comparability) -> str:
    """Return the complete list of reasons as text."""
    reasons = "".join(f"\n  {n}. {text}" for n, text in enumerate(comparability.reasons, start=1))
    return (
        f"{candidate.name} and {baseline.name} are not comparable:{reasons}\ncorrect this, or give"
        " --anyway: then every output carries the warning"
    )


def compared_metrics(candidate: Side, baseline: Side, metric: str) -> tuple[str, ...]:
    """Return the metrics of a comparison, the gate's first.

    Args:
        candidate: one side.
        baseline: the other.
        metric: the gate's; "" takes the first accuracy that both have, else the reward.

    Raises:
        UsageError: a side lacks it, or both have no metric in common.
    """
    shared = shared_metrics(candidate, baseline)
    if metric:
        column_of(metric)
        for side in (candidate, baseline):
            if metric not in side.metrics:
                raise UsageError(
                    f"the {side.role} {side.name} has no {metric}: {suggest(metric, shared)}"
                )
    accuracies = [name for name in shared if name.startswith(f"{EVALUATION[0].name}_")]
    standing = [name for name in (*accuracies, *STANDING) if name in shared]
    metrics = tuple(dict.fromkeys([*([metric] if metric else []), *standing]))
    if not metrics:
        raise UsageError(
            f"{candidate.name} and {baseline.name} have neither an accuracy nor reward nor length"
            f" in common: give metric=<name>, one of {', '.join(shared) or 'none'}"
        )
    return metrics


def check_settings(level: float, margin: float | None) -> None:
    """Refuse a level or margin that means nothing.

    Raises:
        UsageError: the level does not lie between 0 and 1, or the margin is not above 0.
    """
    if not 0.0 < level < 1.0:
        raise UsageError(f"level={level:g} is no coverage: give a number between 0 and 1")
    if margin is not None and not (math.isfinite(margin) and margin > 0.0):
        raise UsageError(f"margin={margin:g} is no margin: give a number above 0")
