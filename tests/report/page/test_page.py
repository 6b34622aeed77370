"""The page as a file: what it shows of stored results, what it names as missing, its bytes."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.metrics.tables import read_parquet
from harness.report import __main__ as report
from harness.report.deviations import read_settings
from harness.report.page.writing import write_scale_page, write_study_page
from harness.report.stored import write_results
from harness.schema import UsageError
from tests import synthetic_runs as invented
from tests.report.page.pages import data_of, document_of, unpacked, write_plainly, write_tables

ROOT = Path(__file__).resolve().parents[3]
STORED = ROOT / "results" / "micro" / "kl_penalty"
EXAMPLE = ROOT / "docs" / "report" / "kl_penalty.html"


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A copy of the committed results, without their runs, as in a fresh clone."""
    folder = tmp_path / "results" / "micro" / "kl_penalty"
    shutil.copytree(STORED, folder, ignore=shutil.ignore_patterns("runs", "partial", "*.html"))
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A study of four short runs."""
    folder = tmp_path / "small"
    write_tables(folder, arms=2, seeds=2, steps=12, metrics=2)
    return folder


def small_page_of(folder: Path) -> str:
    return write_study_page(folder, document_of(2), "micro/invented").read_text()


def test_the_page_of_a_clone_is_the_committed_example(stored: Path) -> None:
    words = ["ablation=kl_penalty", f"results_dir={stored.parents[1]}"]
    assert report.main(words) == 0
    html = (stored / "report.html").read_text()
    example = EXAMPLE.read_text()

    # what is packed is compared unpacked: another zlib packs the same text into other bytes
    for name in ("data", "library"):
        assert unpacked(html, name) == unpacked(example, name), "run make examples"
    plain = re.compile(r'(id="(?:data|library)">)[^<]*<')
    assert plain.sub(r"\1<", html) == plain.sub(r"\1<", example)
    report.main(words)
    assert (stored / "report.html").read_text() == html


def test_the_page_says_what_the_report_says_in_order() -> None:
    html = EXAMPLE.read_text()
    ids = ["claims", *(f"kl_penalty-{name}" for name in ("curves", "samples", "runs"))]
    places = [html.index(f'id="{name}"') for name in ids]

    assert places == sorted(places)
    document = (STORED / "REPORT.md").read_text()
    changes = re.findall(r"\d[\d.]* → [\d.]+ ± [\d.]+", document)
    assert len(changes) == 12  # three arms, four metrics
    rules = json.loads((STORED / "verdicts.json").read_text())
    standings = {row["standing_reason"] for row in rules["claims"] if row["standing_reason"]}
    assert standings
    assert '<span class="verdict untestable-here">' in html
    for text in (*changes, *standings, *set(read_parquet(STORED / "runs.parquet")["commit"])):
        assert text in html
    data = data_of(html)["studies"][0]
    assert [arm["name"] for arm in data["arms"]] == ["kl=none", "kl=loss", "kl=reward"]
    texts = read_parquet(STORED / "samples.parquet")["response"].notna().sum()
    assert data["samples"]["shown"] == data["samples"]["total"] == texts


def test_every_stored_grader_stands_beside_a_sample() -> None:
    samples = data_of(EXAMPLE.read_text())["studies"][0]["samples"]
    said = json.dumps(samples)
    table = pd.read_csv(STORED / "graders" / "verdicts.csv", dtype=str)
    for grader in ("orz", "math_verify", "verl"):
        assert grader in samples["scores"]
        for outcome, reason in table[[grader, f"{grader}_reason"]].drop_duplicates().to_numpy():
            assert f'"{outcome} ({reason})"' in said


def test_the_curves_of_the_page_are_those_of_the_table() -> None:
    rows = read_parquet(STORED / "steps.parquet")
    for metric in data_of(EXAMPLE.read_text())["studies"][0]["metrics"]:
        own = rows[rows["metric"] == metric["name"]]
        wanted = own.groupby(["arm", "step"], observed=True)["value"].mean()
        found = {
            (arm, step): value
            for arm, curve in zip(("kl=none", "kl=loss", "kl=reward"), metric["arms"], strict=True)
            if curve
            for step, value in zip(curve["x"], curve["mean"], strict=True)
        }
        assert found == {key: pytest.approx(v, rel=1e-4) for key, v in wanted.dropna().items()}


def test_the_page_asks_nobody_for_anything() -> None:
    html = EXAMPLE.read_text()
    around = re.sub(r'id="(data|library)">[^<]*<', "", html)

    for part in ("default-src 'none'", "form-action 'none'", "base-uri 'none'"):
        assert part in html
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#|data:)[^"']*""", around)
    assert "@import" not in around
    assert "url(" not in around


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("samples.parquet", "samples.parquet is not there: no sample is shown"),
        ("steps.parquet", "steps.parquet is not there: no curve is drawn"),
        ("runs.parquet", "runs.parquet is not there: no run is known to be finished"),
        ("REPORT.md", "REPORT.md is not there: the page has no tables"),
        ("verdicts.json", "verdicts.json is not there: the claims have no rules"),
    ],
)
def test_a_file_that_is_missing_or_damaged_is_named(small: Path, name: str, said: str) -> None:
    assert said not in small_page_of(small)
    (small / name).unlink()
    assert said in small_page_of(small)
    if name != "REPORT.md":
        (small / name).write_bytes(b"PAR1 torn")
        assert re.search(rf"{name} is (not read|damaged)", small_page_of(small))


