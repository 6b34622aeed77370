"""The claim sheet as a table, Markdown, CSV and JSON, and one claim in full."""

from __future__ import annotations

import csv
import io
import json
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.claims.deciding import Word
from harness.claims.judging import DESIGN, ClaimVerdict, Estimate
from harness.claims.sheet import Line
from harness.metrics.columns import column_of
from harness.stats.looks import standing as seeds_standing
from harness.text import (
    NOTHING,
    Cell,
    Row,
    Table,
    console_width,
    folded,
    number,
    plain_table,
)

WIDTH = 100
SMALLEST_P = 0.001
NOTE = (
    "p (Holm): one-sided p value of the word, over all looks, Holm-corrected across the primary"
    f" claims; above {DESIGN.alpha:g} the word does not survive the correction; {NOTHING} for other"
    " claims and words. Replication: share of fresh studies of the same size that would say the"
    " same word. Exploratory: the rule is not known to be older than the numbers."
)
_SHORT = 56


def reach(scale: str) -> str:
    """Say how far a verdict at a scale reaches."""
    if scale == "micro":
        return "micro scale: no evidence about 7B"
    return f"scale {scale}: evidence about this scale only"


def full_note(scale: str) -> str:
    """Return what stands below a table of claims: its columns, and what a verdict is about."""
    said = reach(scale)
    # not capitalize(), which makes 7B a 7b
    return f"{NOTE} {said[0].upper()}{said[1:]}."


def verdict_text(verdict: ClaimVerdict) -> str:
    """Say the verdict."""
    return str(verdict.word)


def is_confirmatory(verdict: ClaimVerdict) -> bool:
    """Tell whether the rule is known to be older than the numbers."""
    return verdict.standing is not None and verdict.standing.kind.is_confirmatory


def is_evidence(line: Line) -> bool:
    """Tell whether a word is confirmatory, of a primary claim, and survives the correction."""
    is_tested = line.claim.role == "primary" and line.verdict.survives
    return is_tested and is_confirmatory(line.verdict)


def counts(lines: Sequence[Line]) -> str:
    """Write the headline: what is evidence first, then what is not, by its word."""
    findings = len({line.claim.finding for line in lines})
    said = (Word.REPRODUCED, Word.CONTRADICTED)
    evidence = [line.verdict.word for line in lines if is_evidence(line)]
    smoke = [x for x in lines if x.claim.role == "smoke test" and x.verdict.word in said]
    others = [x for x in lines if x.verdict.word in said and not is_evidence(x) and x not in smoke]
    passed = sum(line.verdict.word is Word.REPRODUCED for line in smoke)
    parts = [
        ", ".join(f"{evidence.count(word)} {word}" for word in said) + " as evidence",
        *([f"{_tally(others)} exploratory, secondary or uncorrected"] if others else []),
        *([f"{passed} of {len(smoke)} smoke tests passed"] if smoke else []),
        *(
            f"{count} {word}"
            for word in (Word.INCONCLUSIVE, Word.UNTESTABLE, Word.NOT_RUN)
            if (count := sum(line.verdict.word is word for line in lines))
        ),
    ]
    return f"{len(lines)} claims of {findings} findings: {'; '.join(parts)}"


def _tally(lines: Sequence[Line]) -> str:
    words = [line.verdict.word for line in lines]
    return ", ".join(
        f"{words.count(word)} {word}"
        for word in (Word.REPRODUCED, Word.CONTRADICTED)
        if word in words
    )


def ours_text(line: Line) -> str:
    """Return our numbers with interval and seeds; a dash if there are none."""
    verdict = line.verdict
    if not verdict.estimates:
        return NOTHING
    values = [estimate_text(item) for item in verdict.estimates]
    return f"{'; '.join(values)} ({len(verdict.seeds)} seeds)"


def estimate_text(item: Estimate) -> str:
    """Return one measured part: arms, point and interval."""
    quantity = item.measured.part.quantity
    unit = "1" if quantity.ratio else unit_of(item)
    has_sign = not quantity.ratio and (bool(quantity.minus) or quantity.measure == "change")
    point, low, high = (number(value, unit, sign=has_sign) for value in item.interval)
    arms = quantity.arm
    if quantity.minus:
        arms += f" {'over' if quantity.ratio else '-'} {quantity.minus}"
    is_growth = quantity.ratio and quantity.measure == "change"
    what = "growth" if is_growth else quantity.measure.replace("_", " ")
    return f"{what} of {arms}: {point} [{low}, {high}]"


def unit_of(item: Estimate) -> str:
    """Return the unit of a measured part."""
    quantity = item.measured.part.quantity
    if quantity.ratio:
        return "1"
    if quantity.measure in ("stable_steps", "first_step", "change_point"):
        return "steps"
    return column_of(quantity.metric).unit


def standing_text(verdict: ClaimVerdict) -> str:
    """Tell whether the rule is older than the numbers, in a word or two; a dash without runs."""
    return NOTHING if verdict.standing is None else str(verdict.standing.kind).split(" (")[0]


