"""Tables of a real attempt (tests/recorded): the format of verl as it is, not as imagined."""

import json
import shutil
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from harness.metrics.columns import TRAINING
from harness.metrics.finals import final_values
from harness.metrics.tables import Tables, build_tables
from harness.report.health import health_section
from harness.report.results import assemble
from harness.report.sections import markdown
from harness.report.stored import _run_files
from harness.report.study import study_of
from harness.schema import Attempt, CellSpec, Status
from harness.store.ledger import RunStore
from tests.synthetic_runs import DOCUMENT, PROVENANCE, Shape, make_cell

RECORDED = Path(__file__).parents[1] / "recorded" / "ppo"
SHAPE = Shape(steps=30, every=15, questions=6)
ONLY_WITH_KL = {"kl_loss", "kl_in_reward", "reference_time"}


def replay(root: Path, streams: Path = RECORDED) -> CellSpec:
    """Store recorded streams as the only attempt of a finished cell."""
    cell = make_cell("none", 1, SHAPE)
    store = RunStore(root)
    with store.claim(cell) as record:
        attempt = store.begin_attempt(cell, record, seeds={}, provenance=PROVENANCE)
        shutil.copytree(streams, attempt, dirs_exist_ok=True)
        end = Attempt(number=0, status=Status.DONE, last_step=30, exit_code=0)
        store.end_attempt(cell, record, end, {})
    return cell


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    root = tmp_path_factory.mktemp("recorded")
    cell = replay(root)
    return build_tables([_run_files(RunStore(root), cell)])


def rows_of(step: int) -> list[dict[str, Any]]:
    lines = (RECORDED / "generations" / f"{step}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_every_declared_metric_is_there_under_the_name_that_verl_writes(tables: Tables) -> None:
    found = set(tables.steps["metric"].astype(str))

    assert {column.name for column in TRAINING} - found == ONLY_WITH_KL


@pytest.mark.parametrize("step", [0, 15, 30])
@pytest.mark.parametrize("split", ["easy", "hard"])
def test_accuracy_is_that_of_a_plain_loop(tables: Tables, step: int, split: str) -> None:
    by_question = defaultdict(list)
    for row in rows_of(step):
        if row["split"] == f"eval_{split}":
            by_question[row["question_id"]].append(row["correct"])
    expected = mean(mean(values) for values in by_question.values())
    steps = tables.steps
    found = steps[(steps["metric"] == f"accuracy_{split}") & (steps["step"] == step)]["value"]

    assert found.item() == pytest.approx(expected)
    assert found.item() != pytest.approx(expected + 1 / 24)


def test_all_samples_are_found_and_the_outcomes_add_up(tables: Tables) -> None:
    (run,) = tables.runs.to_dict("records")
    steps = tables.steps.set_index(["metric", "step"])["value"]

    assert run["rows_found"] == run["rows_expected"] == 3 * 2 * 6 * 4
    assert run["rows_unscored"] == run["torn_lines"] == 0
    for step in (0, 15, 30):
        shares = [steps[f"{name}_hard", step] for name in ("wrong", "unparsable", "truncated")]
        assert sum(shares) + steps["accuracy_hard", step] == pytest.approx(1.0)


def test_real_training_lifts_the_numbers(tables: Tables) -> None:
    finals = final_values(tables, ["reward", "accuracy_easy"]).set_index("metric")["value"]

    assert finals["accuracy_easy"] > 0.8
    assert finals["reward"] > 0.8


def test_the_step_that_was_not_written_is_told(tmp_path: Path, tables: Tables) -> None:
    root = tmp_path / "micro" / "invented"
    run = _run_files(RunStore(root), replay(root))
    study = study_of([run], [run.record.arm], root=root, label="", command="")
    results = assemble(build_tables([run]), study, DOCUMENT)

    assert tables.runs["steps_missing"].item() == 1
    said = markdown(health_section(results).blocks)
    assert f"1 training step(s) without metrics: 1 in `{run.run_id}`" in said
