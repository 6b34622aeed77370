import subprocess
from pathlib import Path

import pytest

from harness import provenance


def repository(path: Path) -> Path:
    path.mkdir()
    (path / "a.txt").write_text("a\n")
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(path), *arguments], check=True)
    return path


def test_a_clean_checkout_names_its_commit(tmp_path: Path) -> None:
    state = provenance.code_state(repository(tmp_path / "r"))
    assert len(state["commit"]) == 40
    assert (state["dirty"], state["diff_sha256"]) == ("no", "")


def test_a_changed_file_makes_it_dirty_and_changes_the_hash(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    (root / "a.txt").write_text("b\n")
    one = provenance.code_state(root)
    (root / "a.txt").write_text("c\n")
    two = provenance.code_state(root)
    assert one["dirty"] == two["dirty"] == "yes"
    assert one["diff_sha256"] != two["diff_sha256"]


def test_what_studies_write_is_no_change_of_the_code(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    (root / "results").mkdir()
    (root / "results" / "table").write_text("1\n")
    (root / "other").write_text("1\n")
    for arguments in (
        ["add", "."],
        ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", "-C", str(root), *arguments], check=True)
    (root / "results" / "table").write_text("2\n")
    assert provenance.code_state(root)["dirty"] == "no"
    (root / "other").write_text("2\n")
    assert provenance.code_state(root)["dirty"] == "yes"


def test_no_repository_and_no_git_are_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert provenance.code_state(tmp_path)["commit"] == provenance.ABSENT
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.code_state(tmp_path)["dirty"] == provenance.ABSENT


def test_a_package_that_is_not_installed_is_absent() -> None:
    assert provenance.package_versions(["no-such-package"]) == {"no-such-package": "absent"}


def test_source_hashes_follow_imports(tmp_path: Path) -> None:
    package = tmp_path / "harness"
    package.mkdir()
    (package / "one.py").write_text("from harness import two\nimport os\n")
    (package / "two.py").write_text("from harness.three import x\n")
    (package / "three.py").write_text("x = 1\n")
    (package / "alone.py").write_text("")
    found = provenance.source_hashes(tmp_path, [package / "one.py"])
    assert list(found) == ["harness/one.py", "harness/three.py", "harness/two.py"]
    (package / "three.py").write_text("x = 2\n")
    changed = provenance.source_hashes(tmp_path, [package / "one.py"])
    assert [name for name in found if found[name] != changed[name]] == ["harness/three.py"]


def test_everything_is_collected_as_plain_data(tmp_path: Path) -> None:
    found = provenance.collect(tmp_path)
    assert {"code", "versions", "python", "platform", "hardware", "written"} <= found.keys()
    assert found["hardware"]["cores"] >= 1


def commit(path: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    done = subprocess.run(
        ["git", "-C", str(path), *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_a_commit_of_the_history_has_no_note_and_any_other_says_why(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    first = commit(root, "rev-parse", "HEAD")
    commit(root, "commit", "-q", "--allow-empty", "-m", "second")
    assert provenance.commit_note(root, first) == ""
    assert provenance.commit_note(root, commit(root, "rev-parse", "HEAD")) == ""

    commit(root, "checkout", "-q", "-b", "side", first)
    commit(root, "commit", "-q", "--allow-empty", "-m", "aside")
    aside = commit(root, "rev-parse", "HEAD")
    commit(root, "checkout", "-q", "-")
    assert "another branch" in provenance.commit_note(root, aside)
    assert "not in this repository's history" in provenance.commit_note(root, "f" * 40)
    assert "no commit was recorded" in provenance.commit_note(root, provenance.ABSENT)


def test_a_shallow_clone_cannot_tell_and_says_so(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    first = commit(root, "rev-parse", "HEAD")
    commit(root, "commit", "-q", "--allow-empty", "-m", "second")
    clone = tmp_path / "clone"
    commit(root, "clone", "-q", "--depth=1", f"file://{root}", str(clone))
    assert "shallow" in provenance.commit_note(clone, first)


def test_without_git_or_in_an_export_nothing_can_be_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository(tmp_path / "r")
    first = commit(root, "rev-parse", "HEAD")
    export = root / "export"
    export.mkdir()
    assert "no history is here" in provenance.commit_note(export, first)
    assert provenance.code_state(export)["commit"] == provenance.ABSENT
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no history is here" in provenance.commit_note(root, first)
