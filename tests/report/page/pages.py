"""Results of invented studies, of any size, that a page is made from."""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any

import numpy as np
import pandas as pd

from harness.metrics.columns import TRAINING
from harness.metrics.tables import Tables
from harness.report.health import COUNTS
from harness.report.results import Results, assemble
from harness.report.study import StudyRecord

DOCUMENT: dict[str, Any] = {
    "title": "Invented study",
    "question": "Do the numbers of a generator differ?",
    "source": "nowhere",
    "seeds": 1,
    "steps": 1,
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


def invented(*, arms: int, seeds: int, steps: int, metrics: int = len(TRAINING)) -> Results:
    """Return results of invented runs: a page is made from these, whatever made them."""
    names = [f"arm={place}" for place in range(arms)]
    runs = pd.DataFrame([_run(arm, seed, steps) for arm in names for seed in range(seeds)])
    tables = Tables(runs=runs, steps=_steps(runs, steps, metrics), samples=_samples(runs))
    study = StudyRecord(
        ablation="invented",
        scale="micro",
        label="",
        command="the command",
        protocol={
            "steps": steps,
            "evaluation": {"steps": [0, 1000], "questions": {}, "samples": 1},
            "arms": {arm: {"hash": "", "config": {}} for arm in names},
        },
        machines=[],
    )
    document = {**DOCUMENT, "factors": {"arm": {str(place): {} for place in range(arms)}}}
    return assemble(tables, study, document)


def _run(arm: str, seed: int, steps: int) -> dict[str, Any]:
    whole = {"status": "done", "reason": "", "is_included": True, "attempts": 1, "wall_s": 60.0}
    known = {"steps": steps, "last_step": steps, "rows_found": 16, "rows_expected": 16}
    code = {"commit": "a" * 40, "dirty": "no"}
    name = f"{arm}-s{seed}-x"
    run = {"row_id": name, "run_id": name, "arm": arm, "seed": seed}
    return {**run, **whole, **known, **code, **dict.fromkeys(COUNTS, 0)}


def _steps(runs: pd.DataFrame, steps: int, metrics: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = [column.name for column in TRAINING][:metrics]
    count = len(runs) * steps
    value_MN = 0.5 + np.cumsum(rng.normal(size=(metrics, len(runs), steps)), axis=2) / 50
    return pd.DataFrame(
        {
            "row_id": "",
            "run_id": _repeated(list(runs["run_id"]), steps, metrics),
            "arm": _repeated(list(runs["arm"]), steps, metrics),
            "seed": np.tile(np.repeat(runs["seed"].to_numpy(dtype="int16"), steps), metrics),
            "step": np.tile(np.arange(1, steps + 1, dtype="int32"), len(runs) * metrics),
            "metric": _repeated(names, count, 1),
            "value": value_MN.reshape(-1),
        }
    )


def _repeated(names: list[str], each: int, times: int) -> pd.Categorical[Any]:
    distinct = list(dict.fromkeys(names))
    codes = np.array([distinct.index(name) for name in names], dtype="int16")
    return pd.Categorical.from_codes(np.tile(np.repeat(codes, each), times), pd.Index(distinct))


def _samples(runs: pd.DataFrame) -> pd.DataFrame:
    text = "Let me think about it. Wait, that is wrong. " * 10
    rows = [
        {
            "row_id": f"{run['run_id']}/{step}/eval_easy/q{question}/0",
            "run_id": run["run_id"],
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
