"""A cell that is stopped after a checkpoint goes on from it, and leaves one whole run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
WORDS = (
    *("ablation=kl_penalty", "scale=micro", "seeds=1", "steps=4", "levels=[none]"),
    *("dataset.eval_size=8", "verl.trainer.test_freq=2", "verl.trainer.save_freq=1"),
    # verl cannot load a checkpoint on a CPU otherwise
    "environment.VERL_USE_EXTERNAL_MODULES='harness.plugins.cpu,harness.extensions.cpu_checkpoint'",
)
LIMIT_S = 900


def start(results: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "harness.run", *WORDS, f"results_dir={results}"]
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def steps_of(attempt: Path) -> list[int]:
    path = attempt / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line)["step"] for line in lines if line.endswith("}")]


def only_run(results: Path) -> Path:
    (path,) = results.glob("micro/kl_penalty/runs/kl=none-s1-*")
    return path


def test_a_stopped_cell_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    first = start(tmp_path)
    end = time.monotonic() + LIMIT_S
    while not any(1 in steps_of(p) for p in tmp_path.glob("micro/kl_penalty/runs/*/attempt-0")):
        assert first.poll() is None and time.monotonic() < end
        time.sleep(0.1)
    first.send_signal(signal.SIGTERM)
    out, _ = first.communicate(timeout=LIMIT_S)
    assert first.returncode == 20, out
    run = only_run(tmp_path)
    before = steps_of(run / "attempt-0")
    assert 4 not in before
    second = start(tmp_path)
    out, _ = second.communicate(timeout=LIMIT_S)
    assert second.returncode == 0, out
    record = json.loads((run / "record.json").read_text())
    stopped, resumed = record["attempts"]
    assert (stopped["status"], stopped["resumed_from"]) == ("interrupted", None)
    assert (resumed["status"], resumed["last_step"]) == ("done", 4)
    assert 1 <= resumed["resumed_from"] <= max(before)
    # the folder of the last attempt is the whole run, and each step stands there once
    assert steps_of(run / "attempt-1") == [0, 1, 2, 3, 4]
    generations = {path.stem for path in (run / "attempt-1" / "generations").iterdir()}
    assert generations == {"0", "2", "4"}
    assert record["evaluation_rows"]["found"] == record["evaluation_rows"]["expected"] > 0
    argv = json.loads((run / "attempt-1" / "command.json").read_text())["argv"]
    assert "trainer.resume_mode=resume_path" in argv