def table(lines: Sequence[Line], scale: str) -> str:
    """Return the sheet for a terminal: one line per claim, the ends of long texts cut."""
    rows = [
        [
            line.claim.id,
            line.claim.role,
            verdict_text(line.verdict),
            standing_text(line.verdict),
            str(len(line.verdict.seeds)),
            p_text(line.verdict.p_holm),
            _share(line.verdict.replication),
            textwrap.shorten(line.claim.statement, _SHORT, placeholder=" ..."),
        ]
        for line in lines
    ]
    heads = ["claim", "role", "verdict", "standing", "seeds", "p (Holm)", "repl.", "statement"]
    notes = [
        counts(lines),
        f"({reach(scale)})",
        *textwrap.wrap(NOTE, min(console_width() or WIDTH, WIDTH)),
        f"more about one: python -m harness.claims scale={scale} claim=<claim>",
    ]
    said = folded("\n".join([*notes, *code_notes(lines)]))
    sides = f"<{'>' * (len(heads) - 2)}<"
    return f"{plain_table(heads, rows, sides)}\n\n{said}"


def brief(lines: Sequence[Line]) -> str:
    """Return verdict, statement, our numbers and the reason of each claim, for a terminal."""
    parts = []
    for line in lines:
        head = f"{line.claim.id}  {verdict_text(line.verdict)}: {line.claim.statement}"
        reason = f"{line.verdict.reason}; ours: {ours_text(line)}"
        parts += textwrap.wrap(head, WIDTH, subsequent_indent="      ")
        parts += textwrap.wrap(reason, WIDTH, initial_indent="      ", subsequent_indent="      ")
    return "\n".join(parts)


def code_notes(lines: Sequence[Line]) -> list[str]:
    """Return a sentence for each place whose runs were made by code that cannot be looked at."""
    places = dict.fromkeys((line.place, line.code_note) for line in lines if line.code_note)
    return [f"the runs of {place} were made by {note}" for place, note in places]


def full_text(line: Line, scale: str) -> str:
    """Return everything about one claim."""
    claim, verdict = line.claim, line.verdict
    rule, standing = claim.rules.get(scale), verdict.standing
    fields = [
        ("statement", claim.statement),
        ("paper", f"{claim.quantity} [{', '.join(claim.references) or 'words only'}]"),
        ("role", claim.role),
        ("rule", rule.text() if rule else claim.no_rule.get(scale, f"none for scale {scale}")),
        ("ours", ours_text(line)),
        *([("control", "; ".join(map(estimate_text, verdict.control)))] if verdict.control else []),
        ("verdict", f"{verdict_text(verdict)}: {verdict.reason}"),
        *([("looks", _looks_text(verdict))] if verdict.estimates else []),
        ("standing", standing.text() if standing else NOTHING),
        ("p", f"{p_text(verdict.p)}, corrected {p_text(verdict.p_holm)} (Holm)"),
        ("replication", _replication_text(verdict)),
        ("next", decided_text(line) or NOTHING),
        ("runs", f"{', '.join(verdict.run_ids)} in {line.place}" if verdict.run_ids else NOTHING),
        *([("code", line.code_note)] if line.code_note else []),
    ]
    longest = max(len(name) for name, _ in fields)
    width = min(console_width() or WIDTH, WIDTH)
    parts = [f"{claim.id} (finding {claim.finding}; {reach(scale)})"]
    for name, text in fields:
        indent = " " * (longest + 4)
        wrapped = textwrap.wrap(text, width - len(indent), break_on_hyphens=False)
        parts.append(f"  {name.ljust(longest)}  " + f"\n{indent}".join(wrapped))
    return "\n".join(parts)


def _replication_text(verdict: ClaimVerdict) -> str:
    fresh = _share(verdict.replication)
    if math.isnan(verdict.halves):
        return fresh
    return (
        f"{fresh}; both halves of these seeds in {_share(verdict.halves)} of the ways to halve them"
    )


def _looks_text(verdict: ClaimVerdict) -> str:
    """Say what the seeds that there are may decide, and the intervals that do."""
    is_over = verdict.word in (Word.REPRODUCED, Word.CONTRADICTED)
    parts = [] if is_over else [seeds_standing(DESIGN, len(verdict.seeds)).advice]
    # after a decision the study was over: what follows is no evidence
    taken = [look for look in DESIGN.looks if look.seeds <= verdict.seeds_at_look]
    for place, look in enumerate(taken):
        shown = [replace(item, interval=item.looks[place][1]) for item in verdict.estimates]
        found = ", ".join(map(estimate_text, shown))
        parts.append(f"at {look.seeds} seeds ({look.level:.1%} intervals) {found}")
    return "; ".join(parts)


