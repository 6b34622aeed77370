"""Every claim file on disk: whole, about a finding, and with references that exist."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.claims.judging import DESIGN
from harness.claims.page import page
from harness.claims.reading import read_claim, read_claims
from harness.metrics.columns import column_of
from harness.paths import CLAIMS, PAPER, ROOT
from harness.references.paper import read_paper
from harness.schema import UsageError
from harness.spec.ablation import load_ablation, read_ablation
from harness.spec.choices import ablation_files, group_choices
from harness.spec.matrix import arm_name, arms_of, select_seeds
from harness.store.data_names import FIRST_WORLD
from harness.typed import read_yaml

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
    for scale, rule in claim.rules.items():
        ablation = read_ablation(claim.ablation, load_ablation(claim.ablation), scale)
        arms = {arm_name(arm.levels) for arm in arms_of(ablation)}
        assert set(rule.arms) <= arms, scale
        assert {arm for part in rule.control for arm in part.quantity.arms} <= arms, scale
        assert all(column_of(metric) for metric in rule.metrics)


def test_a_rule_is_for_data_that_there_is() -> None:
    there = {read_yaml(path)["dataset"]["name"] for path in group_choices()["dataset"].values()}
    named = {rule.data for claim in ALL for rule in claim.rules.values()} - {""}
    assert named
    assert named <= {*there, FIRST_WORLD}


def test_every_scale_at_which_a_claim_makes_sense_has_a_rule_or_says_why_not() -> None:
    assert all(claim.rules or claim.no_rule for claim in ALL)
    assert all(claim.scale in claim.meaningful or claim.id == "f18" for claim in ALL)


def test_a_claim_that_micro_can_decide_has_its_ablation() -> None:
    lacking = {c.ablation for c in ALL if "micro" in c.rules} - set(ablation_files())
    assert not lacking


@pytest.mark.parametrize("claim", [c for c in ALL if "micro" in c.rules], ids=lambda c: c.id)
def test_a_whole_micro_study_reaches_the_first_look(claim: Any) -> None:
    ablation = read_ablation(claim.ablation, load_ablation(claim.ablation), "micro")
    rule = claim.rules["micro"]
    seeds = select_seeds(None, ablation.seeds)
    assert len(set(seeds) - set(rule.exploratory_seeds)) >= DESIGN.seeds[0]
    assert ablation.steps >= rule.steps


def windows(rule: Any) -> set[tuple[str, str, int]]:
    parts = (*rule.parts, *rule.control)
    return {(p.quantity.measure, p.quantity.metric, p.quantity.window) for p in parts}


def test_a_control_falls_in_the_means_in_which_its_part_falls() -> None:
    """One in means of 20 steps beside the other in means of 3 would compare two things."""
    for claim in ALL:
        for scale, rule in claim.rules.items():
            found = windows(rule)
            assert len({(measure, metric) for measure, metric, _ in found}) == len(found), scale
    rule = read_claim(next(CLAIMS.glob("f01b*"))).rules["orz_7b"]
    part = replace(rule.parts[0], quantity=replace(rule.parts[0].quantity, window=3))
    assert len(windows(replace(rule, parts=(part,)))) == 2


def test_a_claim_about_arms_that_there_are_not_is_found() -> None:
    ablation = read_ablation("algorithm", load_ablation("algorithm"), "micro")
    assert "algorithm=dapo" not in {arm_name(arm.levels) for arm in arms_of(ablation)}


def test_the_page_is_made_from_the_files() -> None:
    text = (ROOT / "docs/claims.md").read_text()
    assert text == page(ALL), "write it again: python -m harness.docs claims"


VALID = (CLAIMS / "f04a_lambda_one_is_better.yaml").read_text()
PART = yaml.safe_load(VALID)["rules"]["micro"]["holds_when"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"statement": None}, "`statement` of x.yaml is null"),
        ({"statment": "x"}, "did you mean statement"),
        ({"published": {"quantity": "1"}}, "names no reference"),
        ({"no_rule": {"micro": "why"}}, "has a rule for micro and says why it has none"),
        ({"rules": {"micro": {"kind": "difference"}}}, "unknown key `kind`"),
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
        ({"measure": "levels"}, "did you mean level"),
        ({"below": 1.0}, "needs one of above, below and within, and has 2"),
        ({"above": None}, "needs one of above, below and within, and has 0"),
        ({"above": None, "within": 0.0}, "is above 0"),
        ({"ratio": True}, "is above 0"),
        ({"ratio": True, "above": 1.2, "measure": "largest_fall"}, "`ratio` is of a change"),
        ({"less": [{"lambda": "1.0"}]}, "`less` names two arms"),
        ({"measure": "first_step"}, "needs `reach`"),
        ({"metric": "acuracy"}, "acuracy"),
        ({"margin": 0.1}, "unknown key `margin`"),
        ({"above": "much"}, "above"),
    ],
)
def test_a_part_of_another_form_is_refused(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    _refused({"holds_when": [{**PART, **change}]}, message, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"holds_when": []}, "has no part"),
        ({"control": [{**PART, "metric": "entropy"}]}, "the control acts on entropy"),
        ({"control": [{**PART, "above": -1.0}]}, "holds where nothing happens"),
        ({"data": ["micro"]}, "data"),
        ({"design_effect": None}, "design_effect has 0 values for 1 parts"),
        ({"design_effect": {"values": [-0.1], "because": "x"}}, "makes a part false"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    _refused(change, message, tmp_path)


def _refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    document = yaml.safe_load(VALID)
    document["rules"]["micro"] |= change
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(UsageError, match=message):
        read_claim(path)


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ({"primary": ["f04a", "f04a"]}, "each name once"),
        ({"primary": ["f04a", "f99"]}, "names the claim f99"),
        ({"primary": [f"f{n:02}" for n in range(9)]}, "at most 8 primary"),
    ],
)
def test_a_family_that_cannot_be_is_refused(
    family: dict[str, Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(VALID)
    (tmp_path / "family.yaml").write_text(yaml.safe_dump({**family, "because": "x"}))
    with pytest.raises(UsageError, match=message):
        read_claims(tmp_path)


def test_two_files_with_one_id_are_refused(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(VALID)
    with pytest.raises(UsageError, match="have the id f04a"):
        read_claims(tmp_path)
