"""Pages of invented studies, written through the files that a page is made from."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.metrics.columns import TRAINING
from harness.schema import SCHEMA_VERSION

DOCUMENT: dict[str, Any] = {
    "title": "Invented study",
    "question": "Do the numbers of a generator differ?",
    "source": "nowhere",
    "control": {"arm": "0"},
    "factors": {"arm": {}},
    "primary_metrics": ["reward"],
}


def unpacked(html: str, name: str) -> str:
    """Return what the script element of an id holds, unpacked."""
    found = re.search(rf'id="{name}">([^<]*)<', html)
    assert found is not None
    return gzip.decompress(base64.b64decode(found[1])).decode()


def data_of(html: str) -> Any:
    """Return the data of a page."""
    return json.loads(unpacked(html, "data"))


def document_of(arms: int) -> dict[str, Any]:
    """Return an ablation file with so many arms."""
    return {**DOCUMENT, "factors": {"arm": {str(place): {} for place in range(arms)}}}


def write_tables(
    folder: Path, *, arms: int, seeds: int, steps: int, metrics: int = len(TRAINING)
) -> None:
    """Write tables of invented runs: a page is made from these, whatever made them."""
    folder.mkdir(parents=True, exist_ok=True)
    runs = pd.DataFrame(
        [
            {"run_id": f"arm={a}-s{s}-x", "arm": f"arm={a}", "seed": s, "is_included": True}
            for a in range(arms)
            for s in range(seeds)
        ]
    )
    write_plainly(runs, folder / "runs.parquet")
    rng = np.random.default_rng(0)
    names = [column.name for column in TRAINING][:metrics]
    count = len(runs) * steps
    value_MN = 0.5 + np.cumsum(rng.normal(size=(metrics, len(runs), steps)), axis=2) / 50
    frame = pd.DataFrame(
        {
            "run_id": _repeated(list(runs["run_id"]), steps, metrics),
            "arm": _repeated(list(runs["arm"]), steps, metrics),
            "seed": np.tile(np.repeat(runs["seed"].to_numpy(dtype="int16"), steps), metrics),
            "step": np.tile(np.arange(1, steps + 1, dtype="int32"), len(runs) * metrics),
            "metric": _repeated(names, count, 1),
            "value": value_MN.reshape(-1),
        }
    )
    write_plainly(frame, folder / "steps.parquet")
    write_plainly(_samples(runs), folder / "samples.parquet")
    (folder / "verdicts.json").write_text(json.dumps({"claims": []}))
    table = "| arm | reward |\n| --- | ---: |\n" + "".join(
        f"| arm={a} | 0.{a} |\n" for a in range(arms)
    )
    (folder / "REPORT.md").write_text(
        f"# Invented study\n\nAll of it is invented.\n\n## Arms at the end\n\n{table}"
    )


def write_plainly(frame: pd.DataFrame, path: Path) -> None:
    """Write a table without the compression of the real ones, which takes long."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    metadata = {"schema_version": str(SCHEMA_VERSION)}
    pq.write_table(table.replace_schema_metadata(metadata), path)


def _repeated(names: list[str], each: int, times: int) -> pd.Categorical[Any]:
    distinct = list(dict.fromkeys(names))
    codes = np.array([distinct.index(name) for name in names], dtype="int16")
    return pd.Categorical.from_codes(np.tile(np.repeat(codes, each), times), pd.Index(distinct))


def _samples(runs: pd.DataFrame) -> pd.DataFrame:
    text = "Let me think about it. Wait, that is wrong. " * 10
    rows = [
        {
            "row_id": f"{run['run_id']}/{step}/eval_easy/q{question}/0",
            "arm": run["arm"],
            "seed": run["seed"],
            "step": step,
            "split": "eval_easy",
            "question_id": f"q{question}",
            "sample": 0,
            "correct": question % 2,
            "format_ok": 1,
            "outcome": "correct" if question % 2 else "wrong",
            "finish_reason": "stop",
            "response_tokens": 300,
            "score": float(question % 2),
            "prompt": f"Question {question}: <b>what</b> is it?",
            "response": f"{text}<script>alert({question})</script>",
        }
        for run in runs.to_dict("records")
        for step in (0, 1000)
        for question in range(8)
    ]
    return pd.DataFrame(rows)
