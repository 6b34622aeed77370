"""`make baselines`: what is to do, in which order, and what is left as it is."""

import sys
from pathlib import Path
from typing import Any

import pytest

from harness.paths import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

import all_studies


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that were run; each succeeds but for those of the study `gamma`."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        commands.append(command[2:])
        return type("Done", (), {"returncode": int("ablation=gamma" in command)})

    monkeypatch.setattr(all_studies.subprocess, "run", run)
    monkeypatch.setattr(all_studies, "is_stored", lambda study: False)
    return commands


def test_the_shortest_runs_first_and_is_stored(
    done: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert all_studies.main(["algorithm", "model_size"]) == 0
    assert done == [
        [*command, f"ablation={name}", "scale=micro"]
        for name in ("model_size", "algorithm")
        for command in (["harness.run"], ["harness.baseline", "save"])
    ]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["model_size", "algorithm", "all"]
    assert "40 cells" in lines[-1] and "to go" in lines[-1]


def test_a_study_that_fails_is_named_and_the_next_one_runs(
    done: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert all_studies.main(["gamma", "sampling"]) == 1
    assert [command[-2] for command in done] == ["ablation=gamma", *["ablation=sampling"] * 2]
    assert "not stored: gamma;" in capsys.readouterr().err


def test_what_is_stored_is_left_as_it_is(
    done: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(all_studies, "is_stored", lambda study: True)
    assert all_studies.main(["gamma"]) == 0
    assert done == []


@pytest.mark.parametrize(("taken_out", "is_stored"), [(0, True), (1, False)])
def test_a_stored_study_has_exactly_the_cells_of_today(
    taken_out: int, is_stored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with all_studies.session():
        study = all_studies.make_study(["ablation=gamma", "scale=micro"])
    cells = [{"cell_id": cell.cell_id} for cell in study.cells]
    monkeypatch.setattr(all_studies, "versions", lambda folder: [1])
    monkeypatch.setattr(all_studies, "read_manifest", lambda path: {"cells": cells[taken_out:]})
    assert all_studies.is_stored(study) is is_stored


def test_no_study_of_the_micro_world_is_left_out(done: list[list[str]]) -> None:
    assert all_studies.main([]) == 1
    names = {command[-2].removeprefix("ablation=") for command in done}
    assert {"core_matrix", "algorithm_family", "algorithm"} <= names
    assert not names & set(all_studies.NO_STUDY)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(SystemExit, match="unknown study nope: expected some of"):
        all_studies.main(["nope"])
