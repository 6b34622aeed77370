"""docs/findings.md: each finding of the paper beside what our stored runs say of it, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import yaml

from harness.claims.deciding import Word
from harness.claims.layout import counts, estimate_text, ours_text, verdict_text
from harness.claims.lint_table import FILE as LINT
from harness.claims.rows import claim_sheet, stored_rows
from harness.claims.sheet import Line
from harness.metrics.tables import read_parquet
from harness.paths import BASELINES, DOCS, ROOT
from harness.schema import DamagedError
from harness.text import NOTHING, markdown_table, paragraphs

SCALE = "micro"
READINGS = DOCS / "findings.yaml"
"""Claim -> why it agrees with the paper or does not, in our words; one for each measured claim."""

PROBLEM = "This is the problem:\n"
_LONGEST = 300
"""Characters of a response that are shown."""

_GROUPS: Sequence[tuple[str, tuple[Word, ...]]] = (
    ("What holds", (Word.REPRODUCED,)),
    ("What does not hold", (Word.CONTRADICTED,)),
    ("What is not decided", (Word.INCONCLUSIVE,)),
    ("What was run and could not be asked here", (Word.UNTESTABLE,)),
)

_HEAD = """# Findings

Made from the stored studies by `python -m harness.docs findings`; a test compares. The paragraphs
are those of `docs/findings.yaml`.

Each finding of the paper as a sentence with a rule that was written before the runs, beside what
our runs in the micro-world say. A verdict here is never evidence about 7B: other models, other
questions, responses of some forty tokens. Whether an effect could have been seen has two answers:
the power, how many simulated studies of five seeds found the effect that the rule was made for
(`python -m harness.claims lint`), and what the arm did that is known to differ. Replication: how
many fresh studies of this size would say the same word. Responses are those of the first seed to
the first question of each set."""


def page(root: Path = ROOT, baselines: Path = BASELINES) -> str:
    """Return the text of docs/findings.md.

    Raises:
        DamagedError: a measured claim has no paragraph, or a paragraph is of no measured claim.
    """
    lines = claim_sheet(SCALE, stored_rows(SCALE, root / "results", baselines))
    measured = [line for line in lines if line.verdict.estimates]
    readings = read_readings(READINGS, [line.claim.id for line in measured])
    power = pd.read_csv(LINT, dtype=str, keep_default_na=False).set_index("claim")
    parts = [_HEAD, f"**{counts(lines)}**", _overview(measured, power)]
    for title, words in _GROUPS:
        own = [line for line in measured if line.verdict.word in words]
        if own:
            parts.append(f"## {title}")
            parts += [_claim(line, readings[line.claim.id], power, root) for line in own]
    parts += ["## What has not been asked", _rest(lines)]
    return paragraphs(*parts) + "\n"


def read_readings(path: Path, measured: Sequence[str]) -> Mapping[str, str]:
    """Return claim -> paragraph.

    Raises:
        DamagedError: the claims are not those that are measured.
    """
    found: dict[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
    missing, extra = sorted({*measured} - {*found}), sorted({*found} - {*measured})
    if missing or extra:
        raise DamagedError(
            f"{path.name} has no paragraph on {', '.join(missing) or 'none'} and one too many on"
            f" {', '.join(extra) or 'none'}: expected one for each claim that has been measured"
        )
    return {claim: " ".join(text.split()) for claim, text in found.items()}


def _overview(measured: Iterable[Line], power: pd.DataFrame) -> str:
    heads = ["finding", "sentence", "ours", "verdict", "replication", "power"]
    rows = [
        [
            f"[{line.claim.id}](#{line.claim.id})",
            line.claim.statement,
            ours_text(line),
            verdict_text(line.verdict),
            _again(line),
            _power(line, power),
        ]
        for line in measured
    ]
    return markdown_table(heads, rows, "<<<<>>")


def _claim(line: Line, reading: str, power: pd.DataFrame, root: Path) -> str:
    claim, verdict = line.claim, line.verdict
    shown = [f"- The paper: {claim.quantity}.", f"- Ours: {ours_text(line)}."]
    again = _again(line)
    said = "" if again == NOTHING else f"; {again} of fresh studies of this size would say the same"
    shown.append(f"- Verdict: **{verdict_text(verdict)}**, {verdict.reason}{said}.")
    shown.append(f"- Could it be seen: {_seen(line, power)}.")
    place = Path(line.place).resolve().relative_to(root).as_posix()
    shown.append(f"- Runs: [{place}](../{place}/REPORT.md).")
    arms = verdict.estimates[0].measured.part.quantity.arms
    examples = _responses(root / place, arms[:2])
    head = f'<a id="{claim.id}"></a>\n\n### {claim.id}: {claim.statement}'
    return paragraphs(head, "\n".join(shown), reading, *([examples] if examples else []))


def _seen(line: Line, power: pd.DataFrame) -> str:
    """Say what simulations and the control arm tell of the study's eyes."""
    said = []
    if (share := _power(line, power)) != NOTHING:
        said.append(f"{share} of simulated studies of five seeds found the effect of the rule")
    if line.verdict.control:
        measured = "; ".join(estimate_text(item) for item in line.verdict.control)
        said.append(f"the arm that is known to differ: {measured}")
    return "; ".join(said) or "no arm is known to differ, and the rule was not simulated"


