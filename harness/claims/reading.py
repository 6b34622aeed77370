"""One claim file: what a paper states, what it rests on, and the rules that decide it.

    id: f07a                       unique; the finding's number and a letter
    finding: 7
    statement: ...
    ablation: kl_penalty           the ablation whose arms decide it
    published: {quantity: ..., references: [names of tables and curves]}
    words_only: false              the paper gives no number
    scale: orz_7b                  of the published runs
    rules: {micro: {...}}          scale -> rule, see harness/claims/rules.py
    no_rule: {orz_32b: ...}        scales at which it makes sense and runs cannot decide it: why

`family.yaml` beside the claims names the primary ones, at most eight: the correction for looking at
several claims runs over them. It names the smoke tests too, which any trainer that works passes and
which are no evidence; the others are secondary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from harness.claims.rules import ClaimRule, read_claim_rule
from harness.schema import UsageError
from harness.typed import Form, Many, Text, checked, read_form, read_yaml

Role = Literal["primary", "secondary", "smoke test"]

FAMILY = "family.yaml"
MOST_PRIMARY = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim, checked; the fields are those of its file.

    Attributes:
        path: of the file.
        quantity: the published number in words.
        references: names of the tables and curves that it was read from.
        role: "primary" claims are the family that the correction runs over.
        rules: scale -> rule; a scale without a rule has no verdict.
        no_rule: scale -> why runs at it cannot decide the claim.
        document: the file as read, for the age of its rules.
    """

    path: Path
    id: str
    finding: int
    statement: str
    ablation: str
    quantity: str
    references: tuple[str, ...]
    words_only: bool
    scale: str
    role: Role = "secondary"
    rules: Mapping[str, ClaimRule] = field(default_factory=dict)
    no_rule: Mapping[str, str] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)

    @property
    def meaningful(self) -> tuple[str, ...]:
        """Scales at which the question makes sense."""
        return (*self.rules, *self.no_rule)


class PublishedForm(Form):
    """What the paper gives."""

    quantity: Text
    references: Many[str] = ()


class ClaimForm(Form):
    """A claim file."""

    id: str
    finding: int
    statement: str
    ablation: str
    published: PublishedForm
    words_only: bool
    scale: str
    rules: Mapping[str, Any] = {}
    no_rule: Mapping[str, str] = {}


class FamilyForm(Form):
    """The file of the primary claims."""

    primary: Many[str]
    smoke_tests: Many[str] = ()
    because: str

    def role(self, claim: str) -> Role:
        """Return the role of a claim."""
        if claim in self.primary:
            return "primary"
        return "smoke test" if claim in self.smoke_tests else "secondary"


NO_FAMILY = FamilyForm(primary=(), because="there is no file")


def read_claims(directory: Path) -> list[Claim]:
    """Return the claims of a paper in the order of their ids.

    Args:
        directory: with one YAML file per claim, and the family's.

    Raises:
        UsageError: a file is wrong, two have the same id, or the family names what is not there.
    """
    family = read_family(directory)
    paths = [path for path in sorted(directory.glob("*.yaml")) if path.name != FAMILY]
    claims = [read_claim(path, family) for path in paths]
    seen: dict[str, Path] = {}
    for claim in claims:
        other = seen.setdefault(claim.id, claim.path)
        if other != claim.path:
            raise UsageError(
                f"{claim.path.name} and {other.name} have the id {claim.id}: rename one"
            )
    named = (*family.primary, *family.smoke_tests)
    if absent := [name for name in named if name not in seen]:
        raise UsageError(f"{FAMILY} names the claim {absent[0]}, which no file has")
    return sorted(claims, key=lambda claim: claim.id)


def read_family(directory: Path) -> FamilyForm:
    """Return the family; without a file all claims are secondary.

    Raises:
        UsageError: the file is wrong, or names more than `MOST_PRIMARY`.
    """
    path = directory / FAMILY
    if not path.is_file():
        return NO_FAMILY
    family = read_form(FamilyForm, path, place=FAMILY, wrong=UsageError)
    named = (*family.primary, *family.smoke_tests)
    if len(family.primary) > MOST_PRIMARY or len(set(named)) != len(named):
        raise UsageError(
            f"{FAMILY} has {len(family.primary)} primary claims and names {len(named)}: expected at"
            f" most {MOST_PRIMARY} primary ones, each name once"
        )
    return family


def read_claim(path: Path, family: FamilyForm = NO_FAMILY) -> Claim:
    """Read and check one claim file.

    Raises:
        UsageError: a key is missing or unknown, or a value is of the wrong kind.
    """
    where = path.name
    document = read_yaml(path, place=where, wrong=UsageError)
    form = checked(ClaimForm, document, where, wrong=UsageError)
    if not form.words_only and not form.published.references:
        raise UsageError(
            f"{where} names no reference: name the tables or curves of its published quantity, or"
            " say words_only: true"
        )
    rules = {
        scale: read_claim_rule(raw, f"rules.{scale} of {where}")
        for scale, raw in form.rules.items()
    }
    if doubled := sorted(set(rules) & set(form.no_rule)):
        raise UsageError(f"{where} has a rule for {doubled[0]} and says why it has none: keep one")
    return Claim(
        path=path,
        id=form.id,
        finding=form.finding,
        statement=form.statement,
        ablation=form.ablation,
        quantity=form.published.quantity,
        references=tuple(form.published.references),
        words_only=form.words_only,
        scale=form.scale,
        role=family.role(form.id),
        rules=rules,
        no_rule=form.no_rule,
        document=document,
    )
