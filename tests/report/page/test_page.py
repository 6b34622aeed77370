"""The page as a file: what it shows of stored results, what it names as missing, its bytes."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

from harness.claims import layout
from harness.metrics.tables import read_parquet
from harness.report import __main__ as report
from harness.report.deviations import read_settings
from harness.report.document import SECTIONS, document, sections
from harness.report.page.page import sort_key
from harness.report.page.writing import write_scale_page, write_study_page
from harness.report.results import Results, assemble, read_results
from harness.report.sections import Paragraph, Picture, Section
from harness.report.stored import claims_of, write_results
from harness.schema import UsageError
from harness.spec.ablation import load_ablation
from harness.text import Table, numeric
from tests import synthetic_runs
from tests.claims.today import copied_results
from tests.report.page.pages import data_of, invented, unpacked

ROOT = Path(__file__).resolve().parents[3]
STORED = ROOT / "results" / "micro" / "kl_penalty"
EXAMPLE = ROOT / "docs" / "report" / "kl_penalty.html"
ARMS = ["kl=none", "kl=loss", "kl=reward", "kl=loss_1", "kl=reward_0.5"]


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A copy of the committed results, without their runs, as in a fresh clone."""
    folder = tmp_path / "results" / "micro" / "kl_penalty"
    shutil.copytree(STORED, folder, ignore=shutil.ignore_patterns("runs", "partial", "*.html"))
    return folder


@pytest.fixture
def today(tmp_path: Path) -> Path:
    """The same results as if they were of today's data, which the rules judge."""
    return copied_results(tmp_path / "today") / "micro" / "kl_penalty"


@pytest.fixture
def small() -> Results:
    """A study of four short runs."""
    return invented(arms=2, seeds=2, steps=12, metrics=2)


def page_of(results: Results, folder: Path) -> str:
    return write_study_page(results, folder, "micro/invented", beside=folder).read_text()


def sections_of(html: str) -> list[tuple[str, str]]:
    """Id and heading of every section."""
    return re.findall(r'<section id="([^"]+)"[^>]*>\s*<h\d>([^<]+)</h\d>', html)


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
    assert len(changes) == 30  # five arms, six metrics
    claims = layout.documents(judged(STORED).claims, "micro")
    said = [str(escape(claim[key])) for claim in claims for key in ("reason", "rule", "standing")]
    assert any(said)
    for text in (*changes, *said, *set(read_parquet(STORED / "runs.parquet")["commit"])):
        assert text in html
    data = data_of(html)["studies"][0]
    assert [arm["name"] for arm in data["arms"]] == ARMS
    texts = read_parquet(STORED / "samples.parquet")["response"].notna().sum()
    assert 0 < data["samples"]["shown"] <= data["samples"]["total"] == texts


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
            for arm, curve in zip(ARMS, metric["arms"], strict=True)
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


def test_the_page_is_made_of_values_and_not_of_what_was_printed(stored: Path) -> None:
    words = ["ablation=kl_penalty", f"results_dir={stored.parents[1]}"]
    assert report.main(words) == 0
    page = stored / "report.html"
    before = page.read_text()
    results = judged(stored)
    for name in ("REPORT.md", "verdicts.json", "effects.csv"):
        (stored / name).write_text("# Nothing\n\n## Runs\n\n| run |\n| --- |\n| no |\n")
    write_study_page(results, stored, "micro/kl_penalty", beside=stored)
    assert page.read_text() == before


def judged(folder: Path) -> Results:
    """The stored results with their claims."""
    results = read_results(folder, load_ablation("kl_penalty"))
    return replace(results, claims=claims_of(results, folder))


def test_every_table_of_the_report_is_on_the_page_cell_by_cell(today: Path) -> None:
    results = judged(today)
    html = write_study_page(results, today, "micro/kl_penalty", beside=today).read_text()
    found = re.findall(
        r'<td role="cell" data-head="[^"]*" data-sort="([^"]*)"[^>]*>(.*?)</td>', html
    )
    tables = [b for part in sections(results) for b in part.blocks if isinstance(b, Table)]
    cells = [cell for table in tables for row in table.cells() for cell in row]

    assert len(tables) == 8
    shown = [(sort, re.sub("<[^>]+>", "", text)) for sort, text in found]
    plain = [(sort_key(c.sort), str(escape(c.text.replace("`", "")))) for c in cells]
    assert sorted(shown) == sorted(plain)


def test_a_judged_claim_is_on_the_page_with_its_word_and_its_reason(today: Path) -> None:
    results = judged(today)
    html = write_study_page(results, today, "micro/kl_penalty", beside=today).read_text()
    claims = layout.documents(results.claims, "micro")

    assert {"reproduced", "inconclusive", "not run"} <= {claim["verdict"] for claim in claims}
    for claim in claims:
        for key in ("verdict", "reason", "rule", "standing"):
            assert str(escape(claim[key])) in html


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.207 → 0.930 ± 0.014", 0.930),
        ("[+0.001, +0.010]", 0.001),
        ("40 of 40", 40),
        ("2880 / 2880", 2880),
        ("3 min 11 s", 191),
        ("0.05", 0.05),
    ],
)
def test_a_cell_is_sorted_by_its_number(text: str, number: float) -> None:
    cells = re.findall(r'data-sort="([^"]*)"[^>]*>([^<]*)</td>', EXAMPLE.read_text())
    keys = [float(sort) for sort, shown in cells if shown == text]
    # a cell is sorted by its whole number and shows a rounded one
    assert keys
    assert keys == [pytest.approx(number, rel=2e-3, abs=1e-3)] * len(keys)


