"""Twice the runs are twice the work: counted in calls of functions, which no load changes."""

import json
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.baseline.listing import show_text
from harness.baseline.logs import reading
from harness.baseline.logs.study import Origin
from harness.baseline.sources import load_logs
from harness.baseline.writing import write_version
from harness.paths import ROOT

SIZES = (20, 40, 80)
MOST_GROWTH = 2.2
"""The second step between the sizes is twice the first one; of a square it would be four times."""


def calls(work: Callable[[], Any]) -> int:
    """Count the calls of functions, Python's and C's, in all threads that some work starts."""
    count = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return count


def growth(work: Callable[[int], Any]) -> float:
    work(SIZES[0])  # what is remembered after the first time
    small, middle, large = (calls(partial(work, size)) for size in SIZES)
    return (large - middle) / (middle - small)


def write_logs(folder: Path, runs: int, ending: str) -> Path:
    folder.mkdir(exist_ok=True)
    for run in range(runs):
        values = [(step, 0.5 + step / 100, 0.25 + run / 1000) for step in range(1, 13)]
        path = folder / f"run{run:03d}{ending}"
        if ending == ".csv":
            rows = "".join(f"{step},{a},{b}\n" for step, a, b in values)
            path.write_text("step,critic/score/mean,actor/entropy\n" + rows)
            continue
        data = [{"critic/score/mean": a, "actor/entropy": b} for _, a, b in values]
        lines = [{"step": step, "data": row} for (step, *_), row in zip(values, data, strict=True)]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def imported(folder: Path, runs: int, ending: str) -> Path:
    """Import so many logs, one run each, and return the bundle."""
    logs = write_logs(folder / f"{runs}{ending}", runs, ending)
    given = {"from": str(logs), "name": f"foreign/n{runs}", "arm": "a"}
    given |= {"seed": ",".join(map(str, range(1, runs + 1))), "mapping": "", "format": ""}
    bundle = load_logs(given, Origin())
    study = folder / "foreign" / f"n{runs}"
    return write_version(study, bundle.manifest, bundle.curves, bundle.scores)


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_an_import_grows_with_the_number_of_runs_alone(tmp_path: Path, ending: str) -> None:
    assert growth(lambda runs: imported(tmp_path, runs, ending)) < MOST_GROWTH


def test_an_import_that_looks_at_all_runs_for_each_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        reading, "_check_rows", lambda rows, read, logs: [abs(n) for n in range(100 * read)]
    )
    assert growth(lambda runs: imported(tmp_path, runs, ".jsonl")) > MOST_GROWTH


def test_what_is_shown_grows_with_the_number_of_runs_alone(tmp_path: Path) -> None:
    bundles = {runs: imported(tmp_path, runs, ".jsonl") for runs in SIZES}
    assert growth(lambda runs: show_text(bundles[runs], ROOT)) < MOST_GROWTH
