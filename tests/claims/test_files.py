"""Every claim file on disk: whole, about a finding, and with references that exist."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.claims.page import page
from harness.claims.reading import read_claim, read_claims
from harness.metrics.columns import column_of
from harness.paths import CLAIMS, PAPER, ROOT
from harness.references.paper import read_paper
from harness.schema import UsageError
from harness.spec.ablation import read_ablation
from harness.spec.choices import ablation_files
from harness.spec.config import load_ablation
from harness.spec.matrix import arm_name, arms_of

ALL = read_claims(CLAIMS)


def test_every_finding_has_a_claim() -> None:
    assert {claim.finding for claim in ALL} == set(range(1, 24))


def test_references_exist() -> None:
    names = read_paper(PAPER).names
    missing = {ref for claim in ALL for ref in claim.references} - names
    assert not missing
    assert not {ref for claim in ALL if claim.words_only for ref in claim.references}


@pytest.mark.parametrize("claim", [c for c in ALL if c.rules], ids=lambda claim: claim.id)
def test_a_rule_speaks_of_arms_and_metrics_that_exist(claim: Any) -> None:
    for rule in claim.rules.values():
        assert column_of(rule.metric)
        if claim.ablation not in ablation_files():
            continue
        factors = load_ablation(claim.ablation)["factors"]
        for arm in (rule.arm, *rule.minus):
            factor, _, level = arm.partition("=")
            assert level in map(str, factors[factor])


def test_a_claim_that_micro_can_decide_has_its_ablation() -> None:
    lacking = {c.ablation for c in ALL if "micro" in c.rules} - set(ablation_files())
    assert not lacking


@pytest.mark.parametrize("claim", ALL, ids=lambda claim: claim.id)
def test_the_arms_of_a_claim_are_those_of_its_ablation_at_its_scale(claim: Any) -> None:
    for scale in (claim.scale, *claim.rules):
        ablation = read_ablation(claim.ablation, load_ablation(claim.ablation), scale)
        arms = {arm_name(arm.levels) for arm in arms_of(ablation)}
        assert set(claim.arms) <= arms


def test_a_claim_about_arms_that_there_are_not_is_found() -> None:
    ablation = read_ablation("algorithm", load_ablation("algorithm"), "micro")
    assert "algorithm=dapo" not in {arm_name(arm.levels) for arm in arms_of(ablation)}


def test_the_page_is_made_from_the_files() -> None:
    text = (ROOT / "docs/claims.md").read_text()
    assert text == page(ALL), "write it again: python -m harness.docs claims"


VALID = (CLAIMS / "f07a_no_kl_is_more_accurate.yaml").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"statement": None}, "has no `statement`"),
        ({"statment": "x"}, "did you mean statement"),
        ({"direction": "up"}, "has the direction 'up'"),
        ({"published": {"quantity": "1"}}, "names no reference"),
        ({"meaningful": ["orz_7b"]}, "has a rule for micro"),
        ({"rules": {"micro": {"kind": "difference"}}}, "has no `metric`"),
    ],
)
def test_a_file_that_says_too_little_is_refused(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(VALID), **change}))
    with pytest.raises(UsageError, match=message):
        read_claim(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "differences"}, "has the kind 'differences'"),
        ({"minus": None}, "`minus` belongs to kind difference"),
        ({"window": 5}, "`window` belongs to kind largest_fall"),
        ({"level": 95}, "has level 95"),
        ({"min_seeds": 1}, "has min_seeds 1"),
        ({"margin": 0.1}, "unknown key `margin`"),
        ({"reproduced": {"all": {"low": {"above": 0}}}}, "has the condition"),
    ],
)
def test_a_rule_of_another_form_is_refused(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    document = yaml.safe_load(VALID)
    document["rules"]["micro"] |= change
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(UsageError, match=message):
        read_claim(path)


def test_two_files_with_one_id_are_refused(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(VALID)
    with pytest.raises(UsageError, match="have the id f07a"):
        read_claims(tmp_path)
