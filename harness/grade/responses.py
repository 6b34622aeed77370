"""Stored responses wherever they are kept: streams of verl, a study's folder, samples.parquet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from harness.metrics.evaluation import TEXT_LIMIT
from harness.metrics.streams import GENERATIONS, read_lines
from harness.metrics.tables import read_parquet
from harness.micro.dataset import SOURCES, rows_of
from harness.schema import DamagedError, UsageError
from harness.store.data_names import (
    FIRST_WORLD,
    PRESENT_WORLD,
    STUDY_FILE,
    WORLDS,
    study_world,
)
from harness.store.files import read_json
from harness.untrusted.tables import read_parquet_rows

COLUMNS = (
    *("row_id", "arm", "seed", "step", "split", "question_id", "sample"),
    *("response", "reference", "finish_reason", "score"),
)
"""Columns of stored responses; `score` is what training or evaluation paid, NaN if not stated."""

MICRO_QUESTIONS = 256
"""Held-out questions of the micro-world that are looked through, per split; any run has fewer."""

CUT = "…"
"""Ends a text of the samples table that is longer than `TEXT_LIMIT`."""

_RUN = re.compile(r"(?P<arm>.+)-s(?P<seed>\d+)-(?P<id>[0-9a-f]{8})")
_ATTEMPT = re.compile(r"attempt-(\d+)")
_NAMES: Mapping[str, tuple[str, ...]] = {
    "response": ("response", "output"),
    "reference": ("reference", "gts", "ground_truth"),
    "score": ("score", "reward"),
}
"""Column -> the names that it has in streams: ours, and verl's."""


def load_responses(path: Path, references: str = "") -> pd.DataFrame:
    """Read stored responses.

    Args:
        path: a .jsonl stream (verl's `generations/<step>.jsonl`, or rows with `response`,
            `reference` and `finish_reason`), a directory with such streams below it, or a table
            of samples (.parquet), of which the rows with their whole text are taken.
        references: where the expected answers of a table are: "micro" for the micro-world's
            held-out questions, or a file in verl's schema (.parquet) or with `question_id` and
            `reference` (.jsonl).

    Returns:
        One row per response, columns `COLUMNS`; a text that is not stated is "".

    Raises:
        UsageError: there are no responses, or they have no reference.
        DamagedError: a file cannot be read.
    """
    if path.suffix == ".parquet" and path.is_file():
        rows = list(_table_rows(path))
    elif path.suffix == ".jsonl" and path.is_file():
        rows = list(_stream_rows(path))
    elif path.is_dir():
        rows = [row for stream in _streams(path) for row in _stream_rows(stream)]
    else:
        raise UsageError(f"there are no responses at {path}: give a .jsonl, .parquet or directory")
    if not rows:
        raise UsageError(f"{path} holds no text of a response: give the run's generations")
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    if references:
        frame["reference"] = frame["question_id"].map(read_references(references))
    missing = int(frame["reference"].isna().sum())
    if missing:
        raise UsageError(
            f"{missing} of {len(frame)} responses of {path} have no reference:"
            f" {_remedy(path, references)}"
        )
    return frame


def _remedy(path: Path, references: str) -> str:
    """Say what gives the responses their references, or why nothing here does."""
    own = "references=<file with question ids and answers>"
    if references != "micro":
        return f"give references=micro, or {own}"
    asked = f"references=micro answers the held-out questions of {WORLDS[PRESENT_WORLD]}"
    study = path.parent / STUDY_FILE
    world = study_world(read_json(study)["protocol"]) if study.is_file() else ""
    if world == WORLDS[FIRST_WORLD]:
        return f"{asked}, and {study} is of {world}, whose questions are no longer made; give {own}"
    return f"{asked}, and some of these are others; give {own}"


