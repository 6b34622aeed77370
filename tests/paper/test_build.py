"""The command: files, bytes, sidecars, and what it says when something is wrong."""

import json
import re
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from harness.schema import DamagedError, ExitCode
from harness.store.bundle import find_bundle
from paper import own
from paper.build import build, main
from paper.catalogue import Item, catalogue, find_item, own_figures
from paper.drawing import Block, Plot, draw
from paper.index import write_index
from paper.inputs import Inputs, read_inputs
from paper.page import page
from paper.product import Product
from paper.series import Series, to_frame

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "results" / "micro" / "kl_penalty"
FORMATS = ("svg", "pdf", "png")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def small(shift: float = 0.0) -> Item:
    """A figure with everything that a figure has, and little of it."""

    def make(inputs: Inputs) -> Product:
        steps, values = (0.0, 1.0), (0.2 + shift, 0.6)
        mean = Series(
            role="mean", arm="kl=none", label="kl=none (n=2)", x=steps, y=values, unit="fraction",
            sources=("run",), low=(0.1, 0.5), high=(0.3, 0.7), n=(2, 2),
        )  # fmt: skip
        blocks = [Block(header="Ours", plots=[Plot(title="t", label="y", series=[mean])])]
        return Product(
            id="small",
            place="",
            title="t",
            caption="c",
            numbers=to_frame([("t", [mean])]),
            figure=draw("t", blocks, "c"),
        )

    return Item(id="small", kind="figure", place="", title="t", same=(), make=make)


def test_the_same_inputs_give_the_same_bytes_in_every_format(
    published: Inputs, tmp_path: Path
) -> None:
    found = {}
    quick = ("svg", "png")
    for name, shift, formats in (("a", 0.0, FORMATS), ("b", 0.0, FORMATS), ("c", 0.01, quick)):
        (tmp_path / name).mkdir()
        assert build([small(shift)], published, tmp_path / name, formats) == []
        found[name] = contents(tmp_path / name)

    assert set(found["a"]) == {f"small.{ending}" for ending in (*FORMATS, "csv", "json")}
    assert found["a"] == found["b"]
    changed = {name for name in found["c"] if found["a"][name] != found["c"][name]}
    assert changed == {"small.svg", "small.png", "small.csv"}
    assert b"Date" not in found["a"]["small.pdf"] + found["a"]["small.png"]
    assert b"<dc:date>" not in found["a"]["small.svg"]
    # text is text, and every vertex is there
    assert b">kl=none (n=2)</text>" in found["a"]["small.svg"]


def test_beside_a_figure_stand_numbers_sources_command_and_verdicts(
    both: Inputs, tmp_path: Path
) -> None:
    assert build([find_item("fig8", "figure")], both, tmp_path, []) == []
    said = json.loads((tmp_path / "fig8.json").read_text())
    rows = pd.read_csv(tmp_path / "fig8.csv")

    assert said["command"] == "python -m paper.build figure=fig8 source=both"
    assert set(rows["source"].str.split().explode()) == {
        *said["references"],
        *(run for runs in said["runs"].values() for run in runs),
    }
    verdicts = {claim["id"]: claim["verdicts"][0]["verdict"] for claim in said["claims"]}
    committed = json.loads((ROOT / "results" / "micro" / "claims.json").read_text())
    known = {row["id"]: row["verdict"] for row in committed}
    assert verdicts == {name: known[name] for name in ("f07a", "f07b", "f07c")}


def test_beside_a_figure_stand_the_verdicts_on_the_runs_that_it_shows(
    judged: Inputs, tmp_path: Path
) -> None:
    assert build([find_item("fig8", "figure")], judged, tmp_path, []) == []
    said = json.loads((tmp_path / "fig8.json").read_text())
    lines = {line.claim.id: line for line in judged.sheets["micro"]}
    for claim in said["claims"]:
        (verdict,) = claim["verdicts"]
        line = lines[claim["id"]]
        assert verdict["verdict"] == str(line.verdict.word) != "not run"
        assert verdict["runs"] == list(line.verdict.run_ids) != []


