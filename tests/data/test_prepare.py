"""`prepare` from the command line, with invented files, up to what a recipe takes."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from harness.data.__main__ import main
from harness.data.manifest import read_manifest, verify, write_manifest
from harness.data.rows import rows_hash, schema, write_parquet
from harness.data.sourcing import file_hash
from harness.evaluate.definitions import benchmark_of
from harness.evaluate.general import find_records
from harness.evaluate.questions import load_set
from harness.paths import CONF
from harness.schema import DamagedError, ExitCode
from harness.spec import inputs as places
from harness.spec import prepared
from tests.data.invented import FILES, authors_directory, orz, write_json

EVALUATIONS = ("math500", "aime2024", "gpqa_diamond")


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(prepared.DATA_VARIABLE, str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def authors(tmp_path: Path) -> Path:
    return authors_directory(tmp_path / "authors")


def prepare(*words: object, code: ExitCode = ExitCode.OK) -> None:
    assert main(["prepare", *map(str, words)]) == code


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    prepare(*words, code=ExitCode.USAGE)
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    return said


def train_ids(directory: Path) -> list[str]:
    frame = pd.read_parquet(directory / "train.parquet")
    return [info["question_id"] for info in frame["extra_info"]]


def test_a_recipe_finds_what_was_prepared(authors: Path, data: Path, capsys) -> None:
    prepare("dataset=orz_57k", f"from={authors}", "partial=true")
    said = capsys.readouterr().out
    assert "math500.parquet is not the published set of math500: 3 records, 500 as pub" in said
    found = prepared.require_data({"name": "orz_57k", "train_size": None})
    names = ["train", *EVALUATIONS]
    recipe = yaml.safe_load((CONF / "dataset" / "orz_57k.yaml").read_text())["verl"]["data"]
    for token in (recipe["train_files"], *recipe["val_files"]):
        assert Path(token.replace("@data", str(found))).is_file()
    settings = {"name": "orz_57k", "train_size": None}
    assert places.data_hash(settings) == prepared.data_identity(settings) != "absent"
    assert places.data_hash({**settings, "train_size": 2}) == "absent"
    assert found == data / "orz_57k"
    assert sorted(path.name for path in found.iterdir()) == sorted(
        ["CARD.md", "manifest.json", *(f"{name}.parquet" for name in names)]
    )
    manifest = json.loads((found / "manifest.json").read_text())
    assert {name: one["rows"] for name, one in manifest["files"].items()} == {
        **{"train.parquet": 6, "math500.parquet": 3},
        **{"aime2024.parquet": 3, "gpqa_diamond.parquet": 1},
    }
    splits = [pd.read_parquet(found / f"{n}.parquet")["extra_info"][0]["split"] for n in names]
    assert splits == names
    assert str(authors) not in (found / "manifest.json").read_text()


def test_an_evaluation_reads_what_was_prepared(data: Path, tmp_path: Path) -> None:
    records = [{"problem": f"Invented number {n}?", "answer": n} for n in range(30)]
    prepare("dataset=aime24", f"from={write_json(tmp_path / 'x.json', records)}")
    prepare("dataset=ifeval", f"from={FILES / 'ifeval.jsonl'}", "partial=true")
    asked = load_set(benchmark_of("aime2024"), data).questions
    assert [question.reference for question in asked] == [str(n) for n in range(30)]
    assert find_records("ifeval", data) == (data / "ifeval" / "ifeval.jsonl").resolve()


def test_smaller_sets_are_parts_of_larger_ones(authors: Path, data: Path) -> None:
    for size in (2, 4, 6):
        words = [f"size={size}", "dataset=orz_57k", f"from={authors}", "partial=true"]
        prepare(*words)
    prepare("dataset=orz_57k", f"from={authors}", "partial=true")
    two, four, six = (train_ids(data / f"orz_57k-{size}") for size in (2, 4, 6))
    assert two == four[:2] and four == six[:4] and six == train_ids(data / "orz_57k")
    assert prepared.require_data({"name": "orz_57k", "train_size": 4}) == data / "orz_57k-4"
    assert main(["verify"]) == ExitCode.OK


def test_a_size_beyond_the_set_is_refused(authors: Path, data: Path, capsys) -> None:
    words = ["dataset=orz_57k", f"from={authors}", "partial=true"]
    assert "size=7 is more than orz_57k has: expected 1 to 6" in refused(capsys, *words, "size=7")
    assert "expected a whole number from 1" in refused(capsys, *words, "size=0")
    assert "is for training sets" in refused(capsys, "dataset=math500", "size=2")
    assert not list(data.glob("*"))


def written(path: Path) -> tuple[int, int]:
    """Return which file it is and when it was written, whoever read it since."""
    return path.stat().st_ino, path.stat().st_mtime_ns


def test_the_same_again_is_done_and_other_content_is_refused(
    authors: Path, data: Path, capsys
) -> None:
    words = ["dataset=orz_57k", f"from={authors}", "partial=true"]
    prepare(*words)
    before = written(data / "orz_57k" / "manifest.json")
    prepare(*words)
    assert "prepared already" in capsys.readouterr().out
    assert written(data / "orz_57k" / "manifest.json") == before
    write_json(authors / "orz_math_57k_collected.json", [orz("Other?", "1")])
    assert "holds another train.parquet" in refused(capsys, *words)
    assert written(data / "orz_57k" / "manifest.json") == before
    prepare(*words, f"out={data / 'other'}")
    assert [path.name for path in data.iterdir() if path.name.startswith(".")] == []


def test_a_directory_of_something_else_is_left_alone(authors: Path, data: Path, capsys) -> None:
    (data / "math500").mkdir(parents=True)
    prepare("dataset=math500", f"from={authors}", "partial=true")
    (data / "aime24").mkdir()
    (data / "aime24" / "notes.txt").write_text("mine")
    words = ["dataset=aime24", f"from={authors}", "partial=true"]
    assert "holds something else than a prepared" in refused(capsys, *words)
    assert (data / "aime24" / "notes.txt").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_write_access_is_told(authors: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    words = ["dataset=math500", f"from={authors}", "partial=true"]
    said = refused(capsys, *words, f"out={tmp_path / 'locked' / 'here'}")
    assert "cannot write" in said and "Permission denied" in said


def test_an_output_below_a_file_is_told(authors: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("x")
    words = ["dataset=math500", f"from={authors}", "partial=true"]
    assert "file is no directory" in refused(capsys, *words, f"out={tmp_path / 'file' / 'here'}")


def test_a_full_disk_leaves_nothing(authors: Path, data: Path, capsys, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.data.prepare.write_parquet", full)
    said = refused(capsys, "dataset=math500", f"from={authors}", "partial=true")
    assert "No space left on device; free space" in said
    assert list(data.iterdir()) == []


def test_evaluation_sets_come_from_where_they_were_prepared(
    authors: Path, data: Path, tmp_path: Path, capsys
) -> None:
    alone = shutil.copy(FILES / "orz_training.json", tmp_path / "mine.json")
    words = ["dataset=orz_72k", f"from={alone}", "partial=true"]
    said = refused(capsys, *words)
    assert "nor prepared are math500, aime24, gpqa_diamond: prepare each first" in said
    for name in ("math500", "aime24", "gpqa_diamond"):
        prepare(f"dataset={name}", f"from={authors}", "partial=true")
    prepare(*words)
    same = ("math500", "math500.parquet"), ("aime24", "aime2024.parquet")
    for folder, file in same:
        copy = data / "orz_72k" / file
        assert copy.read_bytes() == (data / folder / file).read_bytes()
    (data / "math500" / "math500.parquet").write_bytes(b"x")
    assert "math500.parquet is damaged" in refused(capsys, *words, f"out={tmp_path / 'new'}")


@pytest.mark.parametrize("same", [True, False])
def test_another_process_may_be_faster(
    same: bool, authors: Path, data: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    words = ["dataset=math500", f"from={authors}", "partial=true"]
    prepare(*words, f"out={tmp_path / 'theirs'}")
    manifest = read_manifest(tmp_path / "theirs")
    if not same:
        manifest["files"]["math500.parquet"]["rows_sha256"] = "other"
        write_manifest(tmp_path / "theirs", manifest)
    written = write_manifest

    def late(directory: Path, mine: dict) -> None:
        written(directory, mine)
        shutil.copytree(tmp_path / "theirs", data / "math500")

    monkeypatch.setattr("harness.data.prepare.write_manifest", late)
    capsys.readouterr()
    if same:
        prepare(*words)
        assert "prepared already" in capsys.readouterr().out
    else:
        assert "holds another math500.parquet" in refused(capsys, *words)
    assert [path.name for path in data.iterdir()] == ["math500"]


def test_evaluation_sets_can_be_chosen(authors: Path, data: Path, capsys) -> None:
    words = ["dataset=orz_57k", f"from={authors}", "partial=true"]
    prepare(*words, "eval=aime24", f"out={data / 'one'}")
    prepare(*words, "eval=none", f"out={data / 'none'}")
    assert {path.stem for path in (data / "one").glob("*.parquet")} == {"train", "aime2024"}
    assert {path.stem for path in (data / "none").glob("*.parquet")} == {"train"}
    assert "is a training set" in refused(capsys, *words, "eval=orz_13k")
    assert "unknown data set" in refused(capsys, *words, "eval=aime23")


def test_a_mixture_is_of_all_its_parts(authors: Path, data: Path, capsys) -> None:
    words = ["dataset=orz_129k", f"from={authors}", "partial=true"]
    assert "has no file of orz_72k: expected orz_math_72k" in refused(capsys, *words)
    extended = authors / "orz_math_72k_collection_extended.json"
    write_json(extended, [orz("New?", "1"), orz("Simplify $\\sqrt{98}$.", "x")])
    assert "questions repeat in 1 records" in refused(capsys, *words)
    prepare(*words, "duplicates=first")
    manifest = json.loads((data / "orz_129k" / "manifest.json").read_text())
    stated = manifest["files"]["train.parquet"]
    assert stated["rows"] == 7 and stated["duplicates"] == "first"
    assert stated["of"] == {"records": 8, "repeats": 1, "conflicts": 1}


def test_a_set_in_two_languages_is_of_two_files(data: Path, capsys) -> None:
    files = [FILES / "orz_training.json", FILES / "orz_chinese.json"]
    words = ["dataset=orz_57k_cn", "eval=none"]
    assert "no question in language zh" in refused(capsys, *words, f"from={files[0]}")
    prepare(*words, f"from={files[0]},{files[1]}")
    assert "6 en, 2 zh" in capsys.readouterr().out
    assert "English 6, Chinese 2" in (data / "orz_57k_cn" / "CARD.md").read_text()


def test_mined_prompts_become_a_set_of_their_own(authors: Path, data: Path, tmp_path: Path) -> None:
    prepare("dataset=orz_57k", f"from={authors}", "partial=true")
    whole = pd.read_parquet(data / "orz_57k" / "train.parquet")
    # as harness.mine writes them
    whole.iloc[[1, 3]].to_parquet(tmp_path / "train.parquet", index=False)
    for name in ("math500", "aime24", "gpqa_diamond"):
        prepare(f"dataset={name}", f"from={authors}", "partial=true")
    prepare("dataset=orz_13k", f"from={tmp_path / 'train.parquet'}", "partial=true")
    mined = pd.read_parquet(data / "orz_13k" / "train.parquet")
    assert list(mined["prompt"].map(lambda p: p[0]["content"])) == [
        p[0]["content"] for p in whole["prompt"].iloc[[1, 3]]
    ]


def test_records_lie_beside_sets_with_prompts_of_their_own(data: Path) -> None:
    prepare("dataset=ifeval", f"from={FILES / 'ifeval.jsonl'}", "partial=true")
    kept = (data / "ifeval" / "ifeval.jsonl").read_text().splitlines()
    published = (FILES / "ifeval.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in kept] == [json.loads(line) for line in published]
    assert set(verify(data / "ifeval")["sha256"]) == {"ifeval.jsonl", "ifeval.parquet"}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda rows: rows[:-1], "holds rows"),
        (lambda rows: [{**rows[0], "ability": "art"}, *rows[1:]], "holds rows"),
        (lambda rows: rows[::-1], "is not in the order of its ids"),
        (lambda rows: [_other(rows[0], "problem", "x"), *rows[1:]], "is not in the template"),
        (lambda rows: [_other(rows[0], "question_id", "0"), *rows[1:]], "has an id that is not"),
    ],
)
def test_verify_sees_what_a_hash_alone_does_not(
    change, error: str, authors: Path, data: Path
) -> None:
    prepare("dataset=orz_57k", f"from={authors}", "partial=true")
    verify(data / "orz_57k")
    path = data / "orz_57k" / "train.parquet"
    rows = change(pq.read_table(path).to_pylist())
    write_parquet(path, rows)
    manifest = read_manifest(path.parent)
    manifest["sha256"]["train.parquet"] = file_hash(path)
    if error != "holds rows":
        manifest["files"]["train.parquet"].update(rows_sha256=rows_hash(rows))
    write_manifest(path.parent, manifest)
    with pytest.raises(DamagedError, match=error):
        verify(path.parent)


def _other(row: dict, key: str, value: str) -> dict:
    return {**row, "extra_info": {**row["extra_info"], key: value}}


def test_a_damaged_file_is_named_and_not_mended(authors: Path, data: Path, capsys) -> None:
    words = ["dataset=math500", f"from={authors}", "partial=true"]
    prepare(*words)
    (data / "math500" / "math500.parquet").write_bytes(b"x")
    assert "math500.parquet is damaged: found sha256" in refused(capsys, *words)
    assert main(["verify", "dataset=math500"]) == ExitCode.USAGE


def test_all_files_have_one_schema(authors: Path, data: Path) -> None:
    prepare("dataset=orz_57k", f"from={authors}", "partial=true")
    files = sorted((data / "orz_57k").glob("*.parquet"))
    assert len(files) == 4
    assert all(pq.read_schema(path) == schema() for path in files)


def test_the_card_says_where_the_data_are_from(authors: Path, data: Path, capsys) -> None:
    prepare("dataset=orz_57k", f"from={authors}", "partial=true", "size=3")
    capsys.readouterr()
    assert main(["card", "dataset=orz_57k", "size=3"]) == ExitCode.OK
    card = capsys.readouterr().out
    assert card == (data / "orz_57k-3" / "CARD.md").read_text()
    manifest = json.loads((data / "orz_57k-3" / "manifest.json").read_text())
    for text in (*manifest["sha256"].values(), "# ORZ 57k, the first 3 questions", "MIT"):
        assert text in card
    assert card.count("**not the published set**") == 4
