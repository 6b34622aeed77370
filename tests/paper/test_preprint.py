"""The preprint: numbers inserted from results, the same bytes, refusals in one sentence."""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import typst

from harness.claims.deciding import Word
from harness.claims.registration import Kind, Standing
from harness.metrics.tables import Tables
from harness.schema import DamagedError, ExitCode, UsageError
from paper.inputs import Inputs, Study, read_inputs
from paper.preprint import TEMPLATE, Contents, check_template, collect, compile_pages, lay_out, main
from paper.preprint_figures import FIGURES
from paper.preprint_values import find_study, read_values
from paper.preprint_verdicts import evidence_note, standing_note, verdict_note

ROOT = Path(__file__).resolve().parents[2]
TEXT = TEMPLATE.read_text(encoding="utf-8")
COMMITTED = ROOT / "results" / "paper" / "preprint.pdf"


@pytest.fixture(scope="module")
def contents(both: Inputs) -> Contents:
    return collect(both)


@pytest.fixture(scope="module")
def folder(both: Inputs, contents: Contents, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the compiler reads."""
    return lay_out(tmp_path_factory.mktemp("preprint"), both, contents, TEXT)


def shifted(inputs: Inputs, metric: str, by: float) -> Inputs:
    """The same inputs with every value of a metric moved, as if the runs had come out otherwise."""

    def moved(study: Study) -> Study:
        steps = study.tables.steps.copy()
        steps.loc[steps["metric"].astype(str) == metric, "value"] += by
        tables = Tables(runs=study.tables.runs, steps=steps, samples=study.tables.samples)
        return replace(study, tables=tables)

    return replace(inputs, studies=tuple(moved(study) for study in inputs.studies))


def said(folder: Path, values: Mapping[str, str], tables: Mapping[str, object]) -> str:
    """Return the paragraphs of the compiled document, as JSON."""
    document = json.dumps({"values": values, "tables": tables})
    (folder / "contents.json").write_text(document, encoding="utf-8")
    fields = typst.query(folder / TEMPLATE.name, "par", root=folder, ignore_system_fonts=True)
    return str(json.dumps(json.loads(fields), ensure_ascii=False))


def test_the_same_results_give_the_same_bytes(folder: Path, contents: Contents) -> None:
    (first,) = compile_pages(typst, folder, contents.date, "pdf")
    (second,) = compile_pages(typst, folder, contents.date, "pdf")
    assert first == second
    assert first.startswith(b"%PDF") and len(first) < 500_000
    day = contents.date.strftime("D:%Y%m%d%H%M%S").encode()
    assert day in first
    (later,) = compile_pages(typst, folder, contents.date.replace(year=2031), "pdf")
    assert later != first


def test_a_number_that_changes_changes_the_text(
    both: Inputs, folder: Path, contents: Contents
) -> None:
    before = said(folder, contents.values, contents.tables)
    other = collect(shifted(both, "reward", 0.0625))
    after = said(folder, other.values, other.tables)

    old, new = contents.values["reward_end"], other.values["reward_end"]
    assert old != new
    assert float(new.split()[0]) - float(old.split()[0]) == pytest.approx(0.0625, abs=0.001)
    assert old in before and new not in before
    assert new in after and old not in after
    assert contents.values["accuracy_easy_end"] in after
    assert contents.tables["arms"] != other.tables["arms"]


def test_the_values_are_those_of_the_committed_results(contents: Contents) -> None:
    committed = json.loads((ROOT / "results" / "micro" / "claims.json").read_text())
    words = [row["verdict"] for row in committed]
    assert contents.values["claim_count"] == str(len(words))
    assert contents.values["not_run_count"] == str(words.count("not run"))
    is_measured = any(x["differences"] for x in committed)
    assert ("No claim has a verdict" in contents.values["outcome_note"]) is not is_measured
    rows = contents.tables["claims"][1:]
    assert [row[4].split("\n")[0] for row in rows] == words
    assert [row[5] for row in rows] == [row["role"] for row in committed]
    report = (ROOT / "results" / "micro" / "kl_penalty" / "REPORT.md").read_text()
    for row in contents.tables["arms"][1:]:
        assert all(f" {cell} |" in report for cell in row), row
    page = (ROOT / "docs" / "deviations.md").read_text().split("## All settings")[0]
    assert all(f"| {row[0]} " in page for row in contents.tables["deviations"][1:])
    assert len(contents.tables["deviations"]) - 1 == page.count("\n|") - 2


def test_a_study_that_the_text_is_not_about_is_refused(both: Inputs, first_world: Inputs) -> None:
    with pytest.raises(DamagedError, match="kl_penalty is on micro: write paper"):
        collect(first_world)
    unnamed = replace(both, studies=(replace(find_study(both), data=""),))
    with pytest.raises(DamagedError, match="is on one that it does not name: write"):
        collect(unnamed)
    assert collect(both).values["data"] == "micro_families"


def test_verdicts_on_other_runs_stand_in_the_text(
    both: Inputs, judged: Inputs, tmp_path: Path
) -> None:
    lines = [replace(line, place="micro/other") for line in judged.sheets["micro"]]
    inputs = replace(both)
    # the sheets are made once, on first use
    inputs.__dict__["sheets"] = {"micro": lines}
    made = collect(inputs)
    assert made.values["outcome_note"].startswith("f01a, f01c, f07a, f07b, f07c and f15 are m")
    assert made.values["dots_note"].startswith("Dots and lines: ours")
    text = said(lay_out(tmp_path, inputs, made, TEXT), made.values, made.tables)
    assert evidence_note(lines) in text and "No claim has a verdict" not in text
    names = {mark.get_gid() for axes in FIGURES["agreement"](inputs).axes for mark in axes.lines}
    assert any(str(name).startswith("ours:f07a") for name in names)


def test_the_note_says_what_is_exploratory_and_what_is_untestable_and_why(judged: Inputs) -> None:
    lines = judged.sheets["micro"]
    note = verdict_note(lines, "micro")
    untestable = [line for line in lines if line.verdict.word is Word.UNTESTABLE]
    assert [line.claim.id for line in untestable] == ["f07b", "f07c"]
    assert f"Untestable here: f07b and f07c, since {untestable[0].verdict.reason}." in note
    assert "All 6 verdicts on measured claims are exploratory: " in note
    assert "f07a and f07b are measured. None of them is reproduced" in note
    assert "3 of 3 smoke tests (f01a, f01c and f15) are passed" in note


def test_what_survives_the_correction_is_told_from_what_is_evidence(judged: Inputs) -> None:
    lines = judged.sheets["micro"]

    def note(p_holm: float, kind: Kind) -> str:
        (line,) = (line for line in lines if line.claim.id == "f07a")
        changes = {"word": Word.REPRODUCED, "p_holm": p_holm, "standing": Standing(kind)}
        said = replace(line, verdict=replace(line.verdict, **changes))
        return evidence_note([said if x is line else x for x in lines])

    assert "none survives" in note(0.03, Kind.TIMESTAMPED)
    assert "f07a (reproduced) survives. None of these is" in note(0.02, Kind.EXPLORATORY)
    assert note(0.02, Kind.BY_HISTORY).endswith("older than the runs: f07a.")
    assert evidence_note([x for x in lines if x.claim.id == "f20"]).startswith("None of the 1")


def test_verdicts_of_two_standings_are_told_apart(judged: Inputs) -> None:
    lines = [line for line in judged.sheets["micro"] if line.verdict.estimates]
    first = replace(lines[0].verdict, standing=Standing(Kind.BY_HISTORY))
    note = standing_note([replace(lines[0], verdict=first), *lines[1:3]])
    assert "f01a is confirmatory (by this repository's history); f01c and f07a are expl" in note


def test_the_committed_preprint_is_that_of_the_committed_results(contents: Contents) -> None:
    assert COMMITTED.stat().st_size < 500_000
    beside = COMMITTED.with_suffix(".json").read_text(encoding="utf-8")
    assert beside == contents.text(), "run make paper"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('value("reward_end")', 'value("reward_ends")', 'asks for value("reward_ends"), which'),
        ('value("reward_end")', "some reward", 'value("reward_end") was made for the preprint'),
        ('value("reward_end")', "0.887", "has a typed number"),
        ('grid_of("table4"', 'grid_of("table44"', 'asks for grid_of("table44")'),
        ('picture("kl"', 'picture("kk"', 'asks for picture("kk")'),
    ],
)
def test_a_broken_placeholder_fails_in_one_sentence(
    old: str, new: str, sentence: str, contents: Contents
) -> None:
    figures = ("growth", "kl", "agreement")
    check_template(TEXT, contents.values, contents.tables, figures)
    assert old in TEXT
    with pytest.raises(DamagedError) as caught:
        check_template(TEXT.replace(old, new), contents.values, contents.tables, figures)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("nothing", ["", "-", "nan"])
def test_a_placeholder_without_a_value_fails(nothing: str, contents: Contents) -> None:
    values = {**contents.values, "reward_end": nothing}
    with pytest.raises(DamagedError, match=r'value\("reward_end"\) has no value'):
        check_template(TEXT, values, contents.tables, ("growth", "kl", "agreement"))


def test_a_text_that_does_not_compile_is_said(
    folder: Path, contents: Contents, tmp_path: Path
) -> None:
    (tmp_path / TEMPLATE.name).write_text("#nothing_of_the_kind[")
    with pytest.raises(DamagedError, match="does not compile"):
        compile_pages(typst, tmp_path, contents.date, "pdf")


@pytest.mark.parametrize("baselines", ["baselines/runs", "baselines/none"])
def test_without_results_it_says_what_to_run(baselines: str, tmp_path: Path) -> None:
    empty = read_inputs("both", results_dir=tmp_path / "no", baselines=ROOT / baselines)
    with pytest.raises(UsageError, match="or run make study ABLATION=kl_penalty"):
        collect(empty, ROOT / baselines)


def test_results_whose_settings_are_not_stored_are_refused(
    both: Inputs,
) -> None:
    study = find_study(both)
    runs = study.tables.runs.assign(run_id=study.tables.runs["run_id"].astype(str) + "x")
    tables = Tables(runs=runs, steps=study.tables.steps, samples=study.tables.samples)
    with pytest.raises(UsageError, match="save ablation=kl_penalty"):
        read_values(both, replace(study, tables=tables))


def test_without_typst_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    assert main([]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert "pip install typst" in error and error.count("\n") == 1
