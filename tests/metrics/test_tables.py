import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.metrics.finals import final_values, score_array
from harness.metrics.streams import RunFiles
from harness.metrics.tables import (
    build_tables,
    protocol_hash,
    read_parquet,
    write_parquet,
)
from harness.report.stored import _run_files
from harness.schema import CellSpec, DamagedError, Status
from harness.store.ledger import RunStore
from harness.store.records import spec_document
from tests import synthetic_runs
from tests.synthetic_runs import Shape, make_cell, make_cells, write_run, write_study

SHAPE = Shape()


def files(root: Path, cells: list[CellSpec]) -> list[RunFiles]:
    return [_run_files(RunStore(root), cell) for cell in cells]


@pytest.fixture
def study(tmp_path: Path) -> tuple[Path, list[CellSpec]]:
    cells = make_cells(seeds=(1, 2), shape=SHAPE)
    write_study(tmp_path, cells, SHAPE)
    return tmp_path, cells


def test_every_row_has_a_row_id_of_its_own_that_stays(study: Any) -> None:
    root, cells = study
    first, second = (build_tables(files(root, cells)) for _ in range(2))

    for name in ("runs", "steps", "samples"):
        table = getattr(first, name)
        assert table["row_id"].is_unique
        pd.testing.assert_frame_equal(table, getattr(second, name))
    assert set(first.steps["row_id"].str[:8]) == {cell.cell_id[:8] for cell in cells}


def test_a_run_is_stored_with_the_rules_that_it_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = make_cells(seeds=(1, 2), shape=SHAPE)
    write_study(tmp_path, cells[:3], SHAPE)
    note = {"rules": {"f2": "b", "f1": "a"}, "judge": "j", "config": "c"}
    monkeypatch.setitem(synthetic_runs.PROVENANCE, "registered", note)
    write_study(tmp_path, cells[3:], SHAPE)
    runs = build_tables(files(tmp_path, cells)).runs

    # a record of before is told by an empty text, one without any rule by an empty mapping
    assert list(runs["registered"]) == [""] * 3 + ['{"f1": "a", "f2": "b"}'] * 3
    assert list(runs["judge"]) == [""] * 3 + ["j"] * 3


def test_a_failed_run_is_a_row_with_a_reason_and_enters_no_aggregate(tmp_path: Path) -> None:
    cells = make_cells(seeds=(1, 2), shape=SHAPE)
    write_study(tmp_path, cells[:-1], SHAPE)
    write_run(tmp_path, cells[-1], SHAPE, status=Status.FAILED, reason="a worker died")
    tables = build_tables(files(tmp_path, cells))
    row = tables.runs.iloc[-1]

    assert (row["status"], row["reason"], row["is_included"]) == ("failed", "a worker died", False)
    assert row["rows_missing"] == row["rows_expected"] - row["rows_found"] > 0
    assert (tables.steps["run_id"] == row["run_id"]).any()
    assert row["run_id"] not in set(final_values(tables, ["reward"])["run_id"])
    assert len(final_values(tables, ["reward"])) == 5


def test_a_cell_that_never_ran_is_a_row(tmp_path: Path) -> None:
    tables = build_tables(files(tmp_path, make_cells(seeds=(1,), shape=SHAPE)))

    assert set(tables.runs["status"]) == {"pending"}
    assert not tables.runs["is_included"].any()
    assert final_values(tables, ["reward", "accuracy_easy"]).empty


def test_the_final_window_is_the_last_ten_steps_or_the_last_evaluation(study: Any) -> None:
    root, cells = study
    tables = build_tables(files(root, cells[:1]))
    steps = tables.steps
    finals = final_values(tables, ["reward", "accuracy_easy"]).set_index("metric")
    reward = steps[(steps["metric"] == "reward") & (steps["step"] > 2)]["value"]
    accuracy = steps[(steps["metric"] == "accuracy_easy") & (steps["step"] == 12)]["value"]

    assert finals.loc["reward", "value"] == pytest.approx(reward.mean())
    assert finals.loc["reward", "points"] == 10
    assert finals.loc["accuracy_easy", "value"] == accuracy.iloc[0]