def test_a_cell_without_a_number_is_sorted_by_its_text() -> None:
    cells = re.findall(r'data-sort="([^"]*)"[^>]*>([^<]*)</td>', EXAMPLE.read_text())
    assert {sort for sort, shown in cells if shown in ("-", "kl=none", "fraction", "true")} == {""}


def test_a_heading_is_free_and_a_section_stays_where_it_is(
    small: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sections_of(page_of(small, tmp_path))

    def renamed(make: Callable[[Results], Section]) -> Callable[[Results], Section]:
        return lambda results: replace(make(results), title=f"Verdict on {make(results).slug}")

    monkeypatch.setattr("harness.report.document.SECTIONS", [renamed(make) for make in SECTIONS])
    after = sections_of(page_of(small, tmp_path))
    titles = [title for _, title in after]

    assert [slug for slug, _ in after] == [slug for slug, _ in before]
    for part in sections(small):
        assert titles.count(part.title) == (part.place not in ("claims", "curves"))


def test_a_new_section_is_one_function_and_one_entry(
    small: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ours(results: Results) -> Section:
        table = Table(["arm", "length"], [[arm, numeric(len(arm))] for arm in results.arms])
        blocks = [Paragraph("Of `names`."), table, Picture("Names", "names.svg")]
        return Section(title="Length of the names", slug="name-length", blocks=blocks)

    monkeypatch.setattr("harness.report.document.SECTIONS", [*SECTIONS, ours])
    html, text = page_of(small, tmp_path), document(small)

    assert text.endswith("![Names](names.svg)\n")
    assert "## Length of the names\n\nOf `names`.\n\n| arm   | length |\n" in text
    assert sections_of(html)[-2] == ("invented-name-length", "Length of the names")
    assert '<a href="#invented-name-length">Name length</a>' in html
    assert "<p>Of <code>names</code>.</p>" in html
    assert 'data-sort="5" class="right">5.000</td>' in html


@pytest.mark.parametrize("name", ["runs.parquet", "steps.parquet", "samples.parquet", "study.json"])
@pytest.mark.parametrize("is_torn", [False, True])
def test_a_study_with_a_file_missing_or_damaged_is_a_named_gap(
    stored: Path, name: str, is_torn: bool
) -> None:
    if is_torn:
        (stored / name).write_bytes(b"PAR1 torn")
    else:
        (stored / name).unlink()
    html = write_scale_page("micro", stored.parents[1]).read_text()

    # without a list of its runs a folder is no study
    is_gone = name == "runs.parquet" and not is_torn
    wanted = (
        "No study has results" if is_gone else f"The study kl_penalty is not shown: {stored}/{name}"
    )
    assert wanted in html
    # a torn study.json does not say which data the runs are of, and rules are for one data set
    is_unjudged = (name != "study.json" or is_torn) and not is_gone
    assert ("No claim is judged on the runs of kl_penalty" in html) == is_unjudged
    assert "29 claims (micro scale: no evidence about 7B)" in html
    assert data_of(html)["studies"] == []


def test_runs_that_are_not_done_and_values_that_are_undefined_are_named(
    small: Results, tmp_path: Path
) -> None:
    runs, steps = small.tables.runs.copy(), small.tables.steps.copy()
    runs.loc[0, "is_included"] = False
    steps.loc[steps["metric"] == "reward", "value"] = np.nan
    tables = replace(small.tables, runs=runs, steps=steps)
    html = page_of(assemble(tables, small.study, small.document), tmp_path)
    reward = data_of(html)["studies"][0]["metrics"][0]

    assert "1 of 4 runs are not done and not drawn" in html
    assert reward["arms"] == [None, None]
    assert "are undefined (NaN)" in reward["gap"]


def test_texts_without_a_text_are_a_gap(small: Results, tmp_path: Path) -> None:
    said = "no row with a text"
    assert said not in page_of(small, tmp_path)
    samples = small.tables.samples.assign(response=None, prompt=None)
    assert said in page_of(replace(small, tables=replace(small.tables, samples=samples)), tmp_path)


def test_thirty_arms_fit_on_a_page(tmp_path: Path) -> None:
    data = data_of(page_of(invented(arms=30, seeds=2, steps=12, metrics=3), tmp_path))["studies"][0]

    assert sum(arm["shown"] for arm in data["arms"]) == 10
    assert len(data["metrics"][0]["arms"]) == 30
    assert not data["seedsAtFirst"]
    # 600 samples: 20 whole groups of 30 arms
    assert data["samples"]["shown"] == 600


def test_what_a_model_wrote_is_data_and_never_markup(tmp_path: Path) -> None:
    html = page_of(invented(arms=1, seeds=1, steps=2, metrics=1), tmp_path)

    assert "<script>alert" not in html
    assert "<script>alert(1)</script>" in json.dumps(data_of(html))


def test_the_page_of_a_scale_has_every_claim_and_its_studies_share_the_page(stored: Path) -> None:
    shutil.copytree(stored, stored.parent / "algorithm")
    html = write_scale_page("micro", stored.parents[1]).read_text()
    studies = data_of(html)["studies"]

    assert "29 claims (micro scale: no evidence about 7B)" in html
    assert html.count('class="verdict ') >= 2 * 29
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
    cells = [replace(cell, scale=scale) for cell in synthetic_runs.make_cells(seeds=(1,))]
    synthetic_runs.write_study(root, cells)
    write_results(root, root, cells, synthetic_runs.DOCUMENT)
    text, html = (root / "REPORT.md").read_text(), (root / "report.html").read_text()

    assert ("\n## Deviations from the paper\n" in text) == is_shown
    assert ('<section id="invented-deviations">' in html) == is_shown
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
