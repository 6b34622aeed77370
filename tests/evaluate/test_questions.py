"""Questions from prepared files: what is read, and what is refused."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from harness.evaluate.definitions import benchmark_of, suite_of
from harness.evaluate.questions import find_file, load_set
from harness.micro.dataset import rows_of
from harness.micro.template import render_prompt
from harness.paths import CONF
from harness.schema import DamagedError, HarnessError, UsageError

BENCHMARK = benchmark_of("aime2024").model_copy(update={"questions": 2})


def row(problem: str, answer: str = "7", **changes: Any) -> dict[str, Any]:
    """A row in verl's schema."""
    info = {"question_id": problem[:4], "problem": problem, "index": 0}
    return {
        "prompt": [{"role": "user", "content": render_prompt(problem)}],
        "reward_model": {"style": "rule", "ground_truth": answer},
        "extra_info": info,
        **changes,
    }


ROWS = [row("one and one?"), row("two and two?", "4")]


def write(path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(path)
    return path


def test_questions_are_read_in_order_with_their_whole_prompt(tmp_path: Path) -> None:
    write(tmp_path / "aime2024.parquet")
    asked = load_set(BENCHMARK, tmp_path)
    assert [question.reference for question in asked.questions] == ["7", "4"]
    assert asked.questions[0].prompt == render_prompt("one and one?")
    assert asked.questions[0].id == "one "
    first = load_set(BENCHMARK, tmp_path, most=1)
    assert first.questions == asked.questions[:1]
    assert first.sha256 != asked.sha256


@pytest.mark.parametrize(
    "place",
    [
        "aime2024.parquet",
        "aime24/aime2024.parquet",
        "aime24/test.parquet",
        "orz_57k/aime2024.parquet",
    ],
)
def test_a_file_is_found_where_data_sets_are_prepared(tmp_path: Path, place: str) -> None:
    path = write(tmp_path / place)
    assert find_file(BENCHMARK, tmp_path) == path


def test_copies_are_one_and_files_that_differ_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a" / "aime2024.parquet")
    write(tmp_path / "b" / "aime2024.parquet")
    assert find_file(BENCHMARK, tmp_path).parent.name == "a"
    write(tmp_path / "b" / "aime2024.parquet", [row("another?"), row("yet another?")])
    with pytest.raises(UsageError, match="2 different files"):
        find_file(BENCHMARK, tmp_path)


def test_data_that_are_not_prepared_are_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"harness\.data prepare dataset=aime24"):
        load_set(BENCHMARK, tmp_path)


BARE = [{"role": "user", "content": "one and one?"}]
OTHER = [{"role": "user", "content": render_prompt("three?")}]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([*ROWS, row("three?")], "has 3 questions, AIME 2024 has 2"),
        ([ROWS[0], row("one and one?")], "twice"),
        ([ROWS[0], row("three?", prompt=BARE)], "not in the template"),
        # in the template, and not the problem that the row states
        ([ROWS[0], row("four?", prompt=OTHER)], "not in the template"),
        ([ROWS[0], row("three?", " ")], "no reference"),
        ([{"prompt": BARE}], "not in verl's schema"),
    ],
)
def test_questions_that_are_not_what_they_should_be_are_refused(
    tmp_path: Path, rows: list[dict[str, Any]], said: str
) -> None:
    write(tmp_path / "aime2024.parquet", rows)
    with pytest.raises(HarnessError, match=said):
        load_set(BENCHMARK, tmp_path)


def test_a_file_that_differs_from_its_manifest_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "aime2024.parquet")
    manifest = tmp_path / "manifest.json"
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest.write_text(json.dumps({"sha256": {path.name: sha}}))
    assert len(load_set(BENCHMARK, tmp_path).questions) == 2
    manifest.write_text(json.dumps({"sha256": {path.name: "0" * 64}}))
    with pytest.raises(DamagedError, match="is damaged"):
        load_set(BENCHMARK, tmp_path)
    manifest.unlink()
    path.write_text("no table")
    with pytest.raises(DamagedError, match="not Parquet"):
        load_set(BENCHMARK, tmp_path)


def test_micro_questions_are_those_of_the_training_runs() -> None:
    for name in suite_of("micro").benchmarks:
        benchmark = benchmark_of(name)
        asked = load_set(benchmark, Path("nowhere"))
        size = yaml.safe_load((CONF / "dataset" / "micro.yaml").read_text())["dataset"]["eval_size"]
        rows = rows_of(benchmark.micro_split, size)
        assert [one.id for one in asked.questions] == [r["extra_info"]["question_id"] for r in rows]
        assert len(asked.questions) == benchmark.questions == 48
        with pytest.raises(UsageError, match="has 48 questions"):
            load_set(benchmark, Path("nowhere"), most=49)
