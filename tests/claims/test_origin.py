import copy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.claims.origin import has_history, rule_origin

DOCUMENT: dict[str, Any] = {
    "id": "f99",
    "rules": {"micro": {"kind": "level", "metric": "reward", "min_seeds": 3}},
}
"""As much of a claim file as the history of its rule looks at."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a test")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@test")
    git(tmp_path, "init", "-q")
    return tmp_path / "invented.yaml"


def git(directory: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(directory), *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(path: Path, document: dict[str, Any], text: str = "") -> str:
    path.write_text(text + yaml.safe_dump(document))
    git(path.parent, "add", path.name)
    git(path.parent, "commit", "-q", "-m", "x", "--allow-empty")
    return git(path.parent, "rev-parse", "HEAD")


def test_the_oldest_commit_with_the_rule_as_it_stands_counts(repository: Path) -> None:
    older = copy.deepcopy(DOCUMENT)
    older["rules"]["micro"]["min_seeds"] = 2
    commit(repository, older)
    brought = commit(repository, DOCUMENT)
    commit(repository, DOCUMENT | {"title": "renamed"}, "# a comment\n")

    origin = rule_origin(repository, "micro", DOCUMENT)
    assert origin.commit == brought
    assert origin.date.startswith("20")


def test_a_rule_that_went_and_came_back_counts_from_its_return(repository: Path) -> None:
    changed = copy.deepcopy(DOCUMENT)
    changed["rules"]["micro"]["min_seeds"] = 2
    commit(repository, DOCUMENT)
    commit(repository, changed)
    again = commit(repository, DOCUMENT)

    assert rule_origin(repository, "micro", DOCUMENT).commit == again


def test_a_shallow_clone_does_not_date_a_rule_by_its_own_beginning(repository: Path) -> None:
    commit(repository, DOCUMENT)
    commit(repository, DOCUMENT | {"title": "renamed"})
    assert has_history(repository.parent)
    clone = repository.parent / "clone"
    git(repository.parent, "clone", "-q", "--depth=1", f"file://{repository.parent}", str(clone))
    assert not has_history(clone)
    renamed = DOCUMENT | {"title": "renamed"}
    assert rule_origin(clone / repository.name, "micro", renamed) == ("", "")


def test_a_rule_that_is_not_committed_has_no_origin(repository: Path) -> None:
    assert rule_origin(repository, "micro", DOCUMENT) == ("", "")
    commit(repository, DOCUMENT)
    changed = copy.deepcopy(DOCUMENT)
    changed["rules"]["micro"]["min_seeds"] = 5

    assert rule_origin(repository, "micro", changed) == ("", "")
    assert rule_origin(repository.parent / "other" / "x.yaml", "micro", DOCUMENT) == ("", "")
