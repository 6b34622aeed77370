"""What the benchmark hands to a peer and reads of a cell of the suite."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.micro.models import model_dir
from harness.schema import UsageError
from tests.bench.peers.memory import PeakMemory
from tests.bench.peers.suite import Cell, costs_of, work_of
from tests.bench.peers.work import grade, read_work

ROOT = Path(__file__).resolve().parents[2]
RECORDED = Path(__file__).with_name("recorded") / "metrics.jsonl"
BEGIN = 1_800_000_000.0
CONFIG = {
    "model": {"name": "micro_0_8m"},
    "environment": {"HARNESS_TRAINING_THREADS": "1"},
    "verl": {
        "data": {"train_batch_size": 2, "max_response_length": 288},
        "actor_rollout_ref": {
            "actor": {
                "clip_ratio": 0.2,
                "ppo_micro_batch_size_per_gpu": 64,
                "optim": {"lr": 2e-4, "clip_grad": 1.0},
            },
            "rollout": {"n": 3, "temperature": 1.0},
        },
    },
}


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    """A cell of two prompts; three recorded steps end 30, 35.5 and 41 s after its start."""
    shutil.copy(RECORDED, tmp_path / "metrics.jsonl")
    (tmp_path / "rollouts").mkdir()
    for step, end in ((1, 30.0), (2, 35.5), (3, 41.0)):
        path = tmp_path / "rollouts" / f"{step}.jsonl"
        rows = [{"input": f"{step}{prompt}", "gts": "7"} for prompt in "ba" for _ in range(3)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        os.utime(path, (BEGIN + end, BEGIN + end))
    return Cell({"config": CONFIG, "seed": 1}, {}, tmp_path)


def test_a_peer_gets_the_prompts_of_each_step_in_their_order(cell: Cell, tmp_path: Path) -> None:
    work = work_of(cell)
    assert work.batches[1] == [("2b", "7"), ("2a", "7")]
    assert (len(work.batches), work.samples, work.rate, work.threads) == (3, 3, 2e-4, 1)
    assert work.model == str(model_dir())
    work.write(tmp_path / "work.json")
    read = read_work([f"work={tmp_path / 'work.json'}"])
    assert [[tuple(pair) for pair in batch] for batch in read.batches] == work.batches


def test_a_batch_that_is_not_whole_is_refused(cell: Cell) -> None:
    path = cell.attempt / "rollouts" / "2.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    with pytest.raises(UsageError, match=r"2\.jsonl has 1 questions: expected a batch of 2"):
        work_of(cell)


def test_costs_are_from_step_end_to_step_end(cell: Cell) -> None:
    costs = costs_of(cell, BEGIN)
    assert costs["step_s"] == 5.5
    assert costs["to_first_step_s"] == 30.0
    assert costs["generation_s"] == pytest.approx((1.6144636 + 1.4162384) / 2)
    assert costs["reward"] == pytest.approx((0.265625 + 0.25 + 0.359375) / 3)
    assert costs["response_tokens"] == pytest.approx((16.671875 + 22.375 + 24.984375) / 3)


def test_rollouts_that_do_not_mark_the_ends_of_steps_are_refused(cell: Cell) -> None:
    # verl timed 5.36 s inside the last step
    late = BEGIN + 40.9
    os.utime(cell.attempt / "rollouts" / "2.jsonl", (late, late))
    with pytest.raises(UsageError, match="no step can be longer"):
        costs_of(cell, BEGIN)


def test_a_command_line_without_work_is_refused() -> None:
    with pytest.raises(SystemExit, match="found no argument: expected work=<file>"):
        read_work([])


def test_a_peer_is_paid_by_the_rule_of_the_suite() -> None:
    text = " </think> <answer> \\boxed{ 5} </answer>"
    assert grade(text, "5", is_finished=True) == 1.0
    assert grade(text, "6", is_finished=True) == 0.0
    assert grade(text, "5", is_finished=False) == 0.0


def test_memory_is_that_of_marked_processes_and_their_children() -> None:
    child = "import time; held = bytearray(b'1') * 2**26; time.sleep(1)"
    code = (
        "import subprocess, sys; held = bytearray(b'1') * 2**26;"
        f'subprocess.run([sys.executable, "-c", "{child}"])'
    )
    with PeakMemory(every_s=0.1) as memory:
        environment = {**os.environ, **memory.environment}
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert 128 < memory.peak_mib < 192


def test_memory_of_others_is_not_counted() -> None:
    with PeakMemory(every_s=0.1) as memory:
        time.sleep(0.3)
    assert memory.peak_mib == 0


@pytest.mark.parametrize("name", ["cells", "peer_cells", "rliable_speed"])
def test_what_the_benchmarks_run_can_be_collected(name: str) -> None:
    # a worker of pytest-xdist would make its child one, too
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environment = {**kept, "BENCH_REPEATS": "1", "BENCH_PEERS": "1", "BENCH_TRL": "python"}
    command = [sys.executable, "-m", "pytest", f"tests/bench/{name}.py", "--collect-only", "-q"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    if name == "peer_cells":
        ran = [line.partition("[")[2] for line in done.stdout.splitlines() if "test_peer[" in line]
        assert ran[:4] == [f"{who}-grpo_64-0]" for who in ("suite", "trl", "loop")] + [
            "suite-grpo_128-0]"
        ]
