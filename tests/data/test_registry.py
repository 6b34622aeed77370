"""Every data set of the registry, the recipes that take it, the page and the command's help."""

import shutil
from pathlib import Path

import pytest
import yaml

from harness.data import __main__ as data
from harness.data.__main__ import main, recipe_evaluations
from harness.data.card import page
from harness.data.entries import FOLDER, entries, find_entry, read_entry
from harness.data.forms import load_form
from harness.paths import CONF, ROOT
from harness.schema import DamagedError, ExitCode, UsageError
from harness.spec import prepared

PAGE = ROOT / "docs" / "datasets.md"


@pytest.mark.parametrize("name", [path.stem for path in FOLDER.glob("*.yaml")])
def test_every_entry_says_what_is_needed(name: str) -> None:
    entry = find_entry(name)
    assert all(load_form(form).name == form for form in entry.forms)
    assert all(find_entry(part).use == entry.use for part in entry.parts)
    assert entry.summary and not entry.summary.endswith(".")
    assert entry.hub or entry.parts or entry.elsewhere
    assert entry.split == "train" if entry.use == "training" else entry.split != "train"


def test_every_training_set_is_a_choice_of_the_recipes_and_the_other_way_round() -> None:
    recipes = {path.stem for path in (CONF / "dataset").glob("*.yaml")} - {"micro"}
    assert recipes == {name for name, e in entries().items() if e.use == "training"}


@pytest.mark.parametrize("name", [name for name, e in entries().items() if e.use == "training"])
def test_the_evaluation_sets_are_those_that_the_recipe_reads_and_counts(name: str) -> None:
    recipe = yaml.safe_load((CONF / "dataset" / f"{name}.yaml").read_text())
    protocol = yaml.safe_load((CONF / "evaluation" / "orz.yaml").read_text())
    assert recipe["dataset"]["name"] == name
    sets = recipe_evaluations(find_entry(name))
    assert recipe["verl"]["data"]["val_files"] == [f"@data/{one.parquet}" for one in sets]
    assert protocol["evaluation"]["questions"] == {one.split: one.rows.most for one in sets}


def test_the_page_is_what_the_registry_makes() -> None:
    remedy = "python -m harness.data card out=docs/datasets.md"
    assert page([*entries().values()]) == PAGE.read_text(), remedy


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"use": "testing"}, "`use` of .* is 'testing': choose one of training, evaluation"),
        ({"licence": None}, "has no `licence`"),
        ({"colour": "red"}, "unknown key `colour`"),
        (
            {"rows": {"at_least": 3}},
            "`rows` of .* unknown key `at_least`: did you mean least",
        ),
        ({"duplicates": "drop"}, "`duplicates` of .* is 'drop'"),
    ],
)
def test_a_wrong_entry_is_refused(change: dict, error: str, tmp_path: Path) -> None:
    document = {**yaml.safe_load((FOLDER / "math500.yaml").read_text()), **change}
    path = tmp_path / "math500.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in document.items() if v is not None}))
    with pytest.raises(DamagedError, match=error):
        read_entry(path)


def test_an_unknown_set_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown data set 'orz_57': did you mean orz_57k"):
        find_entry("orz_57")


def test_a_run_without_data_says_how_to_prepare_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(prepared.DATA_VARIABLE, str(tmp_path))
    with pytest.raises(
        UsageError, match=r"python -m harness\.data prepare dataset=orz_57k size=7500"
    ):
        prepared.require_data({"name": "orz_57k", "train_size": 7500})


def test_the_help_names_every_verb_and_word(capsys) -> None:
    assert main(["--help"]) == ExitCode.OK
    said = capsys.readouterr().out
    for name, verb in data.VERBS.items():
        assert f"\n  {name} " in said
        assert all(f"{key}=" in said for key in verb.options), name


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["prepare"],
        ["prepare", "dataset=orz_57"],
        ["prepare", "dataset=math500", "colour=red"],
        ["prepare", "dataset=math500", "duplicates=drop"],
        ["prepare", "dataset=math500", "partial=yes"],
        ["prepare", "dataset=math500", "from=nowhere"],
        ["verify"],
        ["card", "dataset=math500"],
        ["overlap", "train=math500"],
        ["overlap", "train=x.parquet", "ngram=0"],
    ],
)
def test_a_wrong_request_is_one_line(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv(prepared.DATA_VARIABLE, str(tmp_path))
    assert main(words) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_list_shows_what_is_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv(prepared.DATA_VARIABLE, str(tmp_path))
    files = Path(__file__).with_name("files")
    shutil.copy(files / "orz_evaluation.json", tmp_path / "math500.json")
    main(["prepare", "dataset=math500", f"from={tmp_path}", "partial=true"])
    capsys.readouterr()
    assert main(["list"]) == ExitCode.OK
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(entries()) <= set(lines)
    assert lines["math500"].split()[-1] == "math500" and lines["aime24"].split()[-1] == "-"
    assert main(["show", "dataset=math500"]) == ExitCode.OK
    assert "HuggingFaceH4/MATH-500" in capsys.readouterr().out


def test_prepared_data_are_not_committed_by_accident() -> None:
    assert "/data/" in (ROOT / ".gitignore").read_text().splitlines()
