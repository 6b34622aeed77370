import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.graders.reflection import reflections
from harness.metrics.columns import SAMPLE_FIELDS
from harness.metrics.evaluation import (
    TEXT_LIMIT,
    TEXT_QUESTIONS,
    Samples,
    evaluation_plan,
    evaluation_values,
    read_samples,
)
from harness.metrics.streams import RunFiles
from harness.report.stored import _run_files
from harness.schema import DamagedError
from harness.store.ledger import RunStore
from harness.store.records import spec_document
from tests.synthetic_runs import Shape, make_cell, write_run

SHAPE = Shape(questions=10)


@pytest.fixture
def stored(tmp_path: Path) -> tuple[RunFiles, Path]:
    cell = make_cell("none", 1, SHAPE)
    attempt = write_run(tmp_path, cell, SHAPE)
    return _run_files(RunStore(tmp_path), cell), attempt / "generations"


def rewrite(path: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in change(rows)))


def test_the_plan_counts_steps_questions_and_samples() -> None:
    plan = evaluation_plan(spec_document(make_cell("none", 1, Shape(steps=60, every=25))))

    assert plan.steps == (0, 25, 50, 60)
    assert plan.questions == {"eval_easy": 8, "eval_hard": 8}
    assert plan.rows == 4 * 16 * 4


def test_the_plan_knows_what_is_not_evaluated() -> None:
    spec = spec_document(make_cell("none", 1, SHAPE))
    spec["config"]["verl"]["trainer"] |= {"test_freq": -1, "val_before_train": False}
    assert evaluation_plan(spec).rows == 0

    del spec["config"]["dataset"]["eval_size"]
    assert pd.isna(evaluation_plan(spec).rows)


def test_every_expected_row_is_found(stored: tuple[RunFiles, Path]) -> None:
    run, _ = stored
    samples = read_samples(run)

    assert len(samples.rows) == evaluation_plan(run.spec).rows
    assert len({row["row_id"] for row in samples.rows}) == len(samples.rows)


def test_a_row_that_is_missing_is_missed_and_not_wrong(stored: tuple[RunFiles, Path]) -> None:
    run, folder = stored
    rewrite(folder / "12.jsonl", lambda rows: [r for r in rows if r["correct"]])
    samples = read_samples(run)

    assert len(samples.rows) < evaluation_plan(run.spec).rows
    values = values_of(samples)
    assert values[12, "accuracy_easy"] == 1.0
    assert values[12, "wrong_easy"] == 0.0


def test_rows_without_our_fields_are_counted_and_no_results(stored: tuple[RunFiles, Path]) -> None:
    run, folder = stored
    rewrite(
        folder / "12.jsonl", lambda rows: [{"input": "", "output": "", "score": 0.0}, *rows[1:]]
    )
    samples = read_samples(run)

    assert samples.unscored == 1
    assert len(samples.rows) == evaluation_plan(run.spec).rows - 1


def test_a_sample_that_appears_twice_is_refused(stored: tuple[RunFiles, Path]) -> None:
    run, folder = stored
    rewrite(folder / "12.jsonl", lambda rows: [*rows, rows[0]])

    with pytest.raises(DamagedError, match="twice"):
        read_samples(run)


@pytest.mark.parametrize("change", [{"outcome": "maybe"}, {"correct": 0.5}, {"correct": None}])
def test_a_field_with_an_impossible_value_is_refused(
    stored: tuple[RunFiles, Path], change: Any
) -> None:
    run, folder = stored
    rewrite(folder / "12.jsonl", lambda rows: [{**rows[0], **change}, *rows[1:]])

    with pytest.raises(DamagedError, match="expected one of correct, wrong"):
        read_samples(run)


@pytest.mark.parametrize("change", [{"response_tokens": None}, {"score": "high"}])
def test_a_field_that_cannot_be_read_names_the_question_and_the_file(
    stored: tuple[RunFiles, Path], change: Any
) -> None:
    run, folder = stored
    rewrite(folder / "12.jsonl", lambda rows: [{**rows[0], **change}, *rows[1:]])
    name = next(iter(change))

    with pytest.raises(DamagedError, match=rf"12\.jsonl has no {name}: its row has {name}"):
        read_samples(run)


