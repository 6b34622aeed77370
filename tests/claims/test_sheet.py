"""The sheet on the stored runs of the KL ablation, taken for runs of today's world."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.claims import layout
from harness.claims.__main__ import main, write_sheet
from harness.claims.deciding import Word
from harness.claims.judging import Numbers, judge
from harness.claims.measuring import Rows
from harness.claims.registration import Kind
from harness.claims.rows import claim_sheet, rows_of_tables, stored_rows
from harness.claims.sheet import Line
from harness.paths import BASELINES
from harness.schema import DamagedError
from tests.claims.today import copied_baseline, copied_results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of results."""
    return copied_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def lines(results: Path) -> dict[str, Line]:
    # without the real baselines: studies of today's world are stored there
    sheet = claim_sheet("micro", stored_rows("micro", results, results / "none"))
    return {line.claim.id: line for line in sheet}


def test_claims_about_the_stored_runs_have_verdicts_and_all_others_a_command(
    lines: dict[str, Line],
) -> None:
    for line in lines.values():
        if line.claim.ablation == "kl_penalty" and "micro" in line.claim.rules:
            assert line.verdict.word is not Word.NOT_RUN, line.claim.id
            assert line.verdict.seeds == (4, 5, 6, 7, 8)
            assert line.verdict.run_ids
        is_ruled = line.claim.rules and "micro" not in line.claim.no_rule
        if line.verdict.word is Word.NOT_RUN and is_ruled:
            assert line.decided_by.startswith("python -m harness.run ablation="), line.claim.id


def test_the_results_and_their_baseline_give_the_same_verdicts(
    lines: dict[str, Line], tmp_path: Path
) -> None:
    baselines = copied_baseline(tmp_path)
    stored = claim_sheet("micro", stored_rows("micro", Path("nowhere"), baselines))
    for line in stored:
        mine = lines[line.claim.id].verdict
        assert line.verdict.word is mine.word
        assert line.verdict.estimates == mine.estimates


def test_no_stored_run_holds_the_hash_of_a_rule_so_every_verdict_is_exploratory(
    lines: dict[str, Line],
) -> None:
    judged = [line for line in lines.values() if line.verdict.estimates]
    assert judged
    assert {line.verdict.standing.kind for line in judged} == {Kind.EXPLORATORY}
    assert not [line.claim.id for line in judged if layout.is_evidence(line)]
    assert "0 reproduced, 0 contradicted as evidence" in layout.counts(list(lines.values()))


def test_a_run_that_is_not_done_takes_the_verdicts_away(results: Path) -> None:
    stored = stored_rows("micro", results, BASELINES)("kl_penalty")
    assert stored is not None

    def words(rows: Rows) -> set[tuple[Word, bool]]:
        sheet = claim_sheet("micro", lambda name: rows if name == "kl_penalty" else None)
        judged = [line.verdict for line in sheet if line.verdict.estimates]
        return {(verdict.word, "not every run" in verdict.reason) for verdict in judged}

    assert Word.REPRODUCED in {word for word, _ in words(stored)}
    broken = [("kl=none", 9), ("kl=loss", 9), ("kl=reward", 9)]
    assert words(replace(stored, unfinished=broken)) == {(Word.INCONCLUSIVE, True)}
    # seed 64 helped to write the rules and decides nothing, finished or not
    assert words(replace(stored, unfinished=[("kl=none", 64)])) == words(stored)


def test_what_rests_on_absence_needs_the_arm_that_this_study_lacks(lines: dict[str, Line]) -> None:
    for claim in ("f07b", "f07c"):
        assert lines[claim].verdict.word is Word.UNTESTABLE
    assert lines["f01a"].verdict.word is Word.REPRODUCED
    assert lines["f01a"].claim.role == "smoke test"


def test_two_finished_runs_of_a_seed_are_refused(results: Path) -> None:
    stored = stored_rows("micro", results, BASELINES)("kl_penalty")
    assert stored is not None
    runs = stored.tables.runs
    again = runs.iloc[[0]].assign(run_id="kl=none-s4-00000000", cell_id="0" * 64)
    twice = replace(stored.tables, runs=pd.concat([runs, again], ignore_index=True))
    with pytest.raises(DamagedError, match="two finished runs of kl=none with seed 4"):
        rows_of_tables(twice, "here", "micro")
    failed = again.assign(is_included=False, status="failed")
    left = replace(stored.tables, runs=pd.concat([runs, failed], ignore_index=True))
    assert rows_of_tables(left, "here", "micro").unfinished == [("kl=none", 4)]