def test_a_table_has_the_published_numbers_and_ours(both: Inputs, tmp_path: Path) -> None:
    assert build([find_item("table2", "table")], both, tmp_path, ["svg"]) == []
    assert sorted(contents(tmp_path)) == ["table2.csv", "table2.json", "table2.md"]
    rows = pd.read_csv(tmp_path / "table2.csv")
    published = rows[rows["part"] == "published"].set_index(["row", "column"])["value"]
    assert published["Open-Reasoner-Zero-32B", "MATH500"] == 92.2
    assert published.isna().sum() == 1
    ours = rows[rows["part"] == "micro/kl_penalty"]
    assert ours["n"].tolist() == [5, 5]
    assert (ours["low"] < ours["value"]).all()
    assert re.search(r"Zero-32B .* 92\.2 \|", (tmp_path / "table2.md").read_text())


def test_the_number_of_another_version_names_the_same_item() -> None:
    assert find_item("v2fig8", "figure").id == "fig11"
    assert find_item("v2table4", "table").id == "table4"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name what to build"),
        (["all", "figure=fig7"], "name what to build"),
        (["figure=fig77"], "there is no 'fig77'"),
        (["table=fig7"], "fig7 is a figure: give figure=fig7"),
        (["figure=fig3"], "v1 Fig. 3 cannot be drawn: a listing of code"),
        (["figure=v2fig1"], "v2 Fig. 1 cannot be drawn: version 2 was at hand as text only"),
        (["figure=fig7", "format=gif"], "format='gif' cannot be"),
        (["figure=fig7", "source=nothing"], "there is no baseline 'nothing'"),
        (["figure=fig7", "colour=red"], "unknown argument"),
    ],
)
def test_a_wrong_word_is_said(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_an_output_directory_that_cannot_be_written_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    assert main(["figure=fig4", "source=paper", f"out={blocked / 'below'}"]) == ExitCode.USAGE
    assert "file is no directory" in capsys.readouterr().err


def test_without_results_the_published_data_are_drawn_and_the_gaps_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no").mkdir()
    words = [f"results_dir={tmp_path / 'no'}", f"baselines_dir={tmp_path / 'none'}"]
    out = tmp_path / "out"
    assert main(["figure=fig8", "format=svg", f"out={out}", *words]) == ExitCode.OK
    said = json.loads((out / "fig8.json").read_text())
    assert said["runs"] == {} and len(said["references"]) == 6
    assert "ablation=kl_penalty scale=micro" in said["gaps"][0]
    empty = read_inputs("both", results_dir=tmp_path / "no", baselines=tmp_path / "none")
    for name in ("table2", *(name for name in catalogue() if name.startswith("own"))):
        product = catalogue()[name].make(empty)
        assert product.gaps and product.runs == {}, name


def test_a_study_of_a_later_version_is_left_out_with_words_and_the_rest_is_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baselines = tmp_path / "baselines"
    shutil.copytree(ROOT / "baselines" / "runs", baselines)
    manifest = baselines / "micro" / "maxrl" / "v2" / "manifest.json"
    later = {**json.loads(manifest.read_text()), "schema_version": 99}
    manifest.write_text(json.dumps(later, indent=2) + "\n")
    out = tmp_path / "out"
    (tmp_path / "no").mkdir()
    words = [f"results_dir={tmp_path / 'no'}", f"baselines_dir={baselines}", f"out={out}"]

    assert main(["figure=fig4", *words]) == ExitCode.USAGE
    assert "micro/maxrl is not drawn" in capsys.readouterr().err
    latest = f"micro/kl_penalty@{find_bundle('micro/kl_penalty', baselines).name}"
    assert json.loads((out / "fig4.json").read_text())["runs"].keys() == {latest}
    assert main(["figure=fig4", "source=micro/maxrl", *words]) == ExitCode.USAGE
    assert "schema version 99" in capsys.readouterr().err


def test_a_named_bundle_is_drawn_alone(tmp_path: Path) -> None:
    inputs = read_inputs("micro/maxrl@v2")
    product = find_item("fig2", "figure").make(inputs)
    assert set(product.runs) == {"micro/maxrl@v2"}
    assert product.references == []
    assert set(product.numbers["role"]) == {"mean", "seed"}


def test_the_committed_files_are_all_there_and_small() -> None:
    folder = ROOT / "results" / "paper" / "both"
    pictures = {"figure": ".svg", "table": ".md"}
    expected = {
        f"{item.id}{ending}"
        for item in catalogue().values()
        for ending in (pictures[item.kind], ".csv", ".json")
    }
    found = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert set(found) == {*expected, "README.md"}
    # own6 grows most with every study that is stored: nine, and two of noise
    assert max(found.values()) < 700_000


def test_the_page_of_the_directory_has_command_sources_gaps_and_verdicts_of_each(
    both: Inputs, tmp_path: Path
) -> None:
    ids = ["fig7", "fig8", "table2", "own8"]
    items = [catalogue()[name] for name in ids[:-1]]
    assert build(items, both, tmp_path, ["svg"]) == []
    text = write_index(ids, "both", tmp_path).read_text()

    parts = dict(zip(ids, text.split("\n## ")[1:], strict=True))
    for name in ids[:-1]:
        said = json.loads((tmp_path / f"{name}.json").read_text())
        assert f"`{said['command']}`" in parts[name]
        assert all(gap in parts[name] for gap in said["gaps"])
        assert all(f"`{reference}`" in parts[name] for reference in said["references"])
        for claim in said["claims"]:
            verdict = claim["verdicts"][0]["verdict"]
            assert f"{claim['id']}, {claim['statement']}: **{verdict} (" in parts[name]
    assert "![KL term, 7B](fig8.svg)" in parts["fig8"]
    assert "[The table](table2.md)" in parts["table2"]
    assert "Not built." in parts["own8"]


def test_the_committed_page_is_that_of_the_committed_files(tmp_path: Path) -> None:
    folder = ROOT / "results" / "paper" / "both"
    committed = (folder / "README.md").read_text()
    shutil.copytree(folder, tmp_path / "both")
    assert write_index(list(catalogue()), "both", tmp_path / "both").read_text() == committed


@pytest.mark.parametrize("name", ["fig8", "table2", "own1", "own5"])
def test_the_committed_numbers_are_those_of_the_committed_results(
    name: str, both: Inputs, tmp_path: Path
) -> None:
    item = catalogue()[name]
    assert build([item], both, tmp_path, []) == []
    for path in tmp_path.iterdir():
        committed = ROOT / "results" / "paper" / "both" / path.name
        assert committed.read_bytes() == path.read_bytes(), "run python -m paper.build all"


def test_the_page_is_what_the_build_knows() -> None:
    text = (ROOT / "docs" / "paper.md").read_text()
    assert text == page()
    for number in (1, 2, *range(4, 15)):
        assert f"v1 Fig. {number} " in text or f"v1 Fig. {number}," in text
    for place in ("v1 Fig. 3", *(f"v2 Fig. {n}" for n in range(1, 9))):
        assert place in text
    for place in (*(f"v1 Table {n}" for n in range(1, 5)), *(f"v2 Table {n}" for n in range(1, 6))):
        assert place in text


OURS = '''"""own{n}: how many claims there are."""

from paper.drawing import Block, Plot, draw
from paper.inputs import Inputs
from paper.product import Product
from paper.series import to_frame


def count(inputs: Inputs) -> Product:
    blocks = [Block(header="Ours", plots=[Plot(title="t", label="y", gap="nothing yet")])]
    return Product(
        id="own{n}", place="", title="Number of claims", caption=str(len(inputs.claims)),
        numbers=to_frame([]), figure=draw("Number of claims", blocks, "c"),
    )


FIGURES = {{"own{n}": ("Number of claims", count)}}
'''


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files count as files of paper/own."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setattr(own, "__path__", [*own.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, "paper.own.claim_count", raising=False)
    return folder


def test_a_new_figure_of_our_own_is_one_file(own_folder: Path, tmp_path: Path) -> None:
    before = list(own_figures())
    (own_folder / "claim_count.py").write_text(OURS.format(n=10))

    assert list(own_figures()) == [*before, "own10"]
    assert main(["figure=own10", "source=paper", f"out={tmp_path / 'out'}"]) == ExitCode.OK
    assert {p.suffix for p in (tmp_path / "out").glob("own10.*")} == {".svg", ".csv", ".json"}
    assert "| Number of claims " in page()


def test_an_id_of_two_files_is_refused(own_folder: Path) -> None:
    (own_folder / "claim_count.py").write_text(OURS.format(n=1))
    with pytest.raises(DamagedError, match=r"has the id 'own1', which another file"):
        own_figures()