def _power(line: Line, power: pd.DataFrame) -> str:
    if line.claim.id not in power.index:
        return NOTHING
    share = str(power.loc[line.claim.id, "power_5"])
    return _share(float(share)) if share else NOTHING


def _again(line: Line) -> str:
    is_decided = line.verdict.word in (Word.REPRODUCED, Word.CONTRADICTED)
    return _share(line.verdict.replication) if is_decided else NOTHING


def _share(value: float) -> str:
    return NOTHING if value != value else f"{100 * value:.0f} %"


def _responses(place: Path, arms: Sequence[str]) -> str:
    """Return what two arms of a claim answered before and after training.

    Sample 0 of the first question of each split, of the first seed of both, at the first and the
    last evaluation: chosen by this rule and not by reading.
    """
    path = place / "samples.parquet"
    if not path.is_file():
        return ""
    samples = read_parquet(path).astype({"arm": str, "question_id": str, "split": str})
    own = samples[
        samples["response"].notna() & samples["arm"].isin(arms) & (samples["sample"] == 0)
    ]
    own = own[own["seed"] == own["seed"].min()]
    rows = [_before_and_after(split, arms) for _, split in own.groupby("split")]
    heads = ["question", f"before, {arms[0]}", *(f"after, {arm}" for arm in arms)]
    return markdown_table(heads, rows, "<" * len(heads)) if rows else ""


def _before_and_after(split: pd.DataFrame, arms: Sequence[str]) -> list[str]:
    own = split[split["question_id"] == split["question_id"].min()]
    problem = str(own["prompt"].iloc[0]).rpartition(PROBLEM)[2].split("\n")[0]
    first, last = own["step"].min(), own["step"].max()
    wanted = [(arms[0], first), *((arm, last) for arm in arms)]
    shown = [own[(own["arm"] == arm) & (own["step"] == step)] for arm, step in wanted]
    return [f"`{problem}`", *(_response(row) for row in shown)]


def _response(rows: pd.DataFrame) -> str:
    if rows.empty:
        return NOTHING
    text = " ".join(str(rows["response"].iloc[0]).split())
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    # a bar would end the cell
    return f"`{text.replace('|', '¦')}` ({rows['outcome'].iloc[0]})"


def _rest(lines: Iterable[Line]) -> str:
    rows = [
        [line.claim.id, line.claim.statement, line.verdict.reason.rstrip(".")]
        for line in lines
        if not line.verdict.estimates
    ]
    return markdown_table(["claim", "sentence", "why"], rows, "<<<")
