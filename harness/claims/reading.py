"""One claim file: what a paper states, what it rests on, and the rule that decides it.

    id: f07a                       unique; the finding's number and a letter
    finding: 7
    statement: ...
    ablation: kl_penalty           the ablation whose arms speak to it
    arms: [kl=none, kl=loss]       of that ablation
    metric: accuracy_easy          what is compared, see docs/metrics.md, or in words
    direction: higher              of the first arm: higher, lower, same
    published: {quantity: ..., references: [names of tables and curves]}
    words_only: false              the paper gives no number
    pass_rule: ...                 at the paper's own scale, in words, with its margins
    scale: orz_7b                  of the published runs
    seeds: 5                       training seeds that a verdict needs
    meaningful: [micro, orz_7b]    scales at which the question makes sense
    rules: {micro: {...}}          see harness/claims/rules.py; none is "not run" at that scale

A rule's content is committed before the runs that it judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.claims.rules import ClaimRule, read_claim_rule
from harness.cli import suggest
from harness.schema import UsageError

DIRECTIONS = ("higher", "lower", "same")
_NEEDED = (
    "id",
    "finding",
    "statement",
    "ablation",
    "arms",
    "metric",
    "direction",
    "published",
    "words_only",
    "pass_rule",
    "scale",
    "seeds",
    "meaningful",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim, checked; the fields are those of its file.

    Attributes:
        path: of the file.
        quantity: the published number in words.
        references: names of the tables and curves that it was read from.
        rules: scale -> rule; a scale without a rule has no verdict.
        document: the file as read, for the age of its rules.
    """

    path: Path
    id: str
    finding: int
    statement: str
    ablation: str
    arms: tuple[str, ...]
    metric: str
    direction: str
    quantity: str
    references: tuple[str, ...]
    words_only: bool
    pass_rule: str
    scale: str
    seeds: int
    meaningful: tuple[str, ...]
    rules: Mapping[str, ClaimRule] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)


def read_claims(directory: Path) -> list[Claim]:
    """Return the claims of a paper in the order of their ids.

    Args:
        directory: with one YAML file per claim.

    Raises:
        UsageError: a file is wrong, or two have the same id.
    """
    claims = [read_claim(path) for path in sorted(directory.glob("*.yaml"))]
    seen: dict[str, Path] = {}
    for claim in claims:
        other = seen.setdefault(claim.id, claim.path)
        if other != claim.path:
            raise UsageError(
                f"{claim.path.name} and {other.name} have the id {claim.id}: rename one"
            )
    return sorted(claims, key=lambda claim: claim.id)


def read_claim(path: Path) -> Claim:
    """Read and check one claim file.

    Raises:
        UsageError: a key is missing or unknown, or a value is of the wrong kind.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    where = path.name
    _check_keys(document, where)
    published = document["published"]
    words_only = document["words_only"]
    references = tuple(published.get("references") or ())
    if not words_only and not references:
        raise UsageError(
            f"{where} names no reference: name the tables or curves of its published quantity, or"
            " say words_only: true"
        )
    if document["direction"] not in DIRECTIONS:
        raise UsageError(
            f"{where} has the direction {document['direction']!r}:"
            f" {suggest(str(document['direction']), DIRECTIONS)}"
        )
    rules = {
        scale: read_claim_rule(raw, f"rules.{scale} of {where}")
        for scale, raw in (document.get("rules") or {}).items()
    }
    astray = sorted(set(rules) - set(document["meaningful"]))
    if astray:
        raise UsageError(f"{where} has a rule for {astray[0]}, which `meaningful` does not list")
    return Claim(
        path=path,
        id=str(document["id"]),
        finding=int(document["finding"]),
        statement=str(document["statement"]),
        ablation=str(document["ablation"]),
        arms=tuple(document["arms"]),
        metric=str(document["metric"]),
        direction=str(document["direction"]),
        quantity=str(published["quantity"]),
        references=references,
        words_only=bool(words_only),
        pass_rule=str(document["pass_rule"]),
        scale=str(document["scale"]),
        seeds=int(document["seeds"]),
        meaningful=tuple(document["meaningful"]),
        rules=rules,
        document=document,
    )


def _check_keys(document: Any, where: str) -> None:
    if not isinstance(document, dict):
        raise UsageError(f"{where} is no mapping: expected the keys {', '.join(_NEEDED)}")
    for key in _NEEDED:
        if document.get(key) is None:
            raise UsageError(f"{where} has no `{key}`: add it (format: harness/claims/reading.py)")
    for key in document:
        if key not in (*_NEEDED, "rules"):
            raise UsageError(
                f"{where} has an unknown key `{key}`: {suggest(key, (*_NEEDED, 'rules'))}"
            )
