"""The suite's cell, TRL and a plain loop on the same work, in turn: `make bench-cell PEERS=5`.

Not collected by the other test commands (the name does not begin with test_). Each entry is one
whole process. A peer is given the prompts that the suite's cell before it drew, step by step.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.profile.peers import NAMES, SUITE
from harness.profile.switches import declared
from tests.bench.peers.memory import PeakMemory
from tests.bench.peers.suite import costs_of, read_cell, versions_of, work_of

ROOT = Path(__file__).resolve().parents[2]
REPEATS = int(os.environ.get("BENCH_PEERS", "") or 0)
STEPS = int(os.environ.get("BENCH_PEER_STEPS", "") or 12)
SIZES = (os.environ.get("BENCH_PEER_SIZES") or ",".join(declared("peers"))).split(",")
PYTHON = {"loop": sys.executable, "trl": os.environ.get("BENCH_TRL", "")}
"""Peer -> its Python, "" for one that cannot be had."""
MODULES = {"loop": "tests.bench.peers.plain_loop", "trl": "tests.bench.peers.trl_grpo"}


def planned() -> list[tuple[str, str, int]]:
    """Return (who, size, repeat) in the order in which they run."""
    present = [who for who in NAMES if who == SUITE or PYTHON[who]]
    return [(who, size, n) for n in range(REPEATS) for size in SIZES for who in present]


@pytest.fixture(scope="session")
def work_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work of the newest cell of the suite."""
    return tmp_path_factory.mktemp("work") / "work.json"


def run(command: list[str], environment: dict[str, str]) -> str:
    """Run a whole process and return what it printed.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def command_of(who: str, size: str, results: Path, work: Path) -> list[str]:
    """Return the argv of the suite's cell or of a peer."""
    if who != SUITE:
        return [PYTHON[who], "-m", MODULES[who], f"work={work}"]
    words = [*declared("peers")[size], f"steps={STEPS}", f"results_dir={results}"]
    return [sys.executable, "-m", "harness.run", *words]


def environment_of(who: str) -> dict[str, str]:
    """Return the environment: the suite sets its own threads, a peer has one."""
    kept = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    return kept if who == SUITE else {**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def peer_values(report: dict[str, Any]) -> dict[str, float]:
    """Return the values of a peer's report but those of the whole process."""
    later = {key: statistics.median(report[key][1:]) for key in ("step_s", "generation_s")}
    means = {key: statistics.mean(report[key]) for key in ("response_tokens", "reward")}
    return {**later, "to_first_step_s": report["to_first_step_s"], **means}


@pytest.mark.parametrize(("who", "size", "repeat"), planned())
def test_peer(
    who: str, size: str, repeat: int, benchmark: Any, tmp_path: Path, work_file: Path
) -> None:
    command = command_of(who, size, tmp_path, work_file)
    with PeakMemory() as memory:
        environment = {**environment_of(who), **memory.environment}
        begin = time.time()
        printed = benchmark.pedantic(run, args=(command, environment), rounds=1, iterations=1)
    if who == SUITE:
        (ablation,) = (path for path in (tmp_path / "micro").iterdir() if path.is_dir())
        cell = read_cell(ablation)
        work_of(cell).write(work_file)
        values, versions = costs_of(cell, begin), versions_of(cell)
    else:
        report = json.loads(printed.splitlines()[-1])
        values, versions = peer_values(report), report["versions"]
        # a peer is one process, which knows its own peak better than seldom looks
        memory.peak_mib = max(memory.peak_mib, report["peak_rss_mib"])
    values |= {"cell_s": benchmark.stats.stats.max, "peak_mib": memory.peak_mib}
    names = {"variant": f"{who} {size}", "repeat": repeat}
    benchmark.extra_info.update({**names, "values": values, "versions": versions})