def test_a_p_value_is_never_told_as_0(lines: dict[str, Line]) -> None:
    line = lines["f01a"]
    line = replace(line, verdict=replace(line.verdict, p_holm=1e-5))
    for text in (layout.table([line], "micro"), layout.markdown([line], "micro")):
        assert "<0.001" in text and " 0.000 " not in text
    assert "<0.001" in layout.full_text(line, "micro")


def test_code_that_cannot_be_looked_at_is_said_beside_the_verdicts(
    results: Path, tmp_path: Path
) -> None:
    stored = stored_rows("micro", results, BASELINES)("kl_penalty")
    assert stored is not None
    for note in ("", "abc: commit not in this repository's history"):
        rows = replace(stored, code_note=note)
        sheet = claim_sheet("micro", lambda name, rows=rows: rows if "kl" in name else None)  # type: ignore[misc]
        write_sheet(sheet, "micro", tmp_path)
        texts = [(tmp_path / name).read_text() for name in ("CLAIMS.md", "claims.json")]
        texts += [layout.table(sheet, "micro"), *(layout.full_text(x, "micro") for x in sheet[:1])]
        assert {"not in this repository's history" in text for text in texts} == {bool(note)}


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_it_prints_every_claim(
    form: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"format={form}", f"results_dir={results}"]) == 0
    text = capsys.readouterr().out
    assert all(f"f{number:02}" in text for number in range(1, 24))


def test_one_claim_is_shown_in_full(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claim=f07b", f"results_dir={results}"]) == 0
    text = capsys.readouterr().out
    for word in (
        "0.356 (none)",
        "fig8_eval_performance_no_KL",
        "True when",
        "kl=none-s4-",
        "untestable here",
    ):
        assert word in text


def test_between_looks_the_intervals_that_decide_stand_beside_the_one_that_does_not(
    lines: dict[str, Line],
) -> None:
    line = lines["f01a"]
    rule, (estimate,) = line.claim.rules["micro"], line.verdict.estimates
    spread = np.random.default_rng(0).normal(0.0, 0.1, size=9)
    for shift, word, told in (
        (0.02, "inconclusive", "9 seeds are no look: the first 8 decide"),
        (0.3, "reproduced", ""),
    ):
        values = dict(zip(range(4, 13), map(float, spread + shift), strict=True))
        part = replace(estimate.measured, values=values)
        verdict = judge(rule, Numbers(parts=[part], steps=40))
        text = " ".join(layout.full_text(replace(line, verdict=verdict), "micro").split())
        assert verdict.word == word
        (shown,) = verdict.estimates
        looks = [(look.seeds, interval) for look, interval in shown.looks]
        assert [seeds for seeds, _ in looks] == [5, 8]
        # a study that has decided at 5 seeds was over: the look at 8 is no evidence
        assert ("at 8 seeds" in text) == (word == "inconclusive")
        assert "at 5 seeds (97.8% intervals)" in text and told in text
        assert f"{looks[0][1].low:+.3f}" in text and f"{shown.interval.low:+.3f}" in text
        assert shown.interval.high - shown.interval.low > looks[1][1].high - looks[1][1].low


def test_json_and_csv_hold_the_same_numbers(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["format=json", "claim=f07b", f"results_dir={results}"])
    (document,) = json.loads(capsys.readouterr().out)
    main(["format=csv", "claim=f07b", f"results_dir={results}"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [float(row["low"]) for row in rows] == [d["low"] for d in document["differences"]]
    assert {row["verdict"] for row in rows} == {document["verdict"]}


def test_files_are_written(results: Path, tmp_path: Path) -> None:
    assert main([f"out={tmp_path}", f"results_dir={results}"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"CLAIMS.md", "claims.csv", "claims.json"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["claim=f99"], "there is no claim or finding 'f99'"),
        (["format=xml"], "format='xml' cannot be"),
        (["scale=mikro"], "there is no scale 'mikro': did you mean micro?"),
    ],
)
def test_a_wrong_request_is_one_sentence(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert message in capsys.readouterr().err
