"""The sheet on the stored runs of the KL ablation."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from harness.claims import layout
from harness.claims.__main__ import main, write_sheet
from harness.claims.conditions import Word
from harness.claims.measuring import Rows
from harness.claims.origin import RuleOrigin
from harness.claims.rows import claim_sheet, rows_of_tables, stored_rows
from harness.claims.sheet import Line, rule_objection
from harness.paths import BASELINES, ROOT
from harness.schema import DamagedError

RESULTS = ROOT / "results"


@pytest.fixture(scope="module")
def lines() -> dict[str, Line]:
    sheet = claim_sheet("micro", stored_rows("micro", RESULTS, BASELINES))
    return {line.claim.id: line for line in sheet}


def test_claims_about_the_stored_runs_have_verdicts_and_all_others_a_command(
    lines: dict[str, Line],
) -> None:
    for line in lines.values():
        if line.claim.ablation == "kl_penalty" and "micro" in line.claim.rules:
            assert line.verdict.word is not Word.NOT_RUN, line.claim.id
            assert line.verdict.parts[0].seeds == (4, 5, 6, 7, 8)
            assert line.verdict.run_ids
        if line.verdict.word is Word.NOT_RUN:
            assert line.decided_by.startswith("python -m harness.run ablation="), line.claim.id


def test_the_results_and_their_baseline_give_the_same_verdicts(lines: dict[str, Line]) -> None:
    stored = claim_sheet("micro", stored_rows("micro", Path("nowhere"), BASELINES))
    for line in stored:
        mine = lines[line.claim.id].verdict
        assert line.verdict.word is mine.word
        assert line.verdict.parts == mine.parts


def test_every_stored_verdict_rests_on_a_rule_that_is_older_than_its_runs(
    lines: dict[str, Line],
) -> None:
    judged = [line for line in lines.values() if line.verdict.parts]
    assert judged
    assert not [line.claim.id for line in judged if line.verdict.is_exploratory]


def test_a_rule_that_came_after_the_runs_is_found() -> None:
    origin = RuleOrigin("abc", "2026-11-23T12:00:00+00:00")
    after, before = "2026-11-23T12:00:01+00:00", "2026-11-23T11:59:59+00:00"
    for has_history in (True, False):
        assert rule_objection(origin, after, has_history=has_history) == ""
        assert "is not older" in rule_objection(origin, before, has_history=has_history)
        assert "when the runs began" in rule_objection(origin, "", has_history=has_history)


def test_a_rule_that_is_not_committed_decides_nothing_where_that_can_be_known() -> None:
    nowhere, start = RuleOrigin("", ""), "2026-11-23T11:59:59+00:00"
    assert rule_objection(nowhere, start, has_history=False) == ""
    assert "not committed" in rule_objection(nowhere, start, has_history=True)


def test_a_run_that_is_not_done_or_began_nobody_knows_when_takes_the_verdicts_away() -> None:
    rows_of = stored_rows("micro", RESULTS, BASELINES)
    stored = rows_of("kl_penalty")
    assert stored is not None

    def words(rows: Rows) -> set[tuple[Word, bool]]:
        sheet = claim_sheet("micro", lambda name: rows if name == "kl_penalty" else None)
        judged = [line.verdict for line in sheet if line.verdict.parts]
        return {(verdict.word, "not every run" in verdict.reason) for verdict in judged}

    assert Word.REPRODUCED in {word for word, _ in words(stored)}
    broken = [("kl=none", 9), ("kl=loss", 9), ("kl=reward", 9)]
    assert words(replace(stored, unfinished=broken)) == {(Word.INCONCLUSIVE, True)}
    # seed 1 helped to write the rules and decides nothing, finished or not
    assert words(replace(stored, unfinished=[("kl=none", 1)])) == words(stored)
    undated = dict.fromkeys(stored.started, "")
    assert words(replace(stored, started=undated)) == {(Word.NOT_RUN, False)}
    # one run that began nobody knows when may be older than the rule
    one = next(run for run in stored.started if run.startswith("kl=none-s6"))
    assert words(replace(stored, started={**stored.started, one: ""})) == {(Word.NOT_RUN, False)}


def test_two_finished_runs_of_a_seed_are_refused() -> None:
    stored = stored_rows("micro", RESULTS, BASELINES)("kl_penalty")
    assert stored is not None
    runs = stored.tables.runs
    again = runs.iloc[[0]].assign(run_id="kl=none-s4-00000000", cell_id="0" * 64)
    twice = replace(stored.tables, runs=pd.concat([runs, again], ignore_index=True))
    with pytest.raises(DamagedError, match="two finished runs of kl=none with seed 4"):
        rows_of_tables(twice, "here")
    failed = again.assign(is_included=False, status="failed")
    left = replace(stored.tables, runs=pd.concat([runs, failed], ignore_index=True))
    assert rows_of_tables(left, "here").unfinished == [("kl=none", 4)]


def test_a_p_value_is_never_told_as_0(lines: dict[str, Line]) -> None:
    line = lines["f01a"]
    assert line.verdict.p_holm < 0.0005
    for text in (layout.table([line], "micro"), layout.markdown([line], "micro")):
        assert "<0.001" in text and " 0.000 " not in text
    assert "<0.001" in layout.full_text(line, "micro")


def test_code_that_cannot_be_looked_at_is_said_beside_the_verdicts(tmp_path: Path) -> None:
    stored = stored_rows("micro", RESULTS, BASELINES)("kl_penalty")
    assert stored is not None
    for note in ("", "abc: commit not in this repository's history"):
        rows = replace(stored, code_note=note)
        sheet = claim_sheet("micro", lambda name, rows=rows: rows if "kl" in name else None)  # type: ignore[misc]
        write_sheet(sheet, "micro", tmp_path)
        texts = [(tmp_path / name).read_text() for name in ("CLAIMS.md", "claims.json")]
        texts += [layout.table(sheet, "micro"), *(layout.full_text(x, "micro") for x in sheet[:1])]
        assert {"not in this repository's history" in text for text in texts} == {bool(note)}


def test_a_younger_rule_takes_the_verdicts_away() -> None:
    rows_of = stored_rows("micro", RESULTS, BASELINES)

    def earlier(ablation: str) -> Rows | None:
        rows = rows_of(ablation)
        if rows is None:
            return None
        old = dict.fromkeys(rows.started, "2020-01-01T00:00:00+00:00")
        return Rows(tables=rows.tables, place=rows.place, started=old)

    sheet = claim_sheet("micro", earlier)
    dated = [line for line in sheet if line.origin.date and line.verdict.parts]
    if not dated:
        pytest.skip("no git history here: the age of a rule cannot be checked")
    assert all(line.verdict.word is Word.NOT_RUN for line in dated)
    assert all(line.verdict.is_exploratory for line in dated)


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_it_prints_every_claim(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"format={form}", f"results_dir={RESULTS}"]) == 0
    text = capsys.readouterr().out
    assert all(f"f{number:02}" in text for number in range(1, 24))


def test_one_claim_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claim=f07b", f"results_dir={RESULTS}"]) == 0
    text = capsys.readouterr().out
    for word in ("0.356 (none)", "fig8_eval_performance_no_KL", "Reproduced if", "kl=none-s4-"):
        assert word in text


def test_json_and_csv_hold_the_same_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    main(["format=json", "claim=f07b", f"results_dir={RESULTS}"])
    (document,) = json.loads(capsys.readouterr().out)
    main(["format=csv", "claim=f07b", f"results_dir={RESULTS}"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [float(row["low"]) for row in rows] == [d["low"] for d in document["differences"]]
    assert {row["verdict"] for row in rows} == {document["verdict"]}


def test_files_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"out={tmp_path}", f"results_dir={RESULTS}"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"CLAIMS.md", "claims.csv", "claims.json"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["claim=f99"], "there is no claim or finding 'f99'"),
        (["format=xml"], "unknown format 'xml'"),
        (["scale=mikro"], "there is no scale 'mikro': did you mean micro?"),
    ],
)
def test_a_wrong_request_is_one_sentence(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert message in capsys.readouterr().err
