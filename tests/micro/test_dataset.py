"""The data sets: schema, nesting, disjointness, stable bytes."""

from pathlib import Path

import pandas as pd
import pytest

from harness.micro.dataset import (
    FAMILY_SETS,
    MAX_TRAIN_SIZE,
    dataset_hash,
    held_out_rows,
    problem_of,
    question_id,
    rows_of,
    write_datasets,
)
from harness.micro.families import FAMILIES
from harness.micro.split import part_of
from harness.micro.template import render_prompt
from harness.schema import UsageError

GOLDEN_HASH = "573d8aa540f78f4ea9b28907c86e96aef1f481645055544dd74addf729e79fd4"


def problems_of(split: str, size: int, seed: int = 0) -> list[str]:
    return [row["extra_info"]["problem"] for row in rows_of(split, size, seed)]


def test_rows_follow_verl_s_schema() -> None:
    row = rows_of("train", 1)[0]
    text = row["extra_info"]["problem"]
    assert row["data_source"] == "micro_train"
    assert row["ability"] == "math"
    assert row["prompt"] == [{"role": "user", "content": render_prompt(text)}]
    answer = str(problem_of(row).answer)
    assert row["reward_model"] == {"style": "rule", "ground_truth": answer}
    assert row["extra_info"]["question_id"] == question_id(text)


def test_smaller_sets_are_prefixes_of_larger_ones() -> None:
    for split in ("train", "eval_easy", "eval_hard", "eval_transfer"):
        large = rows_of(split, 300)
        assert rows_of(split, 100) == large[:100]
        assert len({row["extra_info"]["question_id"] for row in large}) == 300


def test_adjacent_seeds_share_no_training_problem() -> None:
    sets = [set(problems_of("train", 1000, seed)) for seed in (4, 5)]
    assert len(set.union(*sets)) == 2000


def test_held_out_problems_are_disjoint_from_training_by_construction() -> None:
    for split in ("eval_easy", "eval_hard", "eval_transfer"):
        assert {part_of(text) for text in problems_of(split, 200)} == {"held_out"}
    assert {part_of(text) for text in problems_of("train", 1000)} == {"train"}


@pytest.mark.parametrize("split", ["train", "eval_easy", "eval_hard", "eval_transfer"])
def test_difficulty_is_that_of_the_split(split: str) -> None:
    problems = [problem_of(row) for row in rows_of(split, 60)]
    for problem in problems:
        family = FAMILIES[problem.family]
        allowed = family.hard_levels if split == "eval_hard" else family.levels
        assert problem.level in allowed
    names = {problem.family for problem in problems}
    assert names == ({"meet"} if split == "eval_transfer" else {"search", "orbit", "chain"})


def test_a_narrow_set_asks_the_searches_that_the_mixed_set_asks() -> None:
    mixed = [row for row in rows_of("train", 200) if row["extra_info"]["family"] == "search"]
    narrow = rows_of("train", 100, families="search")
    assert [r["extra_info"]["problem"] for r in mixed] == [
        r["extra_info"]["problem"] for r in narrow
    ]
    held_out = rows_of("eval_easy", 40, families="search")
    assert held_out == rows_of("eval_easy", 40)


@pytest.mark.parametrize("families", FAMILY_SETS)
def test_the_largest_set_can_be_made(families: str) -> None:
    assert len(rows_of("train", MAX_TRAIN_SIZE, 1, families)) == MAX_TRAIN_SIZE


def test_more_questions_than_a_family_has_are_refused() -> None:
    assert len(held_out_rows("orbit", "eval_hard", 256)) == 256
    with pytest.raises(UsageError, match="questions of the family orbit, and more were"):
        held_out_rows("orbit", "eval_hard", 512)


def test_an_unknown_set_of_families_is_refused() -> None:
    with pytest.raises(UsageError, match="expected one of mixed, search"):
        rows_of("train", 4, families="all")


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