def test_accuracy_is_the_mean_over_questions_and_shares_are_means_over_samples() -> None:
    frame = pd.DataFrame(
        {
            "step": 0,
            "split": "eval_easy",
            "question_id": ["a", "b", "b", "b"],
            "correct": [1, 0, 0, 1],
            "format_ok": [1, 1, 0, 0],
            "outcome": ["correct", "wrong", "truncated", "correct"],
            "response_tokens": [10, 20, 30, 40],
            "reflection": [False, False, False, True],
            "reflection_rate": [0.0, 0.0, 0.0, 5.0],
            "right_reflection_tokens": [math.nan, math.nan, math.nan, 40.0],
            "attempts": [0, 1, 2, 3],
        }
    )
    values = {metric: value for _, metric, value in evaluation_values(frame)}

    assert values["accuracy_easy"] == pytest.approx((1 + 1 / 3) / 2)
    assert values["accuracy_easy"] != pytest.approx(0.5)
    assert values["format_easy"] == 0.5
    assert values["response_tokens_easy"] == 25
    assert (values["wrong_easy"], values["truncated_easy"]) == (0.25, 0.25)
    assert values["unparsable_easy"] == 0.0
    assert values["reflection_easy"] == 0.25
    assert values["reflection_rate_easy"] == 1.25
    assert values["right_reflection_tokens_easy"] == 40
    assert values["attempts_easy"] == 1.5
    assert values["pass_at_n_easy"] == 1
    assert values["samples_easy"] == 4


def test_pass_at_n_counts_questions_with_a_correct_sample() -> None:
    right = [1, 0, 0, 1, 0, 0]
    frame = pd.DataFrame({field.name: [0] * 6 for field in SAMPLE_FIELDS}).assign(
        step=0, split="eval_easy", question_id=["a", "a", "b", "b", "c", "c"], correct=right
    )
    values = {metric: value for _, metric, value in evaluation_values(frame)}
    assert values["pass_at_n_easy"] == pytest.approx(2 / 3)
    assert values["accuracy_easy"] == pytest.approx(1 / 3)


def test_a_step_without_rows_has_no_value(stored: tuple[RunFiles, Path]) -> None:
    run, folder = stored
    (folder / "6.jsonl").write_text("")

    assert {step for step, _ in values_of(read_samples(run))} == {0, 12}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wait, no", True),
        ("HOWEVER, 3", True),
        ("I recheck", True),
        ("await 3", False),
        ("", False),
    ],
)
def test_reflection_words(text: str, expected: bool) -> None:
    assert (reflections(text) > 0) is expected


def test_words_of_reflection_are_counted_per_token_and_the_length_of_right_answers_with_them(
    stored: tuple[RunFiles, Path],
) -> None:
    run, folder = stored
    two = {"output": "1 no wait, 2 no However, 3 yes", "response_tokens": 50}
    given = (
        {**two, "correct": 1, "outcome": "correct"},
        {**two, "correct": 0, "outcome": "wrong", "response_tokens": 10},
        {"output": "7", "response_tokens": 10, "correct": 1, "outcome": "correct"},
        {"output": "", "response_tokens": 0, "correct": 0, "outcome": "truncated"},
    )
    rewrite(
        folder / "12.jsonl", lambda rows: [{**r, **g} for r, g in zip(rows, given, strict=False)]
    )
    (rate, *rates), lengths = (
        [row[name] for row in read_samples(run).rows if row["step"] == 12]
        for name in ("reflection_rate", "right_reflection_tokens")
    )
    assert (rate, *rates[:2]) == (4.0, 20.0, 0.0)
    assert lengths[0] == 50.0
    # a response of no token has no rate, and what is wrong or does not reflect no length
    assert all(map(math.isnan, (rates[2], *lengths[1:])))
    values = values_of(read_samples(run))
    assert values[12, "reflection_rate_easy"] == 8.0
    assert values[12, "right_reflection_tokens_easy"] == 50.0


def test_where_nothing_reflects_there_is_no_length_instead_of_0(
    stored: tuple[RunFiles, Path],
) -> None:
    run, folder = stored
    rewrite(folder / "12.jsonl", lambda rows: [{**row, "output": "7"} for row in rows])
    values = values_of(read_samples(run))
    assert values[12, "reflection_rate_easy"] == 0.0
    assert (12, "right_reflection_tokens_easy") not in values
    assert (6, "right_reflection_tokens_easy") in values


def test_text_is_kept_for_few_samples_and_cut(stored: tuple[RunFiles, Path]) -> None:
    run, folder = stored
    long = "x" * (TEXT_LIMIT + 1)
    rewrite(folder / "0.jsonl", lambda rows: [{**row, "output": long} for row in rows])
    rows = read_samples(run).rows
    kept = [row for row in rows if row["response"] is not None]

    assert {row["step"] for row in kept} == {0, 12}
    assert {row["sample"] for row in kept} == {0}
    assert len(kept) == 2 * 2 * TEXT_QUESTIONS
    assert {len(row["response"]) for row in kept if row["step"] == 0} == {TEXT_LIMIT}


def values_of(samples: Samples) -> dict[tuple[int, str], float]:
    return {(s, m): v for s, m, v in evaluation_values(pd.DataFrame(samples.rows))}
