"""Whole cells, timed one after another: the measurement of `make bench-cell`.

Not collected by the other test commands (the name does not begin with test_). Each entry is one run
of one variant in a new results directory; naive and final follow each other in turn.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.launch.cleanup import scratch_directory
from harness.launch.command import CellPaths, build_command
from harness.launch.environment import trainer_environment
from harness.profile.phases import STEP
from harness.profile.profile import make_profile
from harness.profile.switches import declared, read_switches, variants
from harness.run.session import DATA
from harness.spec import config
from harness.spec.inputs import model_dir
from harness.spec.study import make_study
from harness.store.ledger import RunStore, StoredRun

ROOT = Path(__file__).resolve().parents[2]
REPEATS = int(os.environ.get("BENCH_REPEATS", "5"))
STEPS = int(os.environ.get("BENCH_STEPS", "6"))
REMOVAL = bool(os.environ.get("BENCH_REMOVAL"))
SIZES = bool(os.environ.get("BENCH_SIZES"))
LONG = int(os.environ.get("BENCH_LONG", "") or 0)
LONG_STEPS = 60
"""Steps of the cells whose whole process is timed: with the harness around, bare, two at once."""
BARE_TOO = "cell_60"
"""The variant whose argv is run once more without the harness."""


def planned() -> list[tuple[str, int]]:
    """Return (variant, repeat) in the order in which they run."""
    plan = [(name, repeat) for repeat in range(REPEATS) for name in ("naive", "final")]
    if REMOVAL:
        plan += [(f"without {name}", 0) for name in read_switches()]
    plan += [(name, repeat) for repeat in range(LONG) for name in declared("long")]
    if SIZES:
        plan += [(name, 0) for name in declared("sizes")]
    return plan


def run_cells(variant: str, results: Path) -> None:
    """Run the cells of a variant to their end.

    Raises:
        subprocess.CalledProcessError: one failed.
    """
    long = declared("long")
    words = long[variant] if variant in long else variants()[variant]
    steps = LONG_STEPS if variant in long else STEPS
    command = [sys.executable, "-m", "harness.run", *words, f"steps={steps}"]
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    subprocess.run(
        [*command, f"results_dir={results}"],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def run_bare(results: Path) -> float:
    """Run the same argv of veRL's trainer with no harness around it; return its seconds."""
    with config.session():
        (cell,) = make_study([*declared("long")[BARE_TOO], f"steps={LONG_STEPS}"]).cells
    store, _ = finished(results)
    data = (store.runs_dir / DATA / cell.inputs.data[:16]).absolute()
    attempt = results / "bare"
    attempt.mkdir()
    with scratch_directory() as scratch, (attempt / "log.txt").open("wb") as log:
        model = model_dir(cell.config["model"])
        paths = CellPaths(model=model, data=data, attempt=attempt, scratch=scratch)
        command = build_command(cell, paths)
        tag = attempt.parent.name
        environment = trainer_environment(os.environ, command.environment, tag, scratch)
        begin = time.monotonic()
        subprocess.run(
            command.argv, cwd=attempt, env=environment, check=True, stdout=log, stderr=log
        )
        return time.monotonic() - begin


def finished(results: Path) -> tuple[RunStore, list[StoredRun]]:
    """Return the runs below a results directory, all of one ablation."""
    (ablation,) = (path for path in (results / "micro").iterdir() if path.is_dir())
    store = RunStore(ablation)
    return store, list(store.runs())


def measures(results: Path, cell_s: float) -> dict[str, float]:
    """Return what the records of the first run say, and the seconds of the whole process."""
    store, runs = finished(results)
    spec, record = store.load(runs[0].path)
    profile = make_profile(runs[0].path, spec, record, model_dir(spec["config"]["model"]))
    step_s, floor_s = sum(profile.parts_s.values()), sum(profile.floor_s.values())
    return {
        "cells": len(runs),
        "startup_s": profile.startup_s,
        "step_s": step_s,
        "floor_s": floor_s,
        "step_per_floor": step_s / floor_s,
        "first_step_s": float(profile.steps[0][STEP]),
        "attempt_s": profile.total_s,
        "cell_s": cell_s,
        "cpu_s": float(profile.cpu["cpu_s"].sum()),
        "peak_mib": profile.peak_mib,
    }


@pytest.mark.parametrize(("variant", "repeat"), planned())
def test_cell(variant: str, repeat: int, benchmark: Any, tmp_path: Path) -> None:
    benchmark.pedantic(run_cells, args=(variant, tmp_path), rounds=1, iterations=1)
    values = measures(tmp_path, benchmark.stats.stats.max)
    if variant == BARE_TOO:
        values["bare_s"] = run_bare(tmp_path)
    benchmark.extra_info.update({"variant": variant, "repeat": repeat, "values": values})
