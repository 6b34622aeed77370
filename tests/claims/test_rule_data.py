"""A rule that names a data set judges studies of no other: the stored one, and copies of it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.claims.__main__ import main
from harness.claims.deciding import Word
from harness.claims.reading import Claim, read_claims
from harness.claims.rows import claim_sheet, stored_rows
from harness.claims.sheet import Line, RowsOf, make_sheet
from harness.paths import BASELINES, CLAIMS, ROOT
from harness.report.document import claim_blocks
from harness.schema import DamagedError, content_hash
from harness.store.bundle import manifest_text
from harness.store.data_names import STUDY_FILE

STUDY = ROOT / "results" / "micro" / "kl_penalty"
OTHER = "the stored runs are of another data set: micro_families, and the rule is for micro"
Change = Callable[[dict[str, Any]], None]


def on_the_new_world(protocol: dict[str, Any], arm: str = "kl=none") -> None:
    protocol["arms"][arm]["config"]["dataset.name"] = "micro_families"


def copied(folder: Path, change: Change) -> Path:
    """Copy the stored study with another protocol; return the directory of results."""
    mine = folder / "micro" / "kl_penalty"
    mine.mkdir(parents=True)
    for name in ("runs", "steps", "samples"):
        shutil.copyfile(STUDY / f"{name}.parquet", mine / f"{name}.parquet")
    document = json.loads((STUDY / STUDY_FILE).read_text())
    change(document["protocol"])
    (mine / STUDY_FILE).write_text(json.dumps(document))
    return folder


def lines_of(rows_of: RowsOf) -> dict[str, Line]:
    sheet = claim_sheet("micro", rows_of)
    return {x.claim.id: x for x in sheet if x.claim.ablation == "kl_penalty"}


def rows_at(results: Path) -> RowsOf:
    return stored_rows("micro", results, Path("nowhere"))


def test_the_stored_study_is_judged_as_it_was() -> None:
    stored = json.loads((STUDY / "verdicts.json").read_text())["claims"]
    found = lines_of(rows_at(STUDY.parents[1]))
    for claim in stored:
        verdict = found[claim["id"]].verdict
        assert (str(verdict.word), verdict.reason) == (claim["verdict"], claim["reason"])
        points = [item.interval.point for item in verdict.estimates]
        assert points == [item["point"] for item in claim["differences"]]
    assert {claim["verdict"] for claim in stored} > {"reproduced"}


def test_the_same_study_of_other_data_is_not_judged_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = copied(tmp_path, on_the_new_world)
    found = lines_of(rows_at(results))
    ruled = [line for line in found.values() if "micro" in line.claim.rules]
    assert ruled
    for line in ruled:
        assert (line.verdict.word, line.verdict.reason) == (Word.NOT_RUN, OTHER)
        assert not line.verdict.estimates and not line.verdict.run_ids and not line.place
        assert line.lacking == "a rule for data set micro_families"
    blocks = claim_blocks(list(found.values()), "micro")
    assert OTHER in "\n".join(map(str, blocks))
    for words in (["claim=f01a"], ["format=markdown"], ["format=csv"], ["format=json"]):
        assert main([*words, f"results_dir={results}"]) == 0
        assert OTHER in " ".join(capsys.readouterr().out.split())
    assert main([f"results_dir={results}"]) == 0
    assert "as evidence" in capsys.readouterr().out


def test_a_rule_that_names_no_data_judges_both(tmp_path: Path) -> None:
    results = copied(tmp_path, on_the_new_world)
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
    results = copied(tmp_path, lambda protocol: on_the_new_world(protocol, "kl=loss"))
    assert lines_of(rows_at(results))["f01a"].verdict.word is Word.REPRODUCED


def test_runs_of_data_that_no_file_names_are_not_judged(tmp_path: Path) -> None:
    results = copied(tmp_path, lambda protocol: None)
    assert lines_of(rows_at(results))["f01a"].verdict.word is Word.REPRODUCED
    study = results / "micro" / "kl_penalty" / STUDY_FILE
    study.unlink()
    verdict = lines_of(rows_at(results))["f01a"].verdict
    assert verdict.word is Word.NOT_RUN
    assert verdict.reason == "the stored runs do not say their data set, and the rule is for micro"
    study.write_text("[]")
    with pytest.raises(DamagedError, match="does not hold the protocol of a study"):
        lines_of(rows_at(results))


def test_a_baseline_of_other_data_is_not_judged(tmp_path: Path) -> None:
    bundle = tmp_path / "micro" / "kl_penalty" / "v3"
    shutil.copytree(BASELINES / "micro" / "kl_penalty" / "v3", bundle)
    rows_of = stored_rows("micro", Path("nowhere"), tmp_path)
    assert lines_of(rows_of)["f01a"].verdict.word is Word.REPRODUCED
    manifest = json.loads((bundle / "manifest.json").read_text())
    on_the_new_world(manifest["protocol"])
    manifest["digest"] = content_hash({k: v for k, v in manifest.items() if k != "digest"})
    (bundle / "manifest.json").write_text(manifest_text(manifest))
    assert lines_of(rows_of)["f01a"].verdict.reason == OTHER
