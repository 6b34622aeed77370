"""The claim sheet as a table, Markdown, CSV and JSON, and one claim in full."""

from __future__ import annotations

import csv
import io
import json
import math
import textwrap
from collections.abc import Sequence
from typing import Any

from harness.claims.conditions import reach
from harness.claims.judging import ClaimVerdict, Part
from harness.claims.rules import ClaimRule
from harness.claims.sheet import Line
from harness.metrics.columns import column_of
from harness.text import markdown_table, number, plain_table

WIDTH = 100
SMALLEST_P = 0.001
P_NOTE = (
    "p (Holm): one-sided, of the test of `reproduced`, corrected over the claims of its ablation."
    " Above 0.025, what a 95 % interval leaves on either side, `reproduced` holds for its claim"
    " alone. Of `contradicted` it says nothing."
)
_SHORT = 60


def verdict_text(verdict: ClaimVerdict) -> str:
    """Return the verdict in words."""
    return str(verdict.word).replace("_", " ")


def ours_text(line: Line, scale: str) -> str:
    """Return our numbers with interval and seeds; a dash if there are none."""
    rule, verdict = line.claim.rules.get(scale), line.verdict
    if rule is None or not verdict.parts:
        return "-"
    unit = _unit(rule)
    has_sign = rule.kind in ("difference", "change")
    values = [_part_text(part, unit, has_sign=has_sign) for part in verdict.parts]
    seeds = len(verdict.parts[0].seeds)
    mark = ", exploratory" if verdict.is_exploratory else ""
    return f"{'; '.join(values)} ({seeds} seeds{mark})"


def table(lines: Sequence[Line], scale: str) -> str:
    """Return the sheet for a terminal: one line per claim, the ends of long texts cut."""
    rows = []
    for line in lines:
        seeds = line.verdict.parts[0].seeds if line.verdict.parts else ()
        rows.append(
            [
                line.claim.id,
                str(line.claim.finding),
                verdict_text(line.verdict),
                f"{len(seeds)}{'*' if line.verdict.is_exploratory else ''}",
                _p(line.verdict.p_holm),
                textwrap.shorten(line.claim.statement, _SHORT, placeholder=" ..."),
            ]
        )
    heads = ["claim", "finding", "verdict", "seeds", "p (Holm)", "statement"]
    notes = [
        counts(lines),
        f"({reach(scale)}; * seeds that decide nothing)",
        *textwrap.wrap(P_NOTE, WIDTH),
        f"more about one: python -m harness.claims scale={scale} claim=<claim>",
    ]
    return "\n".join([_left_last(plain_table(heads, rows)), "", *notes, *code_notes(lines)])


def brief(lines: Sequence[Line], scale: str) -> str:
    """Return verdict, statement, our numbers and the reason of each claim, for a terminal."""
    parts = []
    for line in lines:
        head = f"{line.claim.id}  {verdict_text(line.verdict)}: {line.claim.statement}"
        reason = f"{line.verdict.reason}; ours: {ours_text(line, scale)}"
        parts += textwrap.wrap(head, WIDTH, subsequent_indent="      ")
        parts += textwrap.wrap(reason, WIDTH, initial_indent="      ", subsequent_indent="      ")
    return "\n".join(parts)


def code_notes(lines: Sequence[Line]) -> list[str]:
    """Return a sentence for each place whose runs were made by code that cannot be looked at."""
    places = dict.fromkeys((line.place, line.code_note) for line in lines if line.code_note)
    return [f"the runs of {place} were made by {note}" for place, note in places]


def counts(lines: Sequence[Line]) -> str:
    """Return how many claims got which verdict, and how many findings they belong to."""
    words = [verdict_text(line.verdict) for line in lines]
    found = [f"{words.count(word)} {word}" for word in dict.fromkeys(sorted(words, reverse=True))]
    findings = len({line.claim.finding for line in lines})
    return f"{len(lines)} claims of {findings} findings: {', '.join(found)}"


