"""Cells on a Ray cluster of several nodes: packed, one node killed mid-cell, the cell run again.

Real cells of two steps, a real cluster with a token: some ten minutes on two busy cores.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.ray_nodes import RayNodes

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
WORDS = (
    *("ablation=kl_penalty", "scale=micro", "seeds=1", "steps=2", "levels=[none,loss]"),
    "dataset.eval_size=8",
)
LIMIT_S = 1500


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayNodes]:
    pytest.importorskip("ray", reason="the engines are not installed: make setup")
    nodes = RayNodes(workers=2)
    try:
        nodes.start()
        yield nodes
    finally:
        nodes.stop()


def start(cluster: RayNodes, results: Path, *command: str) -> subprocess.Popen:
    launcher = ("launcher=ray", f"launcher.address={cluster.address}", "launcher.poll_s=2")
    return subprocess.Popen(
        [sys.executable, "-m", *command, *WORDS, f"results_dir={results}", *launcher],
        cwd=ROOT,
        env=cluster.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def record(results: Path, arm: str) -> dict:
    paths = list(results.glob(f"micro/kl_penalty/runs/{arm}-s1-*/record.json"))
    return json.loads(paths[0].read_text()) if paths else {"attempts": [], "status": "pending"}


def submissions(results: Path, arm: str) -> list[dict]:
    (path,) = results.glob(f"micro/kl_penalty/runs/{arm}-s1-*/submission.json")
    return json.loads(path.read_text())["submissions"]


def wait_for(is_reached, running: subprocess.Popen) -> None:
    end = time.monotonic() + LIMIT_S
    while not is_reached():
        if running.poll() is not None:
            pytest.fail(f"it ended: {running.stdout.read()[-4000:]}")
        assert time.monotonic() < end
        time.sleep(0.5)


def is_at_work(results: Path, arm: str) -> bool:
    """Tell whether the trainer of an arm has begun: its log has grown."""
    logs = list(results.glob(f"micro/kl_penalty/runs/{arm}-s1-*/attempt-0/log.txt"))
    return bool(logs) and logs[0].stat().st_size > 0


def test_a_cell_whose_node_dies_is_run_again_elsewhere(
    cluster: RayNodes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    results = tmp_path_factory.mktemp("results")
    running = start(cluster, results, "harness.run")
    try:
        wait_for(lambda: all(is_at_work(results, a) for a in ("kl=none", "kl=loss")), running)
        nodes = {arm: cluster.node_of(f"runs/{arm}-s1-") for arm in ("kl=none", "kl=loss")}
        # packed by resources: one cell on each worker, none on the head
        assert set(nodes.values()) == {1, 2}
        killed = nodes["kl=loss"]
        cluster.kill(killed)
        wait_for(lambda: len(record(results, "kl=loss")["attempts"]) > 1, running)
        again = cluster.node_of("runs/kl=loss-s1-")
        assert again not in (None, killed, 0)
        out, _ = running.communicate(timeout=LIMIT_S)
    finally:
        running.kill()
    assert running.returncode == 0, out[-4000:]
    lost, kept = record(results, "kl=loss"), record(results, "kl=none")
    assert [attempt["status"] for attempt in lost["attempts"]] == ["interrupted", "done"]
    assert [attempt["status"] for attempt in kept["attempts"]] == ["done"]
    assert lost["attempts"][0]["reason"] == "the harness was killed while this ran"
    assert [s["attempts_before"] for s in submissions(results, "kl=loss")] == [0, 1]
    assert len(submissions(results, "kl=none")) == 1
    assert "kl=loss-s1-" in out and ": lost" in out
    assert (results / "micro" / "kl_penalty").is_dir()
    listed = start(cluster, results, "harness.cells", "list")
    out, _ = listed.communicate(timeout=300)
    assert "2 done" in out, out


def test_a_cell_that_fits_on_no_node_is_refused_before_it_is_submitted(
    cluster: RayNodes, tmp_path: Path
) -> None:
    asked = start(cluster, tmp_path, "harness.run", "launcher.cpus=3")
    out, _ = asked.communicate(timeout=300)
    assert asked.returncode == 2
    assert "no cell fits into the Ray cluster" in out and "it needs CPU 3" in out
    assert not list(tmp_path.rglob("submission.json"))


def test_a_budget_that_does_not_cover_the_request_is_refused_with_the_sum(
    cluster: RayNodes, tmp_path: Path
) -> None:
    asked = start(cluster, tmp_path, "harness.run", "launcher.budget_gpu_hours=0.001")
    out, _ = asked.communicate(timeout=300)
    assert asked.returncode == 2
    assert "GPU-hours (0 used + 0 in flight + " in out
