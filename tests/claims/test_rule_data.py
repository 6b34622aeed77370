"""A rule that names a data set judges studies of no other: the stored one, and copies of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.claims.__main__ import main
from harness.claims.deciding import Word
from harness.claims.reading import Claim, read_claims
from harness.claims.rows import claim_sheet, stored_rows
from harness.claims.sheet import Line, RowsOf, make_sheet
from harness.paths import CLAIMS
from harness.report.document import claim_blocks
from harness.schema import DamagedError
from harness.store.data_names import STUDY_FILE
from tests.claims.today import STUDY, copied_baseline, copied_results, of_today

FIRST = "the stored runs are of another data set: micro, and the rule is for micro_families"


def lines_of(rows_of: RowsOf) -> dict[str, Line]:
    sheet = claim_sheet("micro", rows_of)
    return {x.claim.id: x for x in sheet if x.claim.ablation == "kl_penalty"}


def rows_at(results: Path) -> RowsOf:
    return stored_rows("micro", results, Path("nowhere"))


def test_the_study_of_the_first_world_is_not_judged_and_says_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    results = STUDY.parents[1]
    found = lines_of(rows_at(results))
    ruled = [line for line in found.values() if "micro" in line.claim.rules]
    assert ruled
    for line in ruled:
        assert (line.verdict.word, line.verdict.reason) == (Word.NOT_RUN, FIRST)
        assert not line.verdict.estimates and not line.verdict.run_ids and not line.place
        assert line.decided_by == "python -m harness.run ablation=kl_penalty scale=micro"
    blocks = claim_blocks(list(found.values()), "micro")
    assert FIRST in "\n".join(map(str, blocks))
    for words in (["claim=f01a"], ["format=markdown"], ["format=csv"], ["format=json"]):
        assert main([*words, f"results_dir={results}"]) == 0
        assert FIRST in " ".join(capsys.readouterr().out.split())
    assert main([f"results_dir={results}"]) == 0
    assert "as evidence" in capsys.readouterr().out


def test_the_same_study_of_todays_world_is_judged(tmp_path: Path) -> None:
    found = lines_of(rows_at(copied_results(tmp_path)))
    assert found["f01a"].verdict.word is Word.REPRODUCED
    for line in found.values():
        if "micro" in line.claim.rules:
            assert line.verdict.word is not Word.NOT_RUN, line.claim.id


def test_a_rule_that_names_no_data_judges_both(tmp_path: Path) -> None:
    results = copied_results(tmp_path)
    claims = [free(claim) for claim in read_claims(CLAIMS) if claim.ablation == "kl_penalty"]

    def words(folder: Path) -> list[Word]:
        lines = make_sheet(claims, "micro", rows_at(folder), {}, ["micro"])
        return [line.verdict.word for line in lines]

    assert words(results) == words(STUDY.parents[1])
    assert Word.REPRODUCED in words(results)


def free(claim: Claim) -> Claim:
    rules = {scale: replace(rule, data="") for scale, rule in claim.rules.items()}
    return replace(claim, rules=rules)


def test_the_data_of_the_control_count(tmp_path: Path) -> None:
    results = copied_results(tmp_path, lambda protocol: of_today(protocol, "kl=loss"))
    assert lines_of(rows_at(results))["f01a"].verdict.reason == FIRST


def test_runs_of_data_that_no_file_names_are_not_judged(tmp_path: Path) -> None:
    results = copied_results(tmp_path)
    study = results / "micro" / "kl_penalty" / STUDY_FILE
    study.unlink()
    verdict = lines_of(rows_at(results))["f01a"].verdict
    assert verdict.word is Word.NOT_RUN
    wanted = "the stored runs do not say their data set, and the rule is for micro_families"
    assert verdict.reason == wanted
    study.write_text("[]")
    with pytest.raises(DamagedError, match="does not hold the protocol of a study"):
        lines_of(rows_at(results))


def test_a_baseline_is_judged_by_its_data(tmp_path: Path) -> None:
    old = tmp_path / "old"
    copied_baseline(old, lambda protocol: None)
    first = stored_rows("micro", Path("nowhere"), old)
    assert lines_of(first)["f01a"].verdict.reason == FIRST
    today = stored_rows("micro", Path("nowhere"), copied_baseline(tmp_path / "today"))
    assert lines_of(today)["f01a"].verdict.word is Word.REPRODUCED
