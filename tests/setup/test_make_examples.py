"""What `make examples` writes: the copies of the README; and a step that is not done."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = """Before.
<!-- copied from REPORT.md, a test compares -->
| arm | reward [1] (5 runs) |
| --- | --- |
| a | 0.1 |
<!-- end -->
<!-- copied from CLAIMS.md, a test compares -->
28 claims of 23 findings: 1 reproduced, 0 contradicted as evidence; 20 not run.
<!-- end -->
<!-- copied from REPORT.md, a test compares -->
**inconclusive** (micro): 3 seeds.
<!-- end -->
After.
"""
REPORT = """# Report

**reproduced** (micro): 4 seeds.

| other | table |
| --- | --- |

| arm   | reward [1] (12 runs) |
| ----- | -------------------: |
| a     |                 0.25 |

Words.
"""
COUNTS = "29 claims of 24 findings: 2 reproduced, 1 contradicted as evidence; 3 untestable here."
CLAIMS = f"# Claims\n\n{COUNTS}\n\n| claim |\n"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_examples", ROOT / "scripts" / "make_examples.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_copies_are_taken_from_their_sources_again(script: ModuleType) -> None:
    sources = {"REPORT.md": REPORT, "CLAIMS.md": CLAIMS}
    fresh = script.copied(README, sources.__getitem__)
    assert "| a     |                 0.25 |\n<!-- end -->" in fresh
    assert f"\n{COUNTS}\n<!-- end -->" in fresh
    assert "\n**reproduced** (micro): 4 seeds.\n<!-- end -->" in fresh
    assert fresh.startswith("Before.\n") and fresh.endswith("\nAfter.\n")
    assert script.copied(fresh, sources.__getitem__) == fresh


def test_a_copy_without_a_source_is_said(script: ModuleType) -> None:
    with pytest.raises(script.StepError, match=r"CLAIMS\.md has nothing that begins with '28"):
        script.copied(README, {"REPORT.md": REPORT, "CLAIMS.md": "# Claims\n"}.__getitem__)


def test_the_readme_is_what_the_step_would_write(script: ModuleType) -> None:
    text = (ROOT / "README.md").read_text()
    assert script.copied(text, lambda source: (ROOT / source).read_text()) == text


@pytest.mark.parametrize(("data", "is_graded"), [("micro_families", True), ("micro", False)])
def test_texts_are_graded_again_where_their_answers_are_made(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str, is_graded: bool
) -> None:
    folder = tmp_path / "results" / "micro" / "kl"
    folder.mkdir(parents=True)
    arms = {"kl=none": {"config": {"dataset.name": data}}}
    (folder / "study.json").write_text(json.dumps({"protocol": {"arms": arms}}))

    def grades(module: str, *arguments: str) -> str:
        assert module == "harness.grade"
        assert arguments[-1] == "--force"
        out = Path(arguments[-2].removeprefix("out="))
        out.mkdir(parents=True)
        (out / "verdicts.csv").write_text("row_id\n")
        return ""

    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script, "studies", lambda: [folder])
    monkeypatch.setattr(script, "_run", grades)
    script.write_grades()
    assert (folder / script.GRADES).is_file() is is_graded


def test_stored_grades_are_of_questions_whose_answers_are_known(script: ModuleType) -> None:
    folders = [folder for folder in script.studies() if (folder / script.GRADES).is_file()]
    assert folders
    assert all(script.data_sets(folder) <= script.KNOWN_ANSWERS for folder in folders)


def test_a_step_that_fails_is_named_and_the_others_are_done(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []

    def fails() -> None:
        raise script.StepError("no Chromium is installed")

    steps = {"page": fails, "readme": lambda: done.append("readme")}
    monkeypatch.setattr(script, "STEPS", steps)
    assert script.main([]) == 1
    said = capsys.readouterr()
    assert done == ["readme"]
    assert "page: no Chromium is installed" in said.out
    assert "not done: page" in said.err
    assert script.main(["readme"]) == 0
    assert script.main(["reamde"]) == 2