def full_text(line: Line, scale: str) -> str:
    """Return everything about one claim."""
    claim, verdict = line.claim, line.verdict
    rule = claim.rules.get(scale)
    since = f" (since {line.origin.commit[:12]}, {line.origin.date})" if line.origin.commit else ""
    fields = [
        ("statement", claim.statement),
        ("paper", f"{claim.quantity} [{', '.join(claim.references) or 'words only'}]"),
        ("passes at", f"{claim.scale}: {claim.pass_rule}"),
        ("rule", f"{rule.text()}{since}" if rule else f"none for scale {scale}"),
        ("ours", ours_text(line, scale)),
        ("verdict", f"{verdict_text(verdict)}: {verdict.reason}"),
        ("p", f"{_p(verdict.p)}, corrected {_p(verdict.p_holm)} (Holm)"),
        ("decided by", decided_text(line) or "-"),
        ("runs", f"{', '.join(verdict.run_ids)} in {line.place}" if verdict.run_ids else "-"),
        *([("code", line.code_note)] if line.code_note else []),
    ]
    width = max(len(name) for name, _ in fields)
    parts = [f"{claim.id} (finding {claim.finding})"]
    for name, text in fields:
        indent = " " * (width + 4)
        wrapped = textwrap.wrap(text, WIDTH - len(indent), break_on_hyphens=False)
        parts.append(f"  {name.ljust(width)}  " + f"\n{indent}".join(wrapped))
    return "\n".join(parts)


def decided_text(line: Line) -> str:
    """Return what would decide the claim; "" if it is decided."""
    if not line.decided_by:
        return line.lacking
    return line.decided_by + (f" (first needs {line.lacking})" if line.lacking else "")


def markdown(lines: Sequence[Line], scale: str) -> str:
    """Return the sheet as a Markdown table, with what its p values mean."""
    rows = [
        [
            line.claim.id,
            line.claim.statement,
            line.claim.quantity,
            ours_text(line, scale),
            verdict_text(line.verdict),
            _p(line.verdict.p_holm),
            decided_text(line) or "-",
        ]
        for line in lines
    ]
    heads = ["claim", "statement", "paper", "ours", "verdict", "p (Holm)", "what would decide it"]
    return f"{markdown_table(heads, rows, '<<<<<><')}\n\n{P_NOTE}"


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
        parts = document.pop("differences") or [{}]
        document["seeds"] = " ".join(map(str, document["seeds"]))
        document["references"] = " ".join(document["references"])
        document["run_ids"] = " ".join(document["run_ids"])
        rows += [{**document, **part} for part in parts]
    heads = list(dict.fromkeys([*rows[0], "quantity_name", "point", "low", "high"])) if rows else []
    writer = csv.DictWriter(out, heads, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().removesuffix("\n")


def _document(line: Line, scale: str) -> dict[str, Any]:
    claim, verdict, rule = line.claim, line.verdict, line.claim.rules.get(scale)
    return {
        "row_id": f"{claim.ablation}:{scale}:{claim.id}",
        "id": claim.id,
        "finding": claim.finding,
        "claim": claim.statement,
        "paper": claim.quantity,
        "references": list(claim.references),
        "words_only": claim.words_only,
        "verdict": str(verdict.word),
        "reason": verdict.reason,
        "label": reach(scale),
        "is_exploratory": verdict.is_exploratory,
        "exploratory_reason": verdict.reason if verdict.is_exploratory else "",
        "rule": rule.text() if rule else "",
        "rule_commit": line.origin.commit or None,
        "rule_date": line.origin.date or None,
        "metric": rule.metric if rule else claim.metric,
        "level": rule.level if rule else None,
        "seeds": list(verdict.parts[0].seeds) if verdict.parts else [],
        "differences": [
            {
                "quantity_name": part.name,
                "point": _finite(part.interval.point),
                "low": _finite(part.interval.low),
                "high": _finite(part.interval.high),
            }
            for part in verdict.parts
        ],
        "p": _finite(verdict.p),
        "p_holm": _finite(verdict.p_holm),
        "seeds_needed": verdict.seeds_needed,
        "decided_by": line.decided_by,
        "lacking": line.lacking,
        "place": line.place,
        "code_note": line.code_note,
        "run_ids": list(verdict.run_ids),
    }


def _part_text(part: Part, unit: str, *, has_sign: bool) -> str:
    point, low, high = (number(value, unit, sign=has_sign) for value in part.interval)
    return f"{part.name}: {point} [{low}, {high}]"


def _p(value: float) -> str:
    """Return a p value; one that is small is not 0."""
    return f"<{SMALLEST_P:g}" if value < SMALLEST_P else number(value)


def _unit(rule: ClaimRule) -> str:
    return "1" if rule.kind == "ratio" else column_of(rule.metric).unit


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _left_last(text: str) -> str:
    """Return a table whose last column is aligned left, as sentences are."""
    lines = text.split("\n")
    edge = len(lines[1].rsplit(" ", 1)[0]) + 1
    return "\n".join(line[:edge] + line[edge:].lstrip() for line in lines)
