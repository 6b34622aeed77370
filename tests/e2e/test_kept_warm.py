"""Two real cells of one session, from one kept process: each has the numbers that it has alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.profile.neutrality import compare_runs
from harness.profile.phases import read_steps
from harness.profile.switches import variants

pytestmark = [pytest.mark.engine, pytest.mark.slow]

SAMPLED = ("critic/rewards/", "critic/score/", "response_length", "global_seqlen/", "val-")
"""Metrics that tell which tokens were sampled: equal bit by bit."""

SPREAD = 1e-6
"""Of all other metrics: which requests share a batch of vLLM depends on when they arrive, and moves
losses and norms of two runs of the same code by up to 9e-8."""

ROOT = Path(__file__).parents[2]


def run_cells(results: Path, variant: str, *seeds: int) -> dict[int, list[dict]]:
    """Run two steps of some seeds in one session; return verl's metrics of each."""
    numbers = ",".join(map(str, seeds))
    cell = [word for word in variants()[variant] if word != "seeds=[1]"]
    words = [*cell, f"seeds=[{numbers}]", "steps=2", f"results_dir={results}"]
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    command = [sys.executable, "-m", "harness.run", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = {}
    for seed in seeds:
        (run,) = (results / "micro" / "kl_penalty" / "runs").glob(f"kl=none-s{seed}-*")
        assert "no start from a kept process" not in (run / "attempt-0" / "log.txt").read_text()
        found[seed] = read_steps(run / "attempt-0")
    return found


def test_a_cell_after_another_has_its_own_numbers(tmp_path: Path) -> None:
    kept = run_cells(tmp_path / "kept", "final", 61, 62)
    alone = run_cells(tmp_path / "alone", "without kept_warm", 62)
    same = compare_runs(kept[62], alone[62])
    assert (same.steps, same.only_in_one) == (2, ())
    assert not {name for name in same.largest if name.startswith(SAMPLED)}, same.text()
    assert max(same.largest.values(), default=0.0) < SPREAD, same.text()
    other = compare_runs(kept[61], kept[62])
    assert any(name.startswith(SAMPLED) for name in other.largest)
    assert max(other.largest.values()) > SPREAD
