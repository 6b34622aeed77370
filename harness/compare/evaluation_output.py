"""What is said of a comparison of two evaluations: as text, as files and as a figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from harness.compare.effects import Effect
from harness.compare.evaluations import EvaluationComparison
from harness.evaluate.picture import Mark, rows_figure
from harness.plots import save_figure
from harness.schema import SCHEMA_VERSION
from harness.store.files import write_atomic, write_json
from harness.text import interval, markdown_table, number, paragraphs, plain_table


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
