"""Writes the problems in verl's parquet schema, nested in size and split by hash.

The training set of a seed is a fixed stream: the first N rows are the training set of size N.
Held-out sets do not depend on the training seed, so that all runs are measured on the same
questions; a larger held-out set begins with the smaller one.
"""

import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from harness.micro.hashing import axis_rng
from harness.micro.task import SEED_CLASSES, Part, Problem, draw_problem, part_of, seed_class_of
from harness.micro.template import render_prompt
from harness.schema import UsageError

TRAIN_SIZE = 4096
EVAL_SIZE = 64
EASY_OPERATIONS = (4, 5, 6)
HARD_OPERATIONS = (7, 8)
ID_DIGITS = 16
MAX_TRAIN_SIZE = 16_384
SOURCES = {"train": "micro_train", "eval_easy": "micro_easy", "eval_hard": "micro_hard"}


def train_problems(seed: int) -> Iterator[Problem]:
    """Yield the training problems of a data seed without end and without repeats."""
    return _stream("train", EASY_OPERATIONS, "train", seed)


def held_out_problems(split: str) -> Iterator[Problem]:
    """Yield the problems of ``eval_easy`` or ``eval_hard`` without end and without repeats."""
    operations = EASY_OPERATIONS if split == "eval_easy" else HARD_OPERATIONS
    return _stream("held_out", operations, split)


def rows_of(split: str, size: int, seed: int = 0) -> list[dict[str, Any]]:
    """The first `size` rows of a split, in verl's schema.

    Raises:
        UsageError: If the size is not in 1..`MAX_TRAIN_SIZE`: larger training sets would use up
            the short chains of one seed.
    """
    if not 1 <= size <= MAX_TRAIN_SIZE:
        raise UsageError(
            f"{split} of {size} micro problems cannot be made: give a size in 1..{MAX_TRAIN_SIZE}"
        )
    problems = train_problems(seed) if split == "train" else held_out_problems(split)
    return [_row(split, index, problem) for index, problem in enumerate(islice(problems, size))]


def write_datasets(
    directory: Path, *, train_size: int = TRAIN_SIZE, seed: int = 0, eval_size: int = EVAL_SIZE
) -> dict[str, Path]:
    """Write ``train``, ``eval_easy`` and ``eval_hard`` as parquet files; the bytes are stable.

    Args:
        directory: made if missing; files of the same names are replaced.
        train_size: training rows, see `rows_of`.
        seed: the data seed; adjacent seeds share no training problem.
        eval_size: rows of each held-out set.

    Returns:
        Split name -> file.
    """
    import pandas as pd

    directory.mkdir(parents=True, exist_ok=True)
    paths = {split: directory / f"{split}.parquet" for split in SOURCES}
    for split, path in paths.items():
        rows = rows_of(split, train_size if split == "train" else eval_size, seed)
        pd.DataFrame(rows).to_parquet(path, engine="pyarrow", index=False)
    return paths


def dataset_hash(*, train_size: int = TRAIN_SIZE, seed: int = 0, eval_size: int = EVAL_SIZE) -> str:
    """The sha256 of the rows that `write_datasets` writes: content, not file bytes."""
    sizes = {split: train_size if split == "train" else eval_size for split in SOURCES}
    content = {split: rows_of(split, size, seed) for split, size in sizes.items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def question_id(text: str) -> str:
    """A stable id of a question: the first hex digits of the sha256 of its text."""
    return hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS]


def _stream(
    part: Part, operations: tuple[int, ...], split: str, seed: int | None = None
) -> Iterator[Problem]:
    rng = axis_rng("dataset", split) if seed is None else axis_rng("dataset", split, seed)
    seen: set[str] = set()
    while True:
        problem = draw_problem(operations[len(seen) % len(operations)], rng)
        text = problem.text
        if part_of(text) != part or text in seen:
            continue
        if seed is not None and seed_class_of(text) != seed % SEED_CLASSES:
            continue
        seen.add(text)
        yield problem


def _row(split: str, index: int, problem: Problem) -> dict[str, Any]:
    return {
        "data_source": SOURCES[split],
        "prompt": [{"role": "user", "content": render_prompt(problem.text)}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": str(problem.answer)},
        "extra_info": {
            "question_id": question_id(problem.text),
            "index": index,
            "split": split,
            "problem": problem.text,
            "operations": len(problem.signs),
        },
    }
