"""A comparison as text, as Markdown and as a JSON document; every one carries the warning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from harness.compare.costs import Cost
from harness.compare.gate import Gate
from harness.compare.report import Comparison
from harness.text import NOTHING, interval, markdown_table, number, plain_table

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]

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
    return "\n\n".join([f"{comparison.candidate.name} against {comparison.baseline.name}", *blocks])


def comparison_markdown(comparison: Comparison, figures: Sequence[str] = ()) -> str:
    """Return a comparison as COMPARISON.md.

    Args:
        comparison: what to write.
        figures: paths relative to the file.
    """
    blocks = [f"# {comparison.candidate.name} against {comparison.baseline.name}"]
    if comparison.warning:
        blocks.append(f"> **WARNING: {comparison.warning}**")
    blocks += _blocks(comparison, MARKDOWN)
    if figures:
        warning = f" ({comparison.warning})" if comparison.warning else ""
        blocks.append(f"## Figures{warning}")
        blocks += [f"![{name}]({name})" for name in figures]
    return "\n\n".join(blocks) + "\n"


def _blocks(comparison: Comparison, style: Style) -> list[str]:
    gate = comparison.gate
    blocks = [
        f"{style.bold}Verdict: {gate.word}{style.bold} (exit code {int(gate.code)}). {gate.reason}",
        f"The sides are {comparison.pairing.note}.",
        f"{style.head}At the end of training",
        style.table(*_effects(comparison)),
        _effect_notes(comparison),
        *_operating(comparison.gate, style),
        f"{style.head}Along training",
        style.table(*_curves(comparison)),
        style.table(*_summaries(comparison)),
        f"{style.head}Cost of a run",
        style.table(*_costs(comparison.costs)),
        *_cost_notes(comparison.costs),
        f"{style.head}Differences of the configs, what decides most first",
        *_differences(comparison, style),
    ]
    blocks += [f"Note: {note}" for note in comparison.comparability.notes]
    return [block for block in blocks if block]


_WHAT_IS_JUDGED = (
    "The gate judges the first row. Another row makes it worse if its loss is at least its margin,"
    " and shown after a correction (Holm) for the number of the others; intervals are uncorrected."
)


def _operating(gate: Gate, style: Style) -> list[str]:
    """Return what a gate with this noise lets through, and how often."""
    curve = gate.operating
    if curve is None:
        return []
    head = f"{style.head}What this gate lets through"
    return [head, style.table(*curve.table), curve.sentence]


def _effects(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    level = f"{100 * comparison.settings.level:g} % interval"
    heads = ["metric", "candidate", "baseline", "difference", level, "margin", "seeds"]
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


def _effect_notes(comparison: Comparison) -> str:
    first = comparison.effects[0]
    ends = {effect.metric: effect.end for effect in comparison.effects}
    where = ", ".join(f"{metric} at step {end}" for metric, end in ends.items() if end is not None)
    notes = [
        f"Difference: candidate minus baseline, {first.difference.method}, ends: {where}.",
        _WHAT_IS_JUDGED,
        *(f"{effect.metric}: {effect.note}." for effect in comparison.effects if effect.note),
    ]
    return "\n".join(notes)


def _curves(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
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


def _summaries(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    heads = ["metric", "of the whole curve", "candidate", "baseline", "difference", "interval"]
    rows = []
    for curve in comparison.curves:
        for item in curve.summaries:
            point, low, high = item.difference.interval if item.difference else (float("nan"),) * 3
            unit = "tokens" if item.unit == "steps" else item.unit
            rows.append(
                [
                    curve.metric,
                    item.name,
                    number(item.candidate, unit),
                    number(item.baseline, unit),
                    number(point, unit, sign=True),
                    item.note or interval(low, high, unit),
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


def _differences(comparison: Comparison, style: Style) -> list[str]:
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


def _whole(value: float, *, sign: bool = False) -> str:
    return number(value, "rows", sign=sign)
