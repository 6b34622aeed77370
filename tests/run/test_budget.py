from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from harness.launch.local import AttemptEnd
from harness.launch.progress import Progress
from harness.run import session as execution
from harness.run.budget import (
    Budget,
    Guard,
    allowed_gpu_hours,
    attempt_seconds,
    cell_gpu_hours,
    gpus_of,
    make_budget,
    used_gpu_hours,
)
from harness.run.session import run_cells
from harness.schema import Status, UsageError
from harness.spec import config as configs
from harness.spec.study import Study, make_study
from harness.store.ledger import RunStore

START = "2026-01-01T00:00:00+00:00"
EPOCH = 1767225600.0


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("harness.run.checks.ENGINES", ())
    monkeypatch.setattr(execution, "collect", lambda root: {"code": {"commit": "c"}})
    with configs.session():
        yield


@cache
def composed(*words: str) -> Study:
    return make_study(["ablation=kl_penalty", "seeds=1", "steps=2", *words])


def study(results: Path, *words: str, **launcher: object) -> Study:
    """Return a study of its own place, composed once for all tests."""
    made = composed(*words)
    settings = {**made.request.launcher, **launcher}
    return replace(made, request=replace(made.request, results_dir=results, launcher=settings))


@pytest.mark.parametrize(
    ("ended", "last_sign", "seconds"),
    [
        ("2026-01-01T01:00:00+00:00", None, 3600.0),
        ("2026-01-01T01:00:00+00:00", EPOCH + 9e9, 3600.0),
        # runs, or was killed: until the last line that it wrote, at most until now
        (None, EPOCH + 60, 60.0),
        (None, EPOCH + 9e9, 7200.0),
        (None, None, 7200.0),
        (None, EPOCH - 60, 0.0),
    ],
)
def test_an_attempt_holds_its_gpus_until_its_end_or_its_last_sign(
    ended: str | None, last_sign: float | None, seconds: float
) -> None:
    assert attempt_seconds(START, ended, last_sign, EPOCH + 7200) == seconds


@pytest.mark.parametrize("given", [0, -1, "much", True, float("inf")])
def test_a_budget_is_a_number_over_0(given: object) -> None:
    with pytest.raises(UsageError, match="expected a number over 0"):
        allowed_gpu_hours({"budget_gpu_hours": given})
    assert allowed_gpu_hours({"budget_gpu_hours": None}) is None
    assert allowed_gpu_hours({"budget_gpu_hours": 2}) == 2.0


def test_a_request_over_its_budget_is_refused_with_the_sum() -> None:
    parts = {"used": 2.0, "in_flight": 3.0, "new": 5.0, "cells": 4}
    Budget(allowed=10.0, **parts).check()
    with pytest.raises(
        UsageError, match=r"10 GPU-hours \(2 used \+ 3 in flight \+ 5 for 4 cells\)"
    ):
        Budget(allowed=9.9, **parts).check()


def test_a_cell_on_gpus_is_estimated_by_the_plan(tmp_path: Path) -> None:
    large = study(tmp_path, "scale=orz_7b", "levels=[none]", gpu="h800")
    assert gpus_of(large.cells[0].config) == 64
    short = cell_gpu_hours(large, large.cells[0])
    assert 0 < short < 64 * 24
    slower = study(tmp_path, "scale=orz_7b", "levels=[none]", gpu="h20")
    assert cell_gpu_hours(slower, slower.cells[0]) > 1.5 * short
    unknown = study(tmp_path, "scale=orz_7b", "levels=[none]")
    with pytest.raises(UsageError, match=r"give launcher.gpu=<kind>, one of .*h800"):
        cell_gpu_hours(unknown, unknown.cells[0])


def test_without_a_cap_there_is_no_budget(tmp_path: Path) -> None:
    asked = study(tmp_path)
    assert make_budget(asked, RunStore(asked.root), asked.cells, []) is None
    assert Guard(RunStore(asked.root), None).exceeded() == ""


def spend(asked: Study, hours: float) -> None:
    """Leave a failed attempt of so many hours of the first cell."""
    store, cell = RunStore(asked.root), asked.cells[0]
    with store.claim(cell) as record:
        store.begin_attempt(cell, record, seeds={}, provenance={})
        attempt = record.attempts[-1]
        attempt.status = Status.FAILED
        store.end_attempt(cell, record, attempt)
        record.attempts[-1].started = START
        record.attempts[-1].ended = f"2026-01-01T{int(hours):02}:00:00+00:00"
        store._write(cell, record)


def test_failed_attempts_count(tmp_path: Path) -> None:
    asked = study(tmp_path, "levels=[none,loss,reward]", budget_gpu_hours=9)
    store = RunStore(asked.root)
    assert used_gpu_hours(store, EPOCH) == 0.0
    spend(asked, 3)
    assert used_gpu_hours(store, EPOCH) == 3.0
    budget = make_budget(asked, store, asked.cells[1:], [])
    assert (budget.used, budget.in_flight, budget.cells) == (3.0, 0.0, 2)
    assert budget.new == 2 * cell_gpu_hours(asked, asked.cells[1])
    (store.run_dir(asked.cells[0]) / "record.json").write_text("{")
    assert used_gpu_hours(store, EPOCH) == 0.0


def test_the_guard_looks_now_and_then(tmp_path: Path) -> None:
    asked = study(tmp_path)
    time = [EPOCH]
    guard = Guard(RunStore(asked.root), 2.5, lambda: time[0])
    assert guard.exceeded() == ""
    spend(asked, 3)
    assert guard.exceeded() == ""
    time[0] += 31
    assert guard.exceeded() == "the budget: 3 of 2.5 GPU-hours are used"


def test_a_running_cell_is_stopped_when_the_budget_is_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the process that runs it, whatever launched that; no further cell starts."""
    whole = study(tmp_path, budget_gpu_hours=2.5, cells_at_once=1)
    asked = replace(whole, cells=whole.cells[:2])
    clock = [EPOCH]
    monkeypatch.setattr(
        execution, "Guard", lambda store, allowed: Guard(store, allowed, lambda: clock[0])
    )
    begun = []

    def engine(command, attempt_dir, *, observe, **_) -> AttemptEnd:
        begun.append(attempt_dir)
        spend(replace(whole, cells=whole.cells[2:]), 3)
        clock[0] += 60
        observe(Progress(phase="", step=1, steps=2, elapsed_s=1.0))
        (attempt_dir / "log.txt").write_text("")
        return AttemptEnd(
            status=Status.INTERRUPTED,
            reason="stopped",
            exit_code=None,
            last_step=None,
            torn_lines=0,
            log=attempt_dir / "log.txt",
        )

    monkeypatch.setattr(execution, "run_attempt", engine)
    outcome = run_cells(asked, RunStore(asked.root))
    assert outcome.is_stopped and len(begun) == 1 and len(outcome.unfinished) == 2
