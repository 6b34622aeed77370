"""A comparison as text and as files; every one carries the warning."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.compare.comparison import Comparison, StudyComparison
from harness.compare.costs import Cost
from harness.compare.document import comparison_document
from harness.compare.gate import Gate
from harness.compare.sides import Side
from harness.stats.intervals import Interval
from harness.store.files import write_atomic, write_json
from harness.text import NOTHING, interval, markdown_table, number, plain_table
from harness.writing import written_together

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]

PAGE = "COMPARISON.md"
TEXT_DIFFERENCES = 12
"""Config differences that the terminal shows; Markdown and JSON have all."""


class Style(NamedTuple):
    """How a block is written."""

    table: Table
    head: str
    bold: str
    most: int | None


PLAIN = Style(table=plain_table, head="", bold="", most=TEXT_DIFFERENCES)
MARKDOWN = Style(table=markdown_table, head="## ", bold="**", most=None)


def comparison_text(comparison: Comparison) -> str:
    """Return a comparison for a terminal."""
    blocks = _blocks(comparison, PLAIN)
    if comparison.warning:
        warning = f"WARNING: {comparison.warning}"
        blocks = [warning, *blocks, warning]
    return "\n\n".join([comparison.title, *blocks])


def comparison_markdown(comparison: Comparison, figures: Sequence[str] = ()) -> str:
    """Return a comparison as COMPARISON.md.

    Args:
        comparison: what to write.
        figures: paths relative to the file.
    """
    blocks = [f"# {comparison.title}"]
    if comparison.warning:
        blocks.append(f"> **WARNING: {comparison.warning}**")
    blocks += _blocks(comparison, MARKDOWN)
    if figures:
        warning = f" ({comparison.warning})" if comparison.warning else ""
        blocks.append(f"## Figures{warning}")
        blocks += [f"![{name}]({name})" for name in figures]
    return "\n\n".join(blocks) + "\n"


def write_comparison(
    comparison: Comparison, out: Path, command: str, *, replaces: bool = True
) -> list[Path]:
    """Write COMPARISON.md, comparison.json and the figures; return the paths.

    Raises:
        UsageError: they cannot be written, or are there and are not to be replaced.
    """
    # plotting takes a second to import, and most comparisons are printed only
    from harness.compare.figures import write_comparison_figures

    with written_together(out, "comparison", replaces=replaces) as half:
        figures = write_comparison_figures(comparison, half / "figures")
        drawn = [path.relative_to(half) for path in figures]
        names = [str(name) for name in drawn if name.suffix == ".svg"]
        write_json(half / "comparison.json", comparison_document(comparison, command))
        write_atomic(half / PAGE, comparison_markdown(comparison, names))
    return [out / PAGE, out / "comparison.json", *(out / name for name in drawn)]


def _blocks(comparison: Comparison, style: Style) -> list[str]:
    gate = comparison.gate
    blocks = [
        f"{style.bold}Verdict: {gate.word}{style.bold} (exit code {int(gate.code)}). {gate.reason}"
    ]
    if isinstance(comparison, StudyComparison):
        blocks += [
            f"The sides are {comparison.pairing.note}.",
            f"{style.head}At the end of training",
        ]
    blocks += [
        style.table(*_effects(comparison)),
        *_effect_notes(comparison),
        *_swaps(comparison, style),
        *_operating(comparison.gate, style),
        *_questions(comparison, style),
    ]
    if isinstance(comparison, StudyComparison):
        blocks += _along_training(comparison, style)
    blocks += [f"Note: {note}" for note in comparison.comparability.notes]
    return [block for block in blocks if block]


_WHAT_IS_JUDGED = (
    "The gate judges the first row. Another row makes it worse if its loss is at least its margin,"
    " and shown after a correction (Holm) for the number of the others; intervals are uncorrected."
)


def _operating(gate: Gate, style: Style) -> list[str]:
    """Say what a gate with this noise lets through, and how often."""
    curve = gate.operating
    if curve is None:
        return []
    head = f"{style.head}What this gate lets through"
    return [head, style.table(*curve.table), curve.sentence]


def _effects(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    level = f"{100 * comparison.settings.level:g} % interval"
    replicates = "seeds" if isinstance(comparison, StudyComparison) else "questions"
    heads = ["metric", "candidate", "baseline", "difference", level, "margin", replicates]
    rows = [
        [
            effect.metric,
            number(effect.candidate, effect.unit),
            number(effect.baseline, effect.unit),
            number(effect.difference.interval.point, effect.unit, sign=True),
            interval(*effect.difference.interval[1:], effect.unit),
            _number(effect.difference.margin, effect.unit),
            str(effect.difference.seeds),
            effect.superiority,
            effect.equivalence,
        ]
        for effect in comparison.effects
    ]
    return [*heads, "superiority", "equivalence"], rows


def _effect_notes(comparison: Comparison) -> list[str]:
    effects = comparison.effects
    if not isinstance(comparison, StudyComparison):
        # many benchmarks share few notes
        shared = dict.fromkeys(effect.note.capitalize() for effect in effects if effect.note)
        return [_WHAT_IS_JUDGED, "\n".join(shared)]
    ends = {effect.metric: effect.end for effect in effects}
    where = ", ".join(f"{metric} at step {end}" for metric, end in ends.items() if end is not None)
    method = effects[0].difference.method
    known = [_WHAT_IS_JUDGED, *(f"{e.metric}: {e.note}." for e in effects if e.note)]
    return ["\n".join([f"Difference: candidate minus baseline, {method}, ends: {where}.", *known])]


def _swaps(comparison: Comparison, style: Style) -> list[str]:
    """Return the tests by swaps beside those by t, where so few pairs can say anything."""
    rows: list[list[str]] = []
    silent: dict[str, list[str]] = {}
    for effect in comparison.effects:
        swaps = effect.swaps
        # without any pair that differs there is nothing to swap, which the effect's note says
        if swaps is None or not swaps.smallest_differs < 1.0:
            continue
        if swaps.smallest_differs <= 1.0 - comparison.settings.level:
            p_values = (effect.p_differs, swaps.p_differs, swaps.smallest_differs)
            rows.append([effect.metric, *map(_p_value, p_values)])
        else:
            silent.setdefault(_p_value(swaps.smallest_differs), []).append(effect.metric)
    blocks = []
    if rows:
        heads = ["metric", "p by t", "p by swaps", "smallest p by swaps"]
        said = "Two-sided. Swaps of the sides within pairs need no normal distribution."
        blocks += [style.table(heads, rows), said]
    if silent:
        reach = ", ".join(f"{p} ({', '.join(metrics)})" for p, metrics in silent.items())
        blocks.append(
            "Swaps of the sides within so few pairs say nothing at this level: the smallest p that"
            f" they can reach, two-sided, is {reach}."
        )
    return blocks


def _questions(comparison: Comparison, style: Style) -> list[str]:
    heads = ["metric", "candidate IQM", "baseline IQM", "probability of improvement"]
    rows = [
        [
            scores.metric,
            *(_with_bounds(item.interval) for item in (*scores.iqm, scores.improvement)),
            " and ".join(map(str, dict.fromkeys(scores.seeds))),
            str(scores.questions),
        ]
        for scores in comparison.questions
    ]
    if not rows:
        return [_why_no_questions(comparison)]
    return [
        f"{style.head}Question by question, at the last evaluation",
        style.table([*heads, "seeds", "questions"], rows),
        "\n".join(_question_notes(comparison)),
    ]


def _question_notes(comparison: Comparison) -> list[str]:
    first = comparison.questions[0]
    level = f"{100 * comparison.settings.level:g} %"
    who, than = "the candidate", "the baseline"
    if first.drawn == "seeds":
        who, than = f"a run of {who}", f"one of {than}"
    notes = dict.fromkeys(note for scores in comparison.questions for note in scores.notes)
    score = "IQM: mean of the middle half of all scores; a score is the share of correct samples."
    wins = (
        f"Probability of improvement: that {who} scores higher on a question than {than}, a tie"
        " counting one half; 0.5 is no difference."
    )
    method = (
        f"In brackets: {level} interval, {first.improvement.method} (docs/statistics.md). The gate"
        " looks at none of these numbers."
    )
    return [score, wins, method, *(f"{note[0].upper()}{note[1:]}." for note in notes)]


def _why_no_questions(comparison: Comparison) -> str:
    sides = (comparison.candidate, comparison.baseline)
    if any(isinstance(side, Side) and side.scores.empty for side in sides):
        return ""
    return (
        "Question by question nothing is compared: such scores are stored of the last step alone,"
        " and the sides end at different steps or share no question."
    )


def _along_training(comparison: StudyComparison, style: Style) -> list[str]:
    return [
        f"{style.head}Along training",
        style.table(*_curves(comparison)),
        style.table(*_summaries(comparison)),
        f"{style.head}Cost of a run",
        style.table(*_costs(comparison.costs)),
        *_cost_notes(comparison.costs),
        f"{style.head}Differences of the configs, what decides most first",
        *_differences(comparison, style),
    ]


def _curves(comparison: StudyComparison) -> tuple[list[str], list[list[str]]]:
    heads = ["metric", "common steps", "the difference with its band over all steps"]
    rows = [
        [
            curve.metric,
            str(len(curve.steps)),
            "; ".join([*curve.stretches(), *([curve.note] if curve.note else [])]),
        ]
        for curve in comparison.curves
    ]
    return heads, rows


def _summaries(comparison: StudyComparison) -> tuple[list[str], list[list[str]]]:
    heads = ["metric", "of the whole curve", "candidate", "baseline", "difference", "interval"]
    rows = []
    for curve in comparison.curves:
        for item in curve.summaries:
            point, low, high = item.difference.interval if item.difference else (float("nan"),) * 3
            rows.append(
                [
                    curve.metric,
                    item.name,
                    number(item.candidate, item.unit),
                    number(item.baseline, item.unit),
                    number(point, item.unit, sign=True),
                    item.note or interval(low, high, item.unit),
                ]
            )
    return heads, rows


def _costs(costs: Sequence[Cost]) -> tuple[list[str], list[list[str]]]:
    heads = ["cost", "unit", "candidate", "baseline", "difference", "interval", "ratio"]
    rows = []
    for cost in costs:
        point, low, high = cost.difference.interval if cost.difference else (float("nan"),) * 3
        rows.append(
            [
                cost.name,
                cost.unit,
                _whole(cost.candidate),
                _whole(cost.baseline),
                _whole(point if cost.difference else cost.candidate - cost.baseline, sign=True),
                NOTHING if low != low else f"[{_whole(low, sign=True)}, {_whole(high, sign=True)}]",
                number(cost.ratio, "fraction"),
            ]
        )
    return heads, rows


def _cost_notes(costs: Sequence[Cost]) -> list[str]:
    return ["\n".join(dict.fromkeys(f"Cost: {cost.note}." for cost in costs if cost.note))]


def _differences(comparison: StudyComparison, style: Style) -> list[str]:
    shown = comparison.differences[: style.most]
    if not shown:
        is_known = comparison.candidate.config and comparison.baseline.config
        return ["None." if is_known else "Not known: a side does not state its config."]
    heads = ["key", "candidate", "baseline", "what it is known to change"]
    rows = [
        [item.key, str(item.candidate), str(item.baseline), f"{item.title}: {item.changes}"]
        for item in shown
    ]
    rows = [[*row[:3], row[3].removesuffix(": ")] for row in rows]
    more = len(comparison.differences) - len(shown)
    return [style.table(heads, rows), f"and {more} more, which decide less" if more else ""]


def _number(value: float | None, unit: str) -> str:
    return NOTHING if value is None else number(value, unit)


def _p_value(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else NOTHING


def _with_bounds(interval: Interval) -> str:
    point, low, high = (number(value, "fraction") for value in interval)
    return f"{point} [{low}, {high}]" if math.isfinite(interval.low) else point


def _whole(value: float, *, sign: bool = False) -> str:
    return number(value, "rows", sign=sign)