def test_an_undefined_step_makes_the_window_undefined_and_a_missing_last_evaluation_too(
    study: Any,
) -> None:
    root, cells = study
    run = files(root, cells)[0]
    assert run.attempt is not None
    path = run.attempt / "metrics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[-1]["data"]["critic/score/mean"] = None
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (run.attempt / "generations" / "12.jsonl").unlink()
    finals = final_values(build_tables([run]), ["reward", "accuracy_easy"]).set_index("metric")

    assert finals["value"].isna().all()
    assert finals.loc["accuracy_easy", "points"] == 0


def test_scores_line_up_and_a_missing_sample_is_nan(study: Any) -> None:
    root, cells = study
    tables = build_tables(files(root, cells))
    scores = score_array(tables, "kl=none", (1, 2), "accuracy_easy")
    finals = final_values(tables, ["accuracy_easy"])
    known = finals[finals["arm"] == "kl=none"].sort_values("seed")["value"]

    assert scores.shape == (2, SHAPE.questions, SHAPE.samples)
    assert scores.mean(axis=(1, 2)) == pytest.approx(known.to_numpy())
    assert (score_array(tables, "kl=none", (2, 1), "accuracy_easy") == scores[::-1]).all()

    samples = tables.samples
    last = samples[(samples["step"] == 12) & (samples["split"] == "eval_easy")].index[0]
    holed = score_array(
        type(tables)(runs=tables.runs, steps=tables.steps, samples=samples.drop(last)),
        "kl=none",
        (1, 2),
        "accuracy_easy",
    )
    assert np.isnan(holed).sum() == 1


def test_the_protocol_ignores_the_seed_and_sees_everything_else() -> None:
    one, other = (spec_document(make_cell("none", seed, SHAPE)) for seed in (1, 2))
    assert protocol_hash(one) == protocol_hash(other)

    longer = spec_document(make_cell("none", 1, Shape(steps=13)))
    arm = spec_document(make_cell("loss", 1, SHAPE))
    data = spec_document(make_cell("none", 1, SHAPE))
    data["inputs"]["data"] = "e" * 64
    assert len({protocol_hash(spec) for spec in (one, longer, arm, data)}) == 4

    logged = spec_document(make_cell("none", 1, SHAPE))
    logged["config"]["verl"]["trainer"]["logger"] = ["console"]
    assert protocol_hash(logged) == protocol_hash(one)


def test_a_table_is_the_same_after_a_file_and_the_same_bytes_twice(
    study: Any, tmp_path: Path
) -> None:
    root, cells = study
    tables = build_tables(files(root, cells))
    for name in ("runs", "steps", "samples"):
        frame = getattr(tables, name)
        one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
        write_parquet(frame, one)
        write_parquet(frame, two)
        assert one.read_bytes() == two.read_bytes()
        read = read_parquet(one)
        assert list(read["row_id"]) == list(frame["row_id"])
        assert list(read.columns) == list(frame.columns)


def test_a_damaged_or_foreign_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with pytest.raises(DamagedError, match="cannot be read"):
        read_parquet(path)
    path.write_bytes(b"PAR1 no")
    with pytest.raises(DamagedError, match="cannot be read"):
        read_parquet(path)
    pd.DataFrame({"row_id": ["a"]}).to_parquet(path)
    with pytest.raises(DamagedError, match="schema version 'none'"):
        read_parquet(path)


def test_samples_of_a_whole_study_stay_small(tmp_path: Path) -> None:
    # 9 runs x 7 evaluations x 2 x 64 questions x 4 samples
    keys = [
        {"row_id": f"{run:08x}/{step}/{split}/q{question:04d}/{sample}", "sample": sample}
        for run in np.random.default_rng(0).integers(1 << 31, size=9)
        for step in range(0, 61, 10)
        for split in ("eval_easy", "eval_hard")
        for question in range(64)
        for sample in range(4)
    ]
    frame = pd.DataFrame(keys)
    write_parquet(frame, tmp_path / "t.parquet")
    write_parquet(frame, tmp_path / "plain.parquet", prefixed=())

    assert len(frame) == 32_256
    assert (tmp_path / "t.parquet").stat().st_size < 100_000
