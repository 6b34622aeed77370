import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.metrics.streams import RunFiles, read_lines, read_training
from harness.report.stored import _run_files
from harness.schema import DamagedError, Status
from harness.store.ledger import RunStore
from tests.synthetic_runs import Shape, make_cell, write_run

SHAPE = Shape()


def stored(root: Path, status: Status = Status.DONE) -> tuple[RunFiles, Path]:
    cell = make_cell("none", 1, SHAPE)
    attempt = write_run(root, cell, SHAPE, status=status)
    return _run_files(RunStore(root), cell), attempt / "metrics.jsonl"


def rewrite(path: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in change(rows)))


def test_a_torn_last_line_is_dropped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"step": 1, "data": {}}\n{"step": 2, "da')
    assert read_lines(path) == ([{"step": 1, "data": {}}], 1)

    path.write_text('{"step": 1, "da\n{"step": 2, "data": {}}\n')
    with pytest.raises(DamagedError, match="line 1 of 2"):
        read_lines(path)


def test_a_missing_file_has_no_rows(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "none.jsonl") == ([], 0)


def test_null_is_undefined_and_an_absent_key_is_missing(tmp_path: Path) -> None:
    run, _ = stored(tmp_path)
    values = read_training(run).values

    undefined = [v.value for v in values if v.metric == "value_explained_variance"]
    assert len(undefined) == SHAPE.steps
    assert all(map(math.isnan, undefined))
    assert not [v for v in values if v.metric == "kl_loss"]


def test_undeclared_metrics_do_not_enter(tmp_path: Path) -> None:
    run, path = stored(tmp_path)
    rewrite(path, lambda rows: [{**r, "data": {**r["data"], "val-core/x": 1.0}} for r in rows])

    assert not [v for v in read_training(run).values if v.value == -1.0]
    assert {v.metric for v in read_training(run).values} >= {"reward", "response_length"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: [*rows, {"step": 1, "data": {}}], "step 1 after step 12"),
        (lambda rows: [*rows, rows[-1]], "states step 12 of reward twice"),
        (lambda rows: [{"step": "1", "data": {}}, *rows], "step '1'"),
        (lambda rows: [{**rows[1], "data": {"critic/score/mean": "high"}}], "'high'"),
        (lambda rows: [{**rows[1], "data": {"critic/score/mean": True}}], "True"),
    ],
)
def test_a_damaged_stream_is_refused(tmp_path: Path, change: Any, words: Any) -> None:
    run, path = stored(tmp_path)
    read_training(run)
    rewrite(path, change)

    with pytest.raises(DamagedError, match=words):
        read_training(run)


def test_a_finished_run_without_a_required_metric_is_refused_and_a_failed_one_is_not(
    tmp_path: Path,
) -> None:
    def without(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for row in rows:
            row["data"].pop("critic/score/mean", None)
        return rows

    run, path = stored(tmp_path / "a")
    rewrite(path, without)
    with pytest.raises(DamagedError, match=rf"{run.run_id}.*critic/score/mean.*reward"):
        read_training(run)

    failed, path = stored(tmp_path / "b", Status.FAILED)
    rewrite(path, without)
    assert read_training(failed).values


def test_a_run_that_never_started_has_nothing(tmp_path: Path) -> None:
    run = _run_files(RunStore(tmp_path), make_cell("none", 1, SHAPE))

    assert run.attempt is None
    assert read_training(run).values == []
