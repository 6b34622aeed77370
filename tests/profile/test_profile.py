"""The profile command, on the records of a real cell laid out as a run directory."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from harness.profile.__main__ import main

RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """One finished run with the recorded attempt; its spec holds what a profile reads of it."""
    run = tmp_path / "micro/kl_penalty/runs/kl=none-s5-d2077a32"
    shutil.copytree(RECORDED, run / "attempt-0")
    verl = {"data": {"train_batch_size": 8}, "actor_rollout_ref": {"rollout": {"n": 8}}}
    cell = {"cell_id": "d2077a32", "arm": "kl=none", "seed": 5}
    about = {"schema_version": 1, **cell, "scale": "micro", "ablation": "kl_penalty"}
    spec = {
        **about,
        "levels": {"kl": "none"},
        "config": {"verl": verl, "model": {"name": "micro_0_8m"}},
        "inputs": {"data": "", "model": "", "sources": {}, "versions": {}},
    }
    attempt: dict[str, Any] = {
        "number": 0,
        "status": "done",
        "reason": "",
        "started": "2026-11-23T20:30:00+00:00",
        "ended": "2026-11-23T20:32:00+00:00",
        "last_step": 3,
        "exit_code": 0,
        "torn_lines": 0,
    }
    record = {**about, "status": "done", "reason": "", "attempts": [attempt]}
    (run / "spec.yaml").write_text(yaml.safe_dump(spec))
    (run / "record.json").write_text(json.dumps({**record, "seeds": {}, "provenance": {}}))
    return tmp_path


def run(results: Path, *words: str) -> int:
    return main(["ablation=kl_penalty", f"results_dir={results}", *words])


def test_it_prints_phases_processes_and_the_floor(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(results) == 0
    text = capsys.readouterr().out
    for word in ("vLLM engine", "WorkerDict", "critic update", "measured / floor", "GFLOP/s"):
        assert word in text


def test_it_writes_rows_pages_and_pictures(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "profile"
    assert run(results, f"out={out}", "run=kl=none-s5") == 0
    names = {path.name for path in out.iterdir()}
    assert names == {
        "PROFILE.md",
        "profile.csv",
        "step.png",
        "step.svg",
        "timeline.png",
        "timeline.svg",
    }
    rows = pd.read_csv(out / "profile.csv")
    wall = rows.loc[rows["table"] == "wall", "value"].sum()
    assert wall == pytest.approx(120.0, abs=0.01)
    assert "timeline.svg" in (out / "PROFILE.md").read_text()


def test_a_run_is_compared_with_another(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = results / "micro/kl_penalty/runs"
    other = shutil.copytree(place / "kl=none-s5-d2077a32", results / "other")
    assert run(results, f"against={other}") == 0
    assert "every one is equal" in capsys.readouterr().out
    metrics = other / "attempt-0/metrics.jsonl"
    metrics.write_text(
        metrics.read_text().replace('"critic/score/mean": 0.', '"critic/score/mean": 1.')
    )
    assert run(results, f"against={other}") == 0
    assert "first difference at step" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run=kl=loss"], "names 0 runs"),
        (["against=nowhere"], "a directory that is there"),
        (["rum=x"], "unknown argument"),
    ],
)
def test_a_wrong_request_is_one_sentence(
    results: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(results, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_place_without_runs_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 2
    assert "holds no finished run" in capsys.readouterr().err
