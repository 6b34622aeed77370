"""comparison.json: every number of a comparison, with ids that lead back to the rows behind it."""

from __future__ import annotations

import math
from typing import Any

from harness.compare.comparison import Comparison, StudyComparison
from harness.compare.costs import Cost
from harness.compare.curves import CurveComparison
from harness.compare.effects import Effect
from harness.compare.operating import OperatingCurve
from harness.compare.questions import QuestionScores
from harness.compare.sides import Side
from harness.evaluate.reading import Stored
from harness.schema import SCHEMA_VERSION
from harness.stats.intervals import Interval
from harness.stats.paired import Difference
from harness.stats.percentile import Pointwise
from harness.stats.permutation import Permutation


def comparison_document(comparison: Comparison, command: str) -> dict[str, Any]:
    """Make the content of comparison.json; an undefined number is null.

    Args:
        comparison: what to write.
        command: that makes it again.
    """
    gate, is_study = comparison.gate, isinstance(comparison, StudyComparison)
    return {
        "schema_version": SCHEMA_VERSION,
        **({} if is_study else {"kind": "evaluations"}),
        "command": command,
        "warning": comparison.warning or None,
        "is_comparable": comparison.comparability.is_comparable,
        "reasons": list(comparison.comparability.reasons),
        "notes": list(comparison.comparability.notes),
        "candidate": _side(comparison.candidate),
        "baseline": _side(comparison.baseline),
        "gate": {
            "metric": comparison.settings.metric,
            "word": gate.word,
            "exit_code": int(gate.code),
            "reason": gate.reason,
            "worse": list(gate.worse),
            "operating_curve": _operating(gate.operating),
        },
        "rows": [_effect(effect, is_study=is_study) for effect in comparison.effects],
        "questions": [_questions(scores) for scores in comparison.questions],
        **(_training(comparison) if isinstance(comparison, StudyComparison) else {}),
    }


def _training(comparison: StudyComparison) -> dict[str, Any]:
    return {
        "pairing": {"is_paired": comparison.pairing.is_paired, "note": comparison.pairing.note},
        "curves": [_curve(curve) for curve in comparison.curves],
        "costs": [_cost(cost) for cost in comparison.costs],
        "config_differences": [
            {
                "key": item.key,
                "candidate": item.candidate,
                "baseline": item.baseline,
                "rank": item.rank,
                "group": item.title,
                "changes": item.changes or None,
            }
            for item in comparison.differences
        ],
    }


def _operating(curve: OperatingCurve | None) -> dict[str, Any] | None:
    if curve is None:
        return None
    return {
        "metric": curve.metric,
        "margin": curve.margin,
        "level": curve.level,
        "candidate_seeds": curve.seeds[0],
        "baseline_seeds": curve.seeds[1],
        "spread": curve.spread,
        "spread_low": _finite(curve.spread_range[0]),
        "spread_high": _finite(curve.spread_range[1]),
        "basis": curve.basis,
        "loss_called_worse_in_80_percent": _finite(curve.caught * curve.margin),
        "rows": [
            {
                "row_id": f"gate/{item.margins:g}",
                "true_loss": item.margins * curve.margin,
                "margins": item.margins,
                "passes": item.passes,
                "cannot_tell": item.untold,
                "worse": item.worse,
            }
            for item in curve.chances
        ],
    }


def _side(side: Side | Stored) -> dict[str, Any]:
    if isinstance(side, Stored):
        return {"name": side.name, **side.identity}
    return {
        "source": side.source,
        "arm": side.arm,
        "seeds": list(side.seeds),
        "steps": side.steps,
        "run_ids": [cell["run_id"] for cell in side.cells],
        "unfinished": list(side.unfinished),
    }


