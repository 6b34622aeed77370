"""The claim sheet: every claim with what the paper says, what we have, and what would decide it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.claims.conditions import Word
from harness.claims.judging import ClaimVerdict, correct, judge
from harness.claims.measuring import Rows, measure, unfinished
from harness.claims.origin import RuleOrigin, has_history, rule_origin
from harness.claims.reading import Claim

RowsOf = Callable[[str], Rows | None]
"""Name of an ablation -> its stored runs at the sheet's scale; None if there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One claim on the sheet.

    Attributes:
        claim: of the paper.
        verdict: what the rule of the sheet's scale said.
        origin: the commit that brought the rule; both fields "" if there is none.
        place: where the runs are stored; "" if there are none.
        decided_by: the command that would decide it; "" if it is decided.
        lacking: what must be built first for that command; "" if nothing.
        code_note: why the code of the runs cannot be looked at here; "" if it can.
    """

    claim: Claim
    verdict: ClaimVerdict
    origin: RuleOrigin
    place: str
    decided_by: str
    lacking: str
    code_note: str


def make_sheet(
    claims: Sequence[Claim],
    scale: str,
    rows_of: RowsOf,
    ablations: Mapping[str, Path],
    scales: Sequence[str],
) -> list[Line]:
    """Judge every claim at one scale.

    Args:
        claims: of the paper, all of them: Holm's correction needs the whole family.
        scale: whose rules are applied.
        rows_of: finds stored runs.
        ablations: ablations that exist, name -> file.
        scales: scales that exist.
    """
    lines: list[Line] = []
    for ablation in dict.fromkeys(claim.ablation for claim in claims):
        family = [claim for claim in claims if claim.ablation == ablation]
        rows = rows_of(ablation)
        origins = [_origin(claim, scale) for claim in family]
        verdicts = [
            _judge(claim, scale, rows, origin)
            for claim, origin in zip(family, origins, strict=True)
        ]
        tested = correct(verdicts)
        for claim, verdict, origin in zip(family, tested, origins, strict=True):
            command, lacking = _decided_by(claim, scale, verdict, ablations, scales)
            place = rows.place if rows is not None and verdict.parts else ""
            lines.append(
                Line(
                    claim=claim,
                    verdict=verdict,
                    origin=origin,
                    place=place,
                    decided_by=command,
                    lacking=lacking,
                    code_note=rows.code_note if rows is not None and verdict.parts else "",
                )
            )
    return sorted(lines, key=lambda line: line.claim.id)


def rule_objection(origin: RuleOrigin, first_start: str, *, has_history: bool) -> str:
    """Return why a rule may not judge runs that began then; "" if it may.

    Without a history (no git, an export, a shallow clone) nothing can be compared, which is no
    objection: an export of the repository has the verdicts of the repository.

    Args:
        origin: of the rule.
        first_start: ISO 8601 time at which the first of the runs began; "" is unknown.
        has_history: the whole history is here, so that a rule without an origin is not committed.
    """
    if has_history and not origin.commit:
        return "the rule as it reads now is not committed, so it is not known to be older than runs"
    if not first_start:
        return "it is not known when the runs began, so the rule is not known to be older"
    if origin.is_before(first_start) is False:
        return f"the rule ({origin.date}) is not older than the first of the runs ({first_start})"
    return ""


def _origin(claim: Claim, scale: str) -> RuleOrigin:
    if scale not in claim.rules:
        return RuleOrigin("", "")
    return rule_origin(claim.path, scale, claim.document)


def _judge(claim: Claim, scale: str, rows: Rows | None, origin: RuleOrigin) -> ClaimVerdict:
    rule = claim.rules.get(scale)
    if rule is None:
        reason = (
            f"no rule for scale {scale}"
            if scale in claim.meaningful
            else f"says nothing at scale {scale}"
        )
        return ClaimVerdict(word=Word.NOT_RUN, reason=reason)
    if rows is None:
        return ClaimVerdict(word=Word.NOT_RUN, reason="no run is stored")
    measured = measure(rule, rows)
    used = {
        run for item in measured for run in item.run_ids if not _is_of(run, rule.exploratory_seeds)
    }
    starts = [rows.started.get(run, "") for run in used]
    # a run that began nobody knows when may be older than the rule
    first = min(starts, default="") if all(starts) else ""
    objection = ""
    if used:
        objection = rule_objection(origin, first, has_history=has_history(claim.path.parent))
    return judge(rule, measured, objection, unfinished(rule, rows))


def _is_of(run_id: str, seeds: Sequence[int]) -> bool:
    """Return whether a run, named `<arm>-s<seed>-<id>`, is of one of the seeds."""
    return int(run_id.rsplit("-", 2)[1].removeprefix("s")) in seeds


def _decided_by(
    claim: Claim,
    scale: str,
    verdict: ClaimVerdict,
    ablations: Mapping[str, Path],
    scales: Sequence[str],
) -> tuple[str, str]:
    """Return the command that would decide a claim, and what it still lacks."""
    if verdict.word in (Word.REPRODUCED, Word.CONTRADICTED):
        return "", ""
    at = scale if scale in claim.rules else claim.scale
    command = f"python -m harness.run ablation={claim.ablation} scale={at}"
    if verdict.word is Word.INCONCLUSIVE and verdict.seeds_needed is not None:
        command += f" seeds={_next_seeds(verdict)}"
    elif verdict.word is Word.INCONCLUSIVE:
        return "", "no number of seeds up to 64 would decide it at this mean and spread"
    lacking = []
    if claim.ablation not in ablations:
        lacking.append(f"ablations/{claim.ablation}.yaml")
    if at not in scales:
        lacking.append(f"scale {at}")
    return command, " and ".join(lacking)


def _next_seeds(verdict: ClaimVerdict) -> str:
    """Return the seeds that a request must name: those there are, and the next ones."""
    have = list(verdict.parts[0].seeds)
    count = verdict.seeds_needed or len(have)
    more = range(max(have) + 1, max(have) + 1 + count - len(have))
    return "[" + ",".join(map(str, [*have, *more])) + "]"