def decided_text(line: Line) -> str:
    """Return the next look, or what must come first; "" if the claim is decided."""
    if not line.decided_by:
        return line.lacking
    return line.decided_by + (f" (first needs {line.lacking})" if line.lacking else "")


def markdown(lines: Sequence[Line], scale: str) -> str:
    """Return the sheet as a Markdown table, with what its columns mean and how far it reaches."""
    return f"{sheet_table(lines).markdown()}\n\n{full_note(scale)}"


def documents(lines: Sequence[Line], scale: str) -> list[dict[str, Any]]:
    """Return one mapping per claim, with every number; an undefined one is null."""
    return [_document(line, scale) for line in lines]


def json_text(lines: Sequence[Line], scale: str) -> str:
    """Return the sheet as JSON."""
    return json.dumps(documents(lines, scale), indent=2, ensure_ascii=False)


def csv_text(lines: Sequence[Line], scale: str) -> str:
    """Return the sheet as CSV: one row per claim and measured quantity."""
    out = io.StringIO()
    rows: list[dict[str, Any]] = []
    for document in documents(lines, scale):
        # a claim without runs keeps its row
        parts = document.pop("differences") or [{}]
        document.pop("control")
        document["seeds"] = " ".join(map(str, document["seeds"]))
        document["references"] = " ".join(document["references"])
        document["run_ids"] = " ".join(document["run_ids"])
        rows += [{**document, **part, "arms": " ".join(part.get("arms", ()))} for part in parts]
    heads = list(dict.fromkeys([*rows[0], "quantity_name", "point", "low", "high"])) if rows else []
    writer = csv.DictWriter(out, heads, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().removesuffix("\n")


def _document(line: Line, scale: str) -> dict[str, Any]:
    claim, verdict, rule = line.claim, line.verdict, line.claim.rules.get(scale)
    standing = verdict.standing
    return {
        "row_id": f"{claim.ablation}:{scale}:{claim.id}",
        "id": claim.id,
        "finding": claim.finding,
        "role": claim.role,
        "claim": claim.statement,
        "paper": claim.quantity,
        "references": list(claim.references),
        "words_only": claim.words_only,
        "verdict": str(verdict.word),
        "reason": verdict.reason,
        "label": reach(scale),
        "standing": str(standing.kind) if standing else "",
        "standing_reason": standing.reason if standing else "",
        "is_evidence": is_evidence(line),
        "rule": rule.text() if rule else "",
        "metric": rule.metrics[0] if rule else "",
        "seeds": list(verdict.seeds),
        "seeds_at_look": verdict.seeds_at_look,
        "next_look": verdict.next_look,
        "differences": [_estimate(item) for item in verdict.estimates],
        "control": [_estimate(item) for item in verdict.control],
        "p": _finite(verdict.p),
        "p_holm": _finite(verdict.p_holm),
        "replication": _finite(verdict.replication),
        "halves": _finite(verdict.halves),
        "decided_by": line.decided_by,
        "lacking": line.lacking,
        "place": line.place,
        "code_note": line.code_note,
        "run_ids": list(verdict.run_ids),
    }


def _estimate(item: Estimate) -> Mapping[str, Any]:
    return {
        "quantity_name": item.measured.part.quantity.name(),
        "metric": item.measured.part.quantity.metric,
        "arms": list(item.measured.part.quantity.arms),
        "point": _finite(item.interval.point),
        "low": _finite(item.interval.low),
        "high": _finite(item.interval.high),
        "level": item.level,
        "kind": item.kind,
    }


FORMATS: Mapping[str, Callable[[Sequence[Line], str], str]] = {
    "table": table,
    "markdown": markdown,
    "csv": csv_text,
    "json": json_text,
}
"""Forms of the sheet, each from its lines and the scale."""


def p_text(value: float) -> str:
    """Return a p value; one that is small is not 0."""
    return f"<{SMALLEST_P:g}" if value < SMALLEST_P else number(value)


def _share(value: float) -> str:
    return f"{value:.0%}" if math.isfinite(value) else NOTHING


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def sheet_table(lines: Sequence[Line]) -> Table:
    """Return the sheet as a table that a report or a page shows."""
    heads = ["claim", "statement", "paper", "ours", "verdict", "p (Holm)", "replication"]
    rows = [_sheet_row(line) for line in lines]
    return Table([*heads, "why, and the next look"], rows, "<<<<<>><")


def _sheet_row(line: Line) -> Row:
    verdict = line.verdict
    word = verdict_text(verdict)
    role = f" ({standing_text(verdict)}, {line.claim.role})" if verdict.standing else ""
    return [
        line.claim.id,
        line.claim.statement,
        line.claim.quantity,
        ours_text(line),
        Cell(f"{word}{role}", kind=f"verdict {word.replace(' ', '-')}"),
        Cell(p_text(verdict.p_holm), verdict.p_holm),
        Cell(_share(verdict.replication), verdict.replication),
        f"{verdict.reason}. {decided_text(line)}".strip(),
    ]
