"""The hub, played by a named fake; the real one is asked only where it cannot answer."""

import json
import sys
from pathlib import Path

import pytest

from harness.data import __main__ as data
from harness.data.entries import find_entry
from harness.data.hub import HuggingFaceHub, fetch
from harness.schema import ExitCode, UsageError
from harness.spec import prepared
from tests.data.invented import COMMIT, FakeHub

HUB = FakeHub(
    {
        "Open-Reasoner-Zero/orz_math_57k_collection": {
            "README.md": "gpqa.csv",
            "orz_math_57k_collected.json": "orz_training.json",
        },
        "Open-Reasoner-Zero/orz_math_72k_collection_extended": {
            "orz_math_72k_collection_extended.json": "orz_chinese.json",
        },
        "HuggingFaceH4/MATH-500": {"README.md": "gpqa.csv", "test.jsonl": "answered.jsonl"},
        "HuggingFaceH4/aime_2024": {"data/train-00000-of-00001.parquet": "answered.jsonl"},
        "Idavidrein/gpqa": {"gpqa_main.csv": "mmlu.jsonl", "gpqa_diamond.csv": "gpqa.csv"},
        "EleutherAI/hendrycks_math": {
            "algebra/test-00000-of-00001.parquet": "gpqa.csv",
            "geometry/train-00000-of-00001.parquet": "math_solutions.jsonl",
        },
    }
)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(prepared.DATA_VARIABLE, str(tmp_path))
    monkeypatch.setattr(data, "HuggingFaceHub", lambda: HUB)
    HUB.asked.clear()
    return tmp_path


def test_a_training_set_is_fetched_with_its_evaluation_sets(root: Path, capsys) -> None:
    assert data.main(["prepare", "dataset=orz_57k", "partial=true"]) == ExitCode.OK
    manifest = json.loads((root / "orz_57k" / "manifest.json").read_text())
    (source,) = manifest["files"]["train.parquet"]["sources"]
    assert source["repository"] == "Open-Reasoner-Zero/orz_math_57k_collection"
    assert source["commit"] == COMMIT
    assert manifest["files"]["gpqa_diamond.parquet"]["forms"] == ["gpqa"]
    said = capsys.readouterr().out
    for name in ("orz_57k", "math500", "aime24", "gpqa_diamond"):
        line = f"write `revision: {COMMIT}` into harness/data/entries/{name}.yaml"
        assert line in said
    assert COMMIT in (root / "orz_57k" / "CARD.md").read_text()


def test_what_is_written_down_is_what_a_fetch_takes() -> None:
    entry = find_entry("math500")
    assert entry.hub
    written = entry.model_copy(update={"hub": entry.hub.model_copy(update={"revision": "abc"})})
    for one in (entry, written):
        assert fetch(one, HUB).commit == COMMIT
    assert HUB.asked == [("HuggingFaceH4/MATH-500", None), ("HuggingFaceH4/MATH-500", "abc")]


def test_a_mixture_is_fetched_from_all_its_repositories(root: Path) -> None:
    assert data.main(["prepare", "dataset=orz_129k", "partial=true"]) == ExitCode.OK
    manifest = json.loads((root / "orz_129k" / "manifest.json").read_text())
    stated = manifest["files"]["train.parquet"]
    assert [source["repository"].rpartition("/")[2] for source in stated["sources"]] == [
        "orz_math_57k_collection",
        "orz_math_72k_collection_extended",
    ]
    assert stated["rows"] == 8 and stated["languages"] == {"en": 6, "zh": 2}


def test_only_the_files_of_the_pattern_are_fetched() -> None:
    fetched = fetch(find_entry("math_train"), HUB)
    assert [path.name for path in fetched.files] == ["math_solutions.jsonl"]


def test_a_repository_without_the_files_is_told() -> None:
    hub = FakeHub({"HuggingFaceH4/MATH-500": {"README.md": "gpqa.csv"}})
    with pytest.raises(UsageError, match=r"has no file test\.jsonl at 0123.*found README\.md"):
        fetch(find_entry("math500"), hub)


def test_a_set_that_was_never_released_needs_a_file() -> None:
    with pytest.raises(UsageError, match=r"orz_57k_cn is not on the hub .*: give from="):
        fetch(find_entry("orz_57k_cn"), HUB)


def test_a_hub_out_of_reach_is_one_sentence(root: Path, monkeypatch, capsys) -> None:
    """The real client, which is told to stay offline."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(data, "HuggingFaceHub", HuggingFaceHub)
    assert data.main(["prepare", "dataset=math500"]) == ExitCode.USAGE
    assert capsys.readouterr().err == (
        "error: HuggingFaceH4/MATH-500 cannot be fetched, the hub is not reached"
        " (OfflineModeIsEnabled): try again where it is, or give from=<file or directory> (`show`"
        " says which)\n"
    )
    assert list(root.iterdir()) == []


def test_a_set_whose_terms_are_not_accepted_is_told(monkeypatch, capsys) -> None:
    errors = pytest.importorskip("huggingface_hub.errors")
    httpx = pytest.importorskip("httpx")
    answer = httpx.Response(403, request=httpx.Request("GET", "https://hub"))

    def gated(*_: object, **__: object) -> None:
        raise errors.GatedRepoError("gated", response=answer)

    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", gated)
    with pytest.raises(UsageError, match=r"accept its terms at https://huggingface\.co/datasets/I"):
        HuggingFaceHub().snapshot("Idavidrein/gpqa", None)


def test_a_core_without_the_client_says_so(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UsageError, match="huggingface_hub is not installed"):
        HuggingFaceHub().snapshot("x/y", None)
