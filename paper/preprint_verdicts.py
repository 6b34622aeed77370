"""What verdicts there are and what they are worth, in the plain sentences of the preprint."""

from __future__ import annotations

from collections.abc import Sequence

from harness.claims.deciding import Word
from harness.claims.judging import DESIGN
from harness.claims.layout import counts, is_evidence, reach, verdict_text
from harness.claims.sheet import Line
from paper.parts import NONE_OURS
from paper.series import INTERVAL

_SAID = (Word.REPRODUCED, Word.CONTRADICTED)
_DOTS = (
    "Dots and lines: ours, mean over seeds with the t interval that decides, at the level beside"
    " it; a hollow dot is not confirmatory."
)


def listed(words: Sequence[object]) -> str:
    """Return words as a list of a sentence: a, b and c."""
    texts = [str(word) for word in words]
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)


def sheet_words(lines: Sequence[Line], scale: str) -> dict[str, str]:
    """Return placeholder -> text of the whole sheet; "" where there is no value."""
    rules = [line.claim.rules[scale] for line in lines if scale in line.claim.rules]
    return {
        "claim_count": str(len(lines)),
        "finding_count": str(len({line.claim.finding for line in lines})),
        "not_run_count": str(sum(line.verdict.word is Word.NOT_RUN for line in lines)),
        "primary_count": str(len(_of_role(lines, "primary"))),
        "claim_summary": counts(lines).partition(": ")[2],
        "reach": reach(scale),
        "look_seeds": listed(DESIGN.seeds),
        "error_rate": f"{100 * DESIGN.alpha:g} %",
        "interval_note": INTERVAL,
        "rule_data": listed(sorted({rule.data for rule in rules})),
        "rule_seeds": listed(sorted({seed for rule in rules for seed in rule.exploratory_seeds})),
        "outcome_note": outcome_note(lines),
        "verdict_note": verdict_note(lines, scale),
        "dots_note": _DOTS if _measured(lines) else f"{NONE_OURS}.",
    }


def outcome_note(lines: Sequence[Line]) -> str:
    """Return what came out of all claims, in short."""
    measured = _measured(lines)
    if not measured:
        return "No claim has a verdict yet."
    outcome = counts(lines).partition(": ")[2]
    return f"{_ids(measured)} {_are(measured)} measured. The outcome of all: {outcome}."


def verdict_note(lines: Sequence[Line], scale: str) -> str:
    """Return what the verdicts are worth, or that there are none."""
    measured = _measured(lines)
    if not measured:
        return "No claim has a verdict: no rule judges a stored run."
    notes = [
        evidence_note(lines),
        smoke_note(lines),
        secondary_note(measured),
        standing_note(measured),
        untestable_note(lines, scale),
    ]
    return " ".join(notes)


def evidence_note(lines: Sequence[Line]) -> str:
    """Name the primary claims that survive the correction, and those that are evidence."""
    primary = _of_role(lines, "primary")
    measured = [line for line in primary if line.verdict.estimates]
    if not measured:
        return f"None of the {len(primary)} primary claims is measured, so none counts as evidence."
    head = f"Of the {len(primary)} primary claims, {_ids(measured)} {_are(measured)} measured."
    said = [line for line in measured if line.verdict.word in _SAID]
    if not said:
        return f"{head} None of them is reproduced or contradicted, so none counts as evidence."
    kept = [line for line in said if line.verdict.survives]
    if not kept:
        return (
            f"{head} {_with_words(said)} {_are(said)} the only ones with such a word, and after"
            " Holm's correction none survives, so none counts as evidence."
        )
    head += f" After Holm's correction {_with_words(kept)} survive{'s' * (len(kept) == 1)}."
    evidence = [line for line in kept if is_evidence(line)]
    if not evidence:
        return f"{head} None of these is confirmatory, so none counts as evidence."
    return f"{head} As evidence, since the rule is older than the runs: {_ids(evidence)}."


def smoke_note(lines: Sequence[Line]) -> str:
    """Count the smoke tests that passed, and say that they are no evidence."""
    smoke = _of_role(lines, "smoke test")
    if not smoke:
        return "No claim is a smoke test."
    passed = [line for line in smoke if line.verdict.word is Word.REPRODUCED]
    return (
        f"{len(passed)} of {len(smoke)} smoke tests ({_ids(smoke)}) are passed: any trainer that"
        " works passes them, so they are no evidence."
    )


def secondary_note(measured: Sequence[Line]) -> str:
    """Return the words of the secondary claims, which no correction covers."""
    secondary = _of_role(measured, "secondary")
    if not secondary:
        return "No secondary claim is measured."
    return (
        f"Secondary claims are reported without a correction and are no evidence:"
        f" {_with_words(secondary)}."
    )


def standing_note(measured: Sequence[Line]) -> str:
    """Name the confirmatory verdicts and the exploratory ones, with reasons."""
    groups: dict[str, list[Line]] = {}
    for line in measured:
        standing = line.verdict.standing
        if standing is not None:
            said = f"{standing.kind}: {standing.reason}" if standing.reason else f"{standing.kind}"
            groups.setdefault(said, []).append(line)
    if not groups:
        return "No verdict rests on runs."
    if len(groups) == 1:
        ((said, own),) = groups.items()
        return f"All {len(own)} verdicts on measured claims are {said}."
    parts = [f"{_ids(own)} {_are(own)} {said}" for said, own in groups.items()]
    return f"Of the verdicts on measured claims, {'; '.join(parts)}."


def untestable_note(lines: Sequence[Line], scale: str) -> str:
    """Name the claims that cannot be tested at the scale, with reasons."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        if line.verdict.word is Word.UNTESTABLE:
            groups.setdefault(line.verdict.reason, []).append(line)
    found = [f"{_ids(own)}, since {reason}" for reason, own in groups.items()]
    note = f"Untestable here: {'; '.join(found)}." if found else "No measured claim is untestable."
    ahead = [
        line
        for line in lines
        if line.verdict.word is Word.NOT_RUN
        and (rule := line.claim.rules.get(scale)) is not None
        and rule.untestable
    ]
    if ahead:
        note += (
            f" Of the claims that are not run, {_ids(ahead)} could not be shown at this scale"
            " either, for the reasons in their rules."
        )
    return note


def _measured(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line.verdict.estimates]


def _of_role(lines: Sequence[Line], role: str) -> list[Line]:
    return [line for line in lines if line.claim.role == role]


def _ids(lines: Sequence[Line]) -> str:
    return listed([line.claim.id for line in lines])


def _with_words(lines: Sequence[Line]) -> str:
    return listed([f"{line.claim.id} ({verdict_text(line.verdict)})" for line in lines])


def _are(lines: Sequence[Line]) -> str:
    return "is" if len(lines) == 1 else "are"
