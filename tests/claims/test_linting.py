"""The linter refuses rules that err, and the stored figures are of the rules as they stand."""

from dataclasses import replace

import numpy as np
import pytest

from harness.claims import lint_table
from harness.claims.__main__ import NOISE, main
from harness.claims.linting import NOISES, lint_rule, made_up
from harness.claims.reading import Claim, read_claim, read_claims
from harness.claims.rules import read_claim_rule
from harness.metrics.tables import Tables
from harness.paths import BASELINES, CLAIMS
from harness.schema import UsageError
from harness.store.bundle import Bundle, find_bundle, read_bundle

MICRO = [claim for claim in read_claims(CLAIMS) if "micro" in claim.rules]


@pytest.fixture(scope="module")
def noises() -> list[Bundle]:
    return [read_bundle(find_bundle(name, BASELINES)) for name in NOISE.split(",")]


@pytest.fixture(scope="module")
def tables(noises: list[Bundle]) -> Tables:
    return noises[0].tables


def test_the_stored_figures_are_of_the_rules_as_they_stand_and_none_is_refused() -> None:
    rows = {row.claim: row for row in lint_table.stored()}
    assert list(rows) == [claim.id for claim in MICRO]
    for claim in MICRO:
        row = rows[claim.id]
        assert row.rule == lint_table.hash_of(claim, "micro"), "python -m harness.claims lint out="
        assert row.objection == ""
        assert float(row.false_reproduced) <= 0.05 and float(row.true_contradicted) <= 0.05
        assert bool(row.power_12) != bool(row.untestable)


@pytest.mark.slow
def test_the_stored_figures_come_out_again(noises: list[Bundle]) -> None:
    rows = [lint_table.row_of(one, "micro") for one in lint_table.lint(MICRO, "micro", noises)]
    assert rows == lint_table.stored()


def test_a_rule_that_asks_for_what_it_cannot_find_is_refused(tables: Tables) -> None:
    claim = read_claim(next(CLAIMS.glob("f04a*")))
    raw = {**claim.document["rules"]["micro"]}
    raw["design_effect"] = {"values": [0.001], "because": "too small to be found"}
    found = lint_rule(claim, read_claim_rule(raw, "here"), tables, studies=400)
    assert "finds its design effect in" in found.objection
    kept = lint_rule(claim, claim.rules["micro"], tables, studies=400)
    assert kept.objection == "" and kept.power[3] == 0.0 and kept.power[5] > 0.8


def test_noise_is_taken_from_runs_of_the_data_and_the_metrics_of_a_rule(
    noises: list[Bundle],
) -> None:
    claims = {claim.id: claim for claim in MICRO}
    taken = {name: lint_table.noise_of(claim, "micro", noises) for name, claim in claims.items()}
    assert taken["f04a"] is noises[0] and taken["f21"] is noises[1]
    with pytest.raises(UsageError, match=r"f21 needs repetition_advantage_gap.* lacks it"):
        lint_table.noise_of(claims["f21"], "micro", noises[:1])

    def for_data(data: str) -> Claim:
        claim = MICRO[0]
        return replace(claim, rules={"micro": replace(claim.rules["micro"], data=data)})

    lint_table.noise_of(for_data(""), "micro", noises)
    with pytest.raises(UsageError, match=r"is for data set another, and .* is of micro"):
        lint_table.noise_of(for_data("another"), "micro", noises)


def test_a_share_of_steps_is_linted_though_its_metric_is_undefined_at_some(
    noises: list[Bundle],
) -> None:
    claim = next(claim for claim in MICRO if claim.id == "f21")
    part = claim.rules["micro"].parts[0]
    for noise in NOISES:
        drawn = made_up(part, noises[1].tables, noise, 400, np.random.default_rng(0))
        assert np.isfinite(drawn).all() and drawn.std() > 0


def test_the_command_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "claim=f01a"]) == 0
    said = capsys.readouterr().out
    assert "f01a" in said and "12 seeds" in said
    assert main(["lint", "claim=f99"]) == 2
    assert main(["lint", "scale=orz_7b"]) == 2
    assert "another scale than orz_7b" in capsys.readouterr().err
    assert main(["lint", "claim=f01a", "out=x.csv"]) == 2