def _effect(effect: Effect, *, is_study: bool) -> dict[str, Any]:
    of_runs = {
        "step": effect.end,
        "candidate_seeds": list(effect.seeds[0]),
        "baseline_seeds": list(effect.seeds[1]),
        "made_from": list(effect.rows),
    }
    return {
        "row_id": f"effect/{effect.metric}",
        "metric": effect.metric,
        "unit": effect.unit,
        "better": effect.better,
        "candidate": _finite(effect.candidate),
        "baseline": _finite(effect.baseline),
        **_difference(effect.difference, "seeds" if is_study else "questions"),
        **({} if effect.swaps is None else _swaps(effect.swaps)),
        "note": effect.note,
        "superiority": effect.superiority,
        "equivalence": effect.equivalence,
        **(of_runs if is_study else {}),
    }


def _swaps(swaps: Permutation) -> dict[str, Any]:
    return {
        "p_swaps": _finite(swaps.p_differs),
        "p_swaps_smallest": _finite(swaps.smallest_differs),
        "is_every_swap": swaps.is_exact,
    }


def _questions(scores: QuestionScores) -> dict[str, Any]:
    (mine, other), improvement = scores.iqm, scores.improvement
    return {
        "row_id": f"questions/{scores.metric}",
        "metric": scores.metric,
        "candidate_iqm": _bounds(mine.interval),
        "baseline_iqm": _bounds(other.interval),
        "improvement": _bounds(improvement.interval),
        "method": improvement.method,
        "candidate_seeds": scores.seeds[0],
        "baseline_seeds": scores.seeds[1],
        "questions": scores.questions,
        "left_out": scores.left_out,
        "note": "; ".join(scores.notes),
        "profile": [
            {"above": float(above), "candidate": _bounds(mine), "baseline": _bounds(other)}
            for above, mine, other in zip(
                scores.threshold_T, *map(_points, scores.profiles), strict=True
            )
        ],
    }


def _points(profile: Pointwise) -> list[Interval]:
    parts = (profile.point_T, profile.low_T, profile.high_T)
    return [Interval(*map(float, values)) for values in zip(*parts, strict=True)]


def _bounds(interval: Interval) -> dict[str, float | None]:
    return {
        name: _finite(value) for name, value in zip(("point", "low", "high"), interval, strict=True)
    }


def _difference(difference: Difference, replicates: str = "seeds") -> dict[str, Any]:
    point, low, high = difference.interval
    return {
        "difference": _finite(point),
        "low": _finite(low),
        "high": _finite(high),
        "level": difference.level,
        "method": difference.method,
        replicates: difference.seeds,
        "margin": difference.margin,
        "p_superior": _finite(difference.p_superior),
        "p_inferior": _finite(difference.p_inferior),
        "p_equivalent": _finite(difference.p_equivalent),
        "note": difference.note,
    }


def _curve(curve: CurveComparison) -> dict[str, Any]:
    band = curve.band
    rows = []
    if band is not None:
        parts = (curve.steps, band.point_T, band.low_T, band.high_T, band.seeds_T)
        rows = [
            {
                "row_id": f"curve/{curve.metric}/{step}",
                "step": step,
                "difference": _finite(float(point)),
                "low": _finite(float(low)),
                "high": _finite(float(high)),
                "seeds": int(seeds),
            }
            for step, point, low, high, seeds in zip(*parts, strict=True)
        ]
    return {
        "metric": curve.metric,
        "unit": curve.unit,
        "method": band.method if band else None,
        "level": band.level if band else None,
        "note": curve.note,
        "rows": rows,
        "summaries": [
            {
                "row_id": f"summary/{curve.metric}/{place}",
                "metric": curve.metric,
                "name": item.name,
                "unit": item.unit,
                "candidate": _finite(item.candidate),
                "baseline": _finite(item.baseline),
                **({} if item.difference is None else _difference(item.difference)),
                "note": item.note,
            }
            for place, item in enumerate(curve.summaries)
        ],
    }


def _cost(cost: Cost) -> dict[str, Any]:
    measured = cost.difference
    return {
        "row_id": f"cost/{cost.name.replace(' ', '_')}",
        "name": cost.name,
        "unit": cost.unit,
        "candidate": _finite(cost.candidate),
        "baseline": _finite(cost.baseline),
        "ratio": _finite(cost.ratio),
        **({} if measured is None else _difference(measured)),
        "note": "; ".join(filter(None, [cost.note, measured.note if measured else ""])),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
