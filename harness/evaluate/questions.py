"""The questions of a benchmark: read from a prepared file in verl's schema, and checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harness.evaluate.definitions import Benchmark
from harness.micro.dataset import question_id, rows_of
from harness.micro.template import PROMPT_TEMPLATE, render_prompt
from harness.schema import DamagedError, UsageError
from harness.untrusted.files import Refused, read_bytes
from harness.untrusted.json_text import parse_json
from harness.untrusted.tables import read_parquet_rows

MANIFEST = "manifest.json"
"""Of a prepared data set: its key "sha256" maps each file to its hash."""

_BEFORE, _AFTER = PROMPT_TEMPLATE.split("{problem}")


class Question(NamedTuple):
    """One question: its stable id, the whole prompt in the template, and the expected answer."""

    id: str
    prompt: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """The questions of one benchmark that are asked.

    Attributes:
        benchmark: whose they are.
        questions: in the order of the file.
        source: where they were read.
        sha256: of ids, prompts and references: what is asked, whatever the file's bytes.
    """

    benchmark: Benchmark
    questions: tuple[Question, ...]
    source: str
    sha256: str


def load_set(benchmark: Benchmark, root: Path, most: int = 0) -> Set:
    """Return the questions of a benchmark.

    Args:
        benchmark: which.
        root: directory of prepared data, of one data set or of several.
        most: take the first so many only; 0 takes all.

    Raises:
        UsageError: it is not prepared, or has another number of questions, or another template.
        DamagedError: its file cannot be read, or is not what its manifest says.
    """
    if benchmark.micro_split:
        rows, source = rows_of(benchmark.micro_split, benchmark.questions), "the micro-world's task"
    else:
        path = find_file(benchmark, root)
        rows, source = _file_rows(path), str(path)
    questions = tuple(_question(row, number, source) for number, row in enumerate(rows, start=1))
    # the whole set, also where only its first questions are asked
    _check(benchmark, questions, source)
    if most > len(questions):
        raise UsageError(
            f"{benchmark.title} has {len(questions)} questions: give questions=, or less"
        )
    questions = questions[:most] if most else questions
    content = json.dumps([tuple(question) for question in questions]).encode()
    digest = hashlib.sha256(content).hexdigest()
    return Set(benchmark=benchmark, questions=questions, source=source, sha256=digest)


def find_file(benchmark: Benchmark, root: Path) -> Path:
    """Return the prepared file of a benchmark.

    It lies in the root, in a folder of its own name, or beside a training set that is evaluated on
    it; if there are several, they must be the same.

    Raises:
        UsageError: there is none, or there are several that differ.
    """
    found = [
        path
        for name in benchmark.files
        for path in (
            root / f"{name}.parquet",
            *(root / name / f"{stem}.parquet" for stem in (name, "test", "eval", "train")),
            *sorted(root.glob(f"*/{name}.parquet")),
        )
        if path.is_file()
    ]
    if not found:
        raise UsageError(
            f"the questions of {benchmark.title} are not below {root}: prepare them with python -m"
            f" harness.data prepare dataset={benchmark.files[-1]}, or give data=<directory with"
            f" {benchmark.files[0]}.parquet> (docs/evaluation.md), or leave this benchmark out by"
            " benchmarks="
        )
    # reversed: of files that are equal the first one is named
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in reversed(found)}
    if len(hashes) > 1:
        raise UsageError(
            f"there are {len(hashes)} different files for {benchmark.title},"
            f" {' and '.join(map(str, hashes.values()))}: give data=<the directory of one of them>"
        )
    return found[0]


def _file_rows(path: Path) -> list[dict[Any, Any]]:
    _check_manifest(path)
    try:
        return list(read_parquet_rows(path))
    except OSError as error:
        raise DamagedError(f"{path} cannot be read: {error.strerror}") from error
    except Refused as error:
        raise DamagedError(f"{path} {error}: prepare it again") from error


def _check_manifest(path: Path) -> None:
    """Compare a file with the manifest beside it, if there is one that names it."""
    manifest = path.parent / MANIFEST
    if not manifest.is_file():
        return
    try:
        expected = parse_json(read_bytes(manifest))["sha256"].get(path.name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{manifest} cannot be read: prepare the data set again") from error
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if expected is not None and found != expected:
        raise DamagedError(
            f"{path} is damaged: found sha256 {found}, expected {expected}; prepare it again"
        )


def _question(row: dict[Any, Any], number: int, source: str) -> Question:
    try:
        prompt = "".join(str(message["content"]) for message in row["prompt"])
        reference = str(row["reward_model"]["ground_truth"])
        info = dict(row.get("extra_info") or {})
    except (KeyError, TypeError) as error:
        raise DamagedError(
            f"row {number} of {source} is not in verl's schema ({error!r}): expected prompt (a list"
            " of messages with content), reward_model.ground_truth and extra_info"
        ) from error
    problem = info.get("problem")
    is_exact = prompt.startswith(_BEFORE) and prompt.endswith(_AFTER)
    if not is_exact or (problem is not None and prompt != render_prompt(str(problem))):
        raise UsageError(
            f"row {number} of {source} is not in the template of Open-Reasoner-Zero: found"
            f" {prompt[:40]!r}..., expected {_BEFORE[:40]!r}... to end in {_AFTER!r}; prepare it"
            " again, since another prompt is another measurement"
        )
    if not reference.strip():
        raise DamagedError(f"row {number} of {source} has no reference: prepare it again")
    return Question(str(info.get("question_id") or question_id(prompt)), prompt, reference)


def _check(benchmark: Benchmark, questions: Sequence[Question], source: str) -> None:
    if len(questions) != benchmark.questions:
        raise UsageError(
            f"{source} has {len(questions)} questions, {benchmark.title} has {benchmark.questions}:"
            " prepare it again, or give data=<directory with the whole set>"
        )
    ids = [question.id for question in questions]
    twice = next((id_ for id_ in ids if ids.count(id_) > 1), None)
    if twice is not None:
        raise DamagedError(f"{source} has question {twice} twice: prepare it again")
