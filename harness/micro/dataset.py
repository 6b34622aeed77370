"""Writes the problems in verl's parquet schema, nested in size and split by hash.

The training set of a seed is a fixed stream: the first N rows are the training set of size N.
Held-out sets do not depend on the training seed, so that all runs are measured on the same
questions; a larger held-out set begins with the smaller one.
"""

import hashlib
import json
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from harness.micro.families import FAMILIES, Problem
from harness.micro.hashing import axis_rng
from harness.micro.split import SEED_CLASSES, Part, part_of, seed_class_of
from harness.micro.template import render_prompt
from harness.schema import UsageError
from harness.writing import written_together

TRAIN_SIZE = 2048
EVAL_SIZE = 64
ID_DIGITS = 16
MAX_TRAIN_SIZE = 2560
DRAWS = 20_000
"""Draws without a new question after which a family has none left."""

MIXED = ("search", "orbit", "search", "chain")
"""The families of training, in turn: half of the questions ask for a search."""

TRANSFER = "meet"
"""The family that pre-training shows and no training asks."""

FAMILY_SETS = {"mixed": MIXED, "search": ("search",)}
SOURCES = {
    "train": "micro_train",
    "eval_easy": "micro_easy",
    "eval_hard": "micro_hard",
    "eval_transfer": "micro_transfer",
}


def train_problems(seed: int, families: str = "mixed") -> Iterator[Problem]:
    """Yield the training problems of a data seed without end and without repeats."""
    return _stream("train", FAMILY_SETS[families], "train", seed)


def held_out_problems(split: str) -> Iterator[Problem]:
    """Yield the problems of an evaluation split without end and without repeats.

    ``eval_easy`` asks as training does, ``eval_hard`` for more operations or steps, and
    ``eval_transfer`` questions of the family that is not trained on.
    """
    families = (TRANSFER,) if split == "eval_transfer" else MIXED
    return _stream("held_out", families, split)


def rows_of(split: str, size: int, seed: int = 0, families: str = "mixed") -> list[dict[str, Any]]:
    """The first `size` rows of a split, in verl's schema.

    Raises:
        UsageError: If the size is not in 1..`MAX_TRAIN_SIZE`: larger training sets would use up
            the questions of one seed; or the families are not of `FAMILY_SETS`.
    """
    if not 1 <= size <= MAX_TRAIN_SIZE:
        raise UsageError(
            f"{split} of {size} micro problems cannot be made: give a size in 1..{MAX_TRAIN_SIZE}"
        )
    if families not in FAMILY_SETS:
        raise UsageError(
            f"there is no set of families {families!r}: expected one of {', '.join(FAMILY_SETS)}"
        )
    problems = train_problems(seed, families) if split == "train" else held_out_problems(split)
    return [_row(split, index, problem) for index, problem in enumerate(islice(problems, size))]


def held_out_rows(family: str, split: str, size: int) -> list[dict[str, Any]]:
    """Held-out questions of one family, at the difficulty of `eval_easy` or `eval_hard`."""
    problems = _family_stream(family, "held_out", split, None)
    return [_row(split, index, problem) for index, problem in enumerate(islice(problems, size))]


def problem_of(row: dict[str, Any]) -> Problem:
    """The problem that a row was made of."""
    info = row["extra_info"]
    answer = int(row["reward_model"]["ground_truth"])
    return Problem(info["family"], info["problem"], answer, info["level"], tuple(info["data"]))


def write_datasets(
    directory: Path,
    *,
    train_size: int = TRAIN_SIZE,
    seed: int = 0,
    eval_size: int = EVAL_SIZE,
    families: str = "mixed",
) -> dict[str, Path]:
    """Write the training set and the three held-out sets as parquet files; the bytes are stable.

    Args:
        directory: made if missing; files of the same names are replaced.
        train_size: training rows, see `rows_of`.
        seed: the data seed; adjacent seeds share no training problem.
        eval_size: rows of each held-out set.
        families: of the training set, a key of `FAMILY_SETS`; the held-out sets have all.

    Returns:
        Split name -> file.
    """
    import pandas as pd

    names = {split: f"{split}.parquet" for split in SOURCES}
    with written_together(directory, "data") as half:
        for split, name in names.items():
            rows = rows_of(split, train_size if split == "train" else eval_size, seed, families)
            pd.DataFrame(rows).to_parquet(half / name, engine="pyarrow", index=False)
    return {split: directory / name for split, name in names.items()}


def dataset_hash(
    *,
    train_size: int = TRAIN_SIZE,
    seed: int = 0,
    eval_size: int = EVAL_SIZE,
    families: str = "mixed",
) -> str:
    """The sha256 of the rows that `write_datasets` writes: content, not file bytes."""
    sizes = {split: train_size if split == "train" else eval_size for split in SOURCES}
    content = {split: rows_of(split, size, seed, families) for split, size in sizes.items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def question_id(text: str) -> str:
    """A stable id of a question: the first hex digits of the sha256 of its text."""
    return hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS]


def _stream(
    part: Part, families: tuple[str, ...], split: str, seed: int | None = None
) -> Iterator[Problem]:
    # one generator per family and place: a set of families draws what the mixed set draws of it
    drawn = {name: _family_stream(name, part, split, seed) for name in dict.fromkeys(families)}
    for name in cycle(families):
        yield next(drawn[name])


def _family_stream(name: str, part: Part, split: str, seed: int | None) -> Iterator[Problem]:
    family = FAMILIES[name]
    axes = ("dataset", split, name) if seed is None else ("dataset", split, name, seed)
    rng, seen = axis_rng(*axes), set[str]()
    levels = family.hard_levels if split == "eval_hard" else family.levels
    vain = 0
    while vain < DRAWS:
        problem = family.draw(levels[len(seen) % len(levels)], rng)
        text = problem.text
        vain += 1
        if part_of(text) != part or text in seen:
            continue
        if seed is not None and seed_class_of(text) != seed % SEED_CLASSES:
            continue
        seen.add(text)
        vain = 0
        yield problem
    raise UsageError(
        f"{split} has {len(seen)} questions of the family {name}, and more were asked for: ask for"
        " fewer"
    )


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
            "family": problem.family,
            "level": problem.level,
            "data": list(problem.data),
        },
    }
