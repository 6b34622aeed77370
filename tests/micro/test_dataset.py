"""The data sets: schema, nesting, disjointness, stable bytes."""

from pathlib import Path

import pandas as pd
import pytest

from harness.micro.dataset import dataset_hash, question_id, rows_of, write_datasets
from harness.micro.task import part_of
from harness.micro.template import render_prompt
from harness.schema import UsageError

GOLDEN_HASH = "6ba0fd9849786497bff3027f301ffa6f2b50a9b59ba3b1dfe8e70d32370be0e2"


def problems_of(split: str, size: int, seed: int = 0) -> list[str]:
    return [row["extra_info"]["problem"] for row in rows_of(split, size, seed)]


def test_rows_follow_verl_s_schema() -> None:
    row = rows_of("train", 1)[0]
    text = row["extra_info"]["problem"]
    assert row["data_source"] == "micro_train"
    assert row["ability"] == "math"
    assert row["prompt"] == [{"role": "user", "content": render_prompt(text)}]
    answer = str(eval(text.removesuffix("=?")))
    assert row["reward_model"] == {"style": "rule", "ground_truth": answer}
    assert row["extra_info"]["question_id"] == question_id(text)


def test_smaller_sets_are_prefixes_of_larger_ones() -> None:
    for split in ("train", "eval_easy", "eval_hard"):
        large = rows_of(split, 300)
        assert rows_of(split, 100) == large[:100]
        assert len({row["extra_info"]["question_id"] for row in large}) == 300


def test_adjacent_seeds_share_no_training_problem() -> None:
    sets = [set(problems_of("train", 1000, seed)) for seed in (0, 1, 2, 3)]
    assert len(set.union(*sets)) == 4000


def test_held_out_problems_are_disjoint_from_training_by_construction() -> None:
    for split in ("eval_easy", "eval_hard"):
        assert {part_of(text) for text in problems_of(split, 200)} == {"held_out"}
    assert {part_of(text) for text in problems_of("train", 1000)} == {"train"}


def test_difficulty_is_the_number_of_operations() -> None:
    for split, expected in {
        "train": {4, 5, 6},
        "eval_easy": {4, 5, 6},
        "eval_hard": {7, 8},
    }.items():
        assert {row["extra_info"]["operations"] for row in rows_of(split, 60)} == expected


def test_written_files_are_byte_stable_and_read_back(tmp_path: Path) -> None:
    first = write_datasets(tmp_path / "a", train_size=32, eval_size=8)
    second = write_datasets(tmp_path / "b", train_size=32, eval_size=8)
    for split, path in first.items():
        assert path.read_bytes() == second[split].read_bytes()
        frame = pd.read_parquet(path)
        assert len(frame) == (32 if split == "train" else 8)
        rows = rows_of(split, len(frame))
        assert frame["prompt"].map(lambda p: p[0]["content"]).tolist() == [
            row["prompt"][0]["content"] for row in rows
        ]


def test_dataset_hash_is_the_recorded_one_and_sees_a_change_of_seed_or_size() -> None:
    assert dataset_hash(train_size=32, eval_size=8) == GOLDEN_HASH
    assert dataset_hash(train_size=32, eval_size=8, seed=1) != GOLDEN_HASH
    assert dataset_hash(train_size=33, eval_size=8) != GOLDEN_HASH


@pytest.mark.parametrize("size", [0, 10**6])
def test_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(UsageError, match="give a size in"):
        rows_of("train", size)
