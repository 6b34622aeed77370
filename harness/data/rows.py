"""Questions as rows of veRL, all sets in one schema.

veRL joins the evaluation sets of a run to one table, and sets with other fields, or a field of
another type, do not join. So what only some sets have is there in all, null where it is not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.data.collecting import Placed
from harness.data.entries import Entry
from harness.micro.dataset import question_id
from harness.micro.template import render_prompt
from harness.writing import whole_file

if TYPE_CHECKING:
    import pyarrow as pa

ABILITY = "math"


def rows_of(entry: Entry, placed: Sequence[Placed]) -> list[dict[str, Any]]:
    """Return the rows of a data set, in veRL's schema."""
    return [_row(entry, index, one) for index, one in enumerate(placed)]


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows; the same rows make the same bytes with the same release of Arrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with whole_file(path) as half:
        pq.write_table(pa.Table.from_pylist(list(rows), schema=schema()), half)


def write_records(path: Path, records: Iterator[Any]) -> None:
    """Write records as JSON lines, unchanged."""
    with whole_file(path) as half, half.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def rows_hash(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the sha256 of rows: of what they say, whatever wrote the file."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def schema() -> pa.Schema:
    """Return the schema of every prepared file."""
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    info = [
        ("question_id", text),
        ("index", number),
        ("split", text),
        ("dataset", text),
        ("problem", text),
        ("language", text),
        ("choices", pa.list_(text)),
        ("pass_at_n", pa.float64()),
        ("details", text),
    ]
    return pa.schema(
        [
            ("data_source", text),
            ("prompt", pa.list_(pa.struct([("role", text), ("content", text)]))),
            ("ability", text),
            ("reward_model", pa.struct([("style", text), ("ground_truth", text)])),
            ("extra_info", pa.struct(info)),
        ]
    )


def prompt_of(entry: Entry, text: str) -> str:
    """Return the prompt of a question, in the template of its data set."""
    return render_prompt(text) if entry.template == "orz" else text


def _row(entry: Entry, index: int, one: Placed) -> dict[str, Any]:
    question = one.question
    # pairing and scores know a question by its id: a repeat that is kept is another question
    suffix = f"-{one.repeat}" if one.repeat else ""
    return {
        "data_source": entry.name if entry.use == "training" else entry.split,
        "prompt": [{"role": "user", "content": prompt_of(entry, question.text)}],
        "ability": ABILITY,
        "reward_model": {"style": "rule", "ground_truth": question.answer},
        "extra_info": {
            "question_id": question_id(question.text) + suffix,
            "index": index,
            "split": entry.split,
            "dataset": entry.name,
            "problem": question.text,
            "language": question.language,
            "choices": list(question.choices),
            "pass_at_n": question.pass_at_n,
            "details": question.details,
        },
    }