def read_references(source: str) -> dict[str, str]:
    """Return question id -> expected answer; `source` as in `load_responses`.

    Raises:
        UsageError: there is no such file.
        DamagedError: it has not the expected columns.
    """
    if source == "micro":
        splits = [split for split in SOURCES if split != "train"]
        questions = [row for split in splits for row in rows_of(split, MICRO_QUESTIONS)]
        return dict(_verl_reference(row) for row in questions)
    path = Path(source)
    if not path.is_file():
        raise UsageError(f"there is no file {path}: give references=micro or a file")
    try:
        if path.suffix == ".parquet":
            rows = read_parquet_rows(path)
            return dict(_verl_reference(row) for row in rows)
        return {str(row["question_id"]): str(row["reference"]) for row in read_lines(path).rows}
    except (KeyError, TypeError, OSError, ValueError) as error:
        raise DamagedError(
            f"{path} cannot be read ({error!r}): expected verl's extra_info.question_id and"
            " reward_model.ground_truth (.parquet), or question_id and reference (.jsonl)"
        ) from error


def _verl_reference(row: Mapping[Any, Any]) -> tuple[str, str]:
    return str(row["extra_info"]["question_id"]), str(row["reward_model"]["ground_truth"])


def _streams(folder: Path) -> list[Path]:
    """Return the streams below a directory, of each run those of its last attempt."""
    found = sorted(folder.rglob(f"{GENERATIONS}/*.jsonl")) or sorted(folder.glob("*.jsonl"))
    latest: dict[Path, int] = {}
    for path in found:
        run, number = _attempt(path)
        latest[run] = max(number, latest.get(run, number))
    return [path for path in found if _attempt(path)[1] == latest[_attempt(path)[0]]]


def _attempt(path: Path) -> tuple[Path, int]:
    """Return the run directory and the number of the attempt of a stream, 0 if it has none."""
    folder = path.resolve().parent
    attempt = folder.parent if folder.name == GENERATIONS else folder
    number = _ATTEMPT.fullmatch(attempt.name)
    return (attempt.parent, int(number[1])) if number else (attempt, 0)


def _stream_rows(path: Path) -> Iterator[dict[str, Any]]:
    run = _attempt(path)[0]
    name = _RUN.fullmatch(run.name)
    origin = name.groupdict() if name else {"arm": run.name, "seed": "", "id": path.stem}
    for number, row in enumerate(read_lines(path).rows, start=1):
        text = _first(row, "response")
        if text is None:
            raise DamagedError(
                f"line {number} of {path} has no response: expected one of"
                f" {', '.join(_NAMES['response'])}"
            )
        step = row.get("step", int(path.stem) if path.stem.isdigit() else None)
        place = [step, row.get("split"), row.get("question_id"), row.get("sample")]
        # a row without a question has its line for a name
        id_ = "/".join(map(str, place if row.get("question_id") is not None else [number]))
        yield {
            "row_id": str(row.get("row_id") or f"{origin['id']}/{id_}"),
            "arm": str(row.get("arm") or origin["arm"]),
            "seed": str(row.get("seed") or origin["seed"]),
            "step": step,
            "split": str(row.get("split") or ""),
            "question_id": str(row.get("question_id") or ""),
            "sample": row.get("sample"),
            "response": str(text),
            "reference": _first(row, "reference"),
            "finish_reason": str(row.get("finish_reason") or ""),
            "score": _first(row, "score"),
        }


def _table_rows(path: Path) -> Iterator[dict[str, Any]]:
    frame = read_parquet(path)
    if "response" not in frame or "row_id" not in frame:
        raise DamagedError(f"{path} has no column response or row_id: expected a table of samples")
    texts = frame["response"].astype("str")
    # the end of a text that was cut, where its answer stood, is not known
    is_cut = (texts.str.len() >= TEXT_LIMIT) & texts.str.endswith(CUT)
    for row in frame[frame["response"].notna() & ~is_cut].to_dict("records"):
        kept = {column: row.get(column) for column in COLUMNS}
        yield {**kept, **{key: str(row.get(key, "")) for key in ("arm", "seed", "finish_reason")}}


def _first(row: Mapping[str, Any], column: str) -> Any:
    return next((row[name] for name in _NAMES[column] if row.get(name) is not None), None)