def test_runs_that_are_not_done_and_values_that_are_undefined_are_named(small: Path) -> None:
    runs, steps = (read_parquet(small / f"{name}.parquet") for name in ("runs", "steps"))
    runs.loc[0, "is_included"] = False
    steps.loc[steps["metric"] == "reward", "value"] = np.nan
    for name, table in (("runs", runs), ("steps", steps)):
        write_plainly(table, small / f"{name}.parquet")
    html = small_page_of(small)
    reward = data_of(html)["studies"][0]["metrics"][0]

    assert "1 of 4 runs are not done and not drawn" in html
    assert reward["arms"] == [None, None]
    assert "are undefined (NaN)" in reward["gap"]


def test_texts_without_a_text_are_a_gap(small: Path) -> None:
    samples = read_parquet(small / "samples.parquet").assign(response=None, prompt=None)
    write_plainly(samples, small / "samples.parquet")
    assert "no row with a text" in small_page_of(small)


def test_thirty_arms_fit_on_a_page(tmp_path: Path) -> None:
    write_tables(tmp_path, arms=30, seeds=2, steps=12, metrics=3)
    html = write_study_page(tmp_path, document_of(30), "micro/invented").read_text()
    data = data_of(html)["studies"][0]

    assert sum(arm["shown"] for arm in data["arms"]) == 10
    assert len(data["metrics"][0]["arms"]) == 30
    assert not data["seedsAtFirst"]
    # 600 samples: 20 whole groups of 30 arms
    assert data["samples"]["shown"] == 600


def test_what_a_model_wrote_is_data_and_never_markup(tmp_path: Path) -> None:
    write_tables(tmp_path, arms=1, seeds=1, steps=2, metrics=1)
    html = write_study_page(tmp_path, document_of(1), "micro/invented").read_text()

    assert "<script>alert" not in html
    assert "<script>alert(1)</script>" in json.dumps(data_of(html))


def test_the_page_of_a_scale_has_every_claim_and_its_studies_share_the_page(stored: Path) -> None:
    shutil.copytree(stored, stored.parent / "algorithm")
    html = write_scale_page("micro", stored.parents[1]).read_text()
    studies = data_of(html)["studies"]

    assert "28 claims (micro scale: no evidence about 7B)" in html
    assert html.count('class="verdict ') >= 56
    assert [study["key"] for study in studies] == ["algorithm", "kl_penalty"]
    assert all(0 < study["samples"]["shown"] <= 300 for study in studies)


def test_the_page_of_a_recipe_shows_its_deviations_without_a_run(tmp_path: Path) -> None:
    html = write_scale_page("orz_1_5b", tmp_path / "results").read_text()

    assert "No study has results at this scale yet" in html
    section = html.split('<section id="recipe">')[1].split("</section>")[0]
    heads = re.findall(r'data-head="([^"]*)"', section)[:8]
    assert heads[:5] == ["setting", "paper", "code", "later", "veRL"]
    assert heads[5:] == ["what we set", "status", "effect"]
    assert section.count('<td role="cell" data-head="setting"') == len(read_settings())
    assert "<code>trainer.nnodes</code> = 2;" in section
    assert 'id="recipe"' not in write_scale_page("micro", tmp_path / "results").read_text()


@pytest.mark.parametrize(("scale", "is_shown"), [("shadow_orz_7b", True), ("micro", False)])
def test_report_and_page_of_a_study_have_the_deviations_of_its_runs(
    scale: str, is_shown: bool, tmp_path: Path
) -> None:
    root = tmp_path / scale / "invented"
    cells = [replace(cell, scale=scale) for cell in invented.make_cells(seeds=(1,))]
    invented.write_study(root, cells)
    write_results(root, root, cells, invented.DOCUMENT)
    text, html = (root / "REPORT.md").read_text(), (root / "report.html").read_text()

    assert ("\n## Deviations from the paper\n" in text) == is_shown
    assert ('<section id="invented-deviations-from-the-paper">' in html) == is_shown
    # the three invented arms have the 12 steps of their shape
    assert ("`trainer.total_training_steps` = 12;" in text) == is_shown
    assert ("<code>trainer.total_training_steps</code> = 12;" in html) == is_shown


def test_without_any_result_the_sheet_stands_and_the_gap_is_named(tmp_path: Path) -> None:
    html = write_scale_page("micro", tmp_path / "results").read_text()

    assert "No study has results at this scale yet" in html
    assert "python -m harness.run ablation=kl_penalty" in html
    assert data_of(html)["studies"] == []


def test_an_unknown_scale_or_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown scale 'mirco': did you mean micro\?"):
        write_scale_page("mirco", tmp_path)
    (tmp_path / "results").write_text("")
    with pytest.raises(UsageError, match="cannot make"):
        write_scale_page("micro", tmp_path / "results")
    assert report.main(["partial=seeds=1"]) == 2
