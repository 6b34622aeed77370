"""The claim sheet: every claim with what the paper says, what we have, and what would decide it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from harness.claims.deciding import Word
from harness.claims.history import History
from harness.claims.judging import DESIGN, ClaimVerdict, Numbers, correct, judge, with_replication
from harness.claims.measuring import Rows, measure, unfinished
from harness.claims.reading import Claim
from harness.claims.registration import standing_of
from harness.claims.rules import ClaimRule
from harness.paths import ROOT
from harness.spec.scale_data import data_of_scale

RowsOf = Callable[[str], Rows | None]
"""Name of an ablation -> its stored runs at the sheet's scale; None if there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One claim on the sheet.

    Attributes:
        claim: of the paper.
        verdict: what the rule of the sheet's scale said.
        place: where the runs are stored; "" if there are none.
        decided_by: the command of the next look; "" if it is decided or there is none.
        lacking: what must be built first for that command, or why no command would; "" if nothing.
        code_note: why the code of the runs cannot be looked at here; "" if it can.
    """

    claim: Claim
    verdict: ClaimVerdict
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
    root: Path = ROOT,
) -> list[Line]:
    """Judge every claim at one scale.

    Args:
        claims: of the paper, all of them: the correction needs the whole family.
        scale: whose rules are applied.
        rows_of: finds stored runs.
        ablations: ablations that exist, name -> file.
        scales: scales that exist.
        root: of the checkout that holds the claims.
    """
    history = History(root)
    stored = {name: rows_of(name) for name in dict.fromkeys(c.ablation for c in claims)}
    verdicts = [_judge(claim, scale, stored[claim.ablation], history) for claim in claims]
    tested = correct(verdicts, [claim.role == "primary" for claim in claims])
    lines = []
    for claim, verdict in zip(claims, tested, strict=True):
        rows = stored[claim.ablation] if verdict.estimates else None
        command, lacking = _decided_by(claim, scale, verdict, ablations, scales)
        lines.append(
            Line(
                claim=claim,
                verdict=verdict,
                place=rows.place if rows else "",
                decided_by=command,
                lacking=lacking,
                code_note=rows.code_note if rows else "",
            )
        )
    return sorted(lines, key=lambda line: line.claim.id)


def _judge(claim: Claim, scale: str, rows: Rows | None, history: History) -> ClaimVerdict:
    rule = claim.rules.get(scale)
    if rule is None:
        reason = claim.no_rule.get(scale) or f"says nothing at scale {scale}"
        return ClaimVerdict(word=Word.NOT_RUN, reason=reason)
    if rows is None:
        return ClaimVerdict(word=Word.NOT_RUN, reason="no run is stored")
    if not rule.is_for(rows.data):
        return ClaimVerdict(word=Word.NOT_RUN, reason=_of_other_data(rule, rows))
    numbers = Numbers(
        parts=measure(rule.parts, rows),
        control=measure(rule.control, rows),
        unfinished=unfinished(rule, rows),
        steps=rows.steps,
    )
    verdict = judge(rule, numbers)
    if not verdict.run_ids:
        return verdict
    used = _deciding(rule, rows)
    standing = standing_of(claim, scale, used, history.root, history)
    return replace(with_replication(rule, numbers, verdict), standing=standing)


def _of_other_data(rule: ClaimRule, rows: Rows) -> str:
    told = f"are of another data set: {rows.data}" if rows.data else "do not say their data set"
    return f"the stored runs {told}, and the rule is for {rule.data}"


def _deciding(rule: ClaimRule, rows: Rows) -> pd.DataFrame:
    """Return the rows of the runs on which a verdict rests, those of its control among them."""
    runs = rows.tables.runs
    arms = {arm for part in (*rule.parts, *rule.control) for arm in part.quantity.arms}
    is_mine = runs["is_included"].astype(bool) & runs["arm"].astype(str).isin(arms)
    return runs[is_mine & ~runs["seed"].astype(int).isin(rule.exploratory_seeds)]


def _decided_by(
    claim: Claim,
    scale: str,
    verdict: ClaimVerdict,
    ablations: Mapping[str, Path],
    scales: Sequence[str],
) -> tuple[str, str]:
    """Return the command of the next look, and what it still lacks."""
    if verdict.word in (Word.REPRODUCED, Word.CONTRADICTED):
        return "", ""
    if scale in claim.no_rule:
        return "", ""
    if verdict.word is Word.UNTESTABLE:
        return "", "another world or an arm of the control, see the reason"
    at = scale if scale in claim.rules else claim.scale
    command = f"python -m harness.run ablation={claim.ablation} scale={at}"
    if verdict.word is Word.INCONCLUSIVE and verdict.seeds:
        if not verdict.next_look:
            return "", f"nothing: {DESIGN.seeds[-1]} seeds are the last look"
        command += f" seeds={_next_seeds(verdict)}"
    lacking = []
    rule = claim.rules.get(at)
    if rule and at in scales and not rule.is_for(data_of_scale(at)):
        # the command's runs would be of data that the rule does not judge
        lacking.append(f"a rule for data set {data_of_scale(at)}")
    if claim.ablation not in ablations:
        lacking.append(f"ablations/{claim.ablation}.yaml")
    if at not in scales:
        lacking.append(f"scale {at}")
    return command, " and ".join(lacking)


def _next_seeds(verdict: ClaimVerdict) -> str:
    """Return the seeds of the next look: those there are, and the next ones."""
    have = list(verdict.seeds)
    more = range(max(have) + 1, max(have) + 1 + verdict.next_look - len(have))
    return "[" + ",".join(map(str, [*have, *more])) + "]"
