"""The tidy tables of a study: runs, steps and samples; every row has a row_id that stays.

`runs`: one row per cell, failed ones with their reason. `steps`: one row per (run, step, metric),
training and evaluation. `samples`: one row per evaluated sample.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.metrics.columns import SAMPLE_FIELDS
from harness.metrics.evaluation import Samples, evaluation_plan, evaluation_values, read_samples
from harness.metrics.streams import RunFiles, Training, read_training
from harness.schema import SCHEMA_VERSION, DamagedError, RunRecord, computed_items, content_hash
from harness.untrusted.files import Refused
from harness.untrusted.tables import NUMBER, TEXT, TRUTH, WHOLE, column_fault, read_frame
from harness.writing import whole_file

_LEVEL, _FAST_LEVEL = 19, 3
"""Of zstd: the smallest files, and some that are hardly larger in a tenth of the time."""

_SMALL = 1 << 18
"""Rows of a table that is written as small as can be: those that are committed have fewer."""

RUN_KEYS = ("row_id", "run_id", "cell_id", "arm", "seed", "status", "reason", "is_included")
STEP_TYPES = {
    "row_id": "str",
    "run_id": "category",
    "arm": "category",
    "seed": "int16",
    "step": "int32",
    "metric": "category",
    "value": "float64",
}
SAMPLE_TYPES = {
    "row_id": "str",
    "run_id": "category",
    "arm": "category",
    "seed": "int16",
    "step": "int32",
    "split": "category",
    "question_id": "category",
    "sample": "int16",
    **{field.name: field.dtype for field in SAMPLE_FIELDS},
    "prompt": "str",
    "response": "str",
}


_RUN_KINDS = {"row_id": TEXT, "run_id": TEXT, "arm": TEXT, "seed": WHOLE}
_KINDS = {
    "runs": {
        **_RUN_KINDS,
        **dict.fromkeys(("cell_id", "status", "reason", "started", "commit", "dirty"), TEXT),
        **dict.fromkeys(("attempts", "steps"), WHOLE),
        "is_included": TRUTH,
    },
    "steps": {**_RUN_KINDS, "step": WHOLE, "metric": TEXT, "value": NUMBER},
    "samples": {
        **_RUN_KINDS,
        **dict.fromkeys(("split", "question_id"), TEXT),
        **dict.fromkeys(("step", "sample", "correct"), WHOLE),
    },
}
"""Table -> what its columns hold, of those that every version of the suite wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The three tables of a study; rows of failed runs are in all of them."""

    runs: pd.DataFrame
    steps: pd.DataFrame
    samples: pd.DataFrame


def build_tables(runs: Sequence[RunFiles]) -> Tables:
    """Read the streams of runs into tables.

    Raises:
        DamagedError: a stream is damaged elsewhere than in its last line, a sample appears twice,
            or a finished run lacks a required metric.
    """
    run_rows: list[dict[str, Any]] = []
    step_rows: list[dict[str, Any]] = []
    sample_rows: list[dict[str, Any]] = []
    for run in runs:
        training, samples = read_training(run), read_samples(run)
        run_rows.append(_run_row(run, training, samples))
        step_rows += _step_rows(run, training, _typed(samples.rows, SAMPLE_TYPES))
        sample_rows += samples.rows
    return Tables(
        runs=pd.DataFrame(run_rows) if run_rows else pd.DataFrame(columns=list(RUN_KEYS)),
        steps=_typed(step_rows, STEP_TYPES),
        samples=_typed(sample_rows, SAMPLE_TYPES),
    )


def protocol_hash(spec: Mapping[str, Any]) -> str:
    """Return the hash of what a run's numbers depend on besides seed, code and versions.

    Runs of one arm with different seeds share it; other steps, data or sizes change it.
    """
    inputs = spec["inputs"]
    return content_hash(
        {
            "config": dict(protocol_items(spec)),
            "data": inputs["data"],
            "model": inputs["model"],
        }
    )


def protocol_items(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flattened config of a run without what its training seed decides."""
    return {key: value for key, value in computed_items(spec["config"]) if not _is_seed(key)}


def write_parquet(
    frame: pd.DataFrame, path: Path, *, prefixed: Sequence[str] = ("row_id",)
) -> None:
    """Write a table, compact and the same bytes for the same rows.

    Args:
        frame: the rows.
        path: to write; its directory exists.
        prefixed: text columns whose neighbours share long prefixes, stored as differences.
    """
    table = pa.Table.from_pandas(frame, preserve_index=False)
    # without pandas' own metadata, which names versions: the bytes would change with them
    table = table.replace_schema_metadata({"schema_version": str(SCHEMA_VERSION)})
    shared = [name for name in prefixed if name in frame.columns]
    with whole_file(path) as half:
        pq.write_table(
            table,
            half,
            compression="zstd",
            compression_level=_LEVEL if table.num_rows <= _SMALL else _FAST_LEVEL,
            use_dictionary=[name for name in table.column_names if name not in shared],
            column_encoding=dict.fromkeys(shared, "DELTA_BYTE_ARRAY") or None,
        )


def read_study_table(folder: Path, name: str) -> pd.DataFrame:
    """Read one of the tables of a study, `runs`, `steps` or `samples`.

    Raises:
        DamagedError: as `read_parquet`, or it has not the columns of such a table.
    """
    return read_parquet(folder / f"{name}.parquet", _KINDS[name])


def read_parquet(path: Path, kinds: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read a table written by `write_parquet`.

    Args:
        path: of the table.
        kinds: columns that it must have, as `column_fault`; each row has a value of them.

    Raises:
        DamagedError: it is not there, not a table, of another schema version, or has not `kinds`.
    """
    kinds = kinds or {}

    def check(schema: pa.Schema) -> None:
        check_version(path, schema)
        fault = column_fault(schema, kinds)
        if fault:
            raise Refused(fault)

    try:
        frame = read_frame(path, check=check)
    except OSError as error:
        raise DamagedError(f"{path} cannot be read ({error.strerror}): write it again") from error
    except Refused as error:
        raise DamagedError(f"{path} {error}: write it again") from error
    for name, kind in kinds.items():
        if kind != NUMBER and frame[name].isna().any():
            raise DamagedError(f"{path} has a row without {name}: write it again")
    return frame


def check_version(path: Path, schema: pa.Schema) -> None:
    """Refuse a table that another version of the suite wrote, or another program.

    Raises:
        DamagedError: naming both versions.
    """
    version = (schema.metadata or {}).get(b"schema_version", b"none").decode(errors="replace")
    if version != str(SCHEMA_VERSION):
        raise DamagedError(
            f"{path} has schema version {version[:20]!a}, this suite reads {SCHEMA_VERSION}: write"
            " it again"
        )


def _run_row(run: RunFiles, training: Training, samples: Samples) -> dict[str, Any]:
    """Return the row of one cell in `runs`."""
    record, plan = run.record, evaluation_plan(run.spec)
    code = record.provenance.get("code", {})
    registered = record.provenance.get("registered") or {}
    found = len(samples.rows)
    return {
        "row_id": run.short_id,
        "run_id": run.run_id,
        "cell_id": record.cell_id,
        "ablation": record.ablation,
        "scale": record.scale,
        "arm": record.arm,
        "seed": record.seed,
        "status": str(record.status),
        "reason": record.reason,
        "is_included": run.is_done,
        "attempts": len(record.attempts),
        "steps": run.steps,
        "last_step": max((value.step for value in training.values), default=math.nan),
        "steps_missing": run.steps - len({v.step for v in training.values if v.step > 0}),
        "wall_s": _wall_seconds(record),
        "started": record.attempts[0].started if record.attempts else "",
        "rows_expected": plan.rows,
        "rows_found": found,
        "rows_missing": plan.rows - found,
        "rows_unscored": samples.unscored,
        "torn_lines": training.torn + samples.torn,
        "commit": code.get("commit", "absent"),
        "dirty": code.get("dirty", "absent"),
        "protocol": protocol_hash(run.spec),
        "registered": json.dumps(registered["rules"], sort_keys=True) if registered else "",
        "judge": registered.get("judge", ""),
    }


def _step_rows(run: RunFiles, training: Training, samples: pd.DataFrame) -> list[dict[str, Any]]:
    values = [*training.values, *evaluation_values(samples)]
    return [
        {
            "row_id": f"{run.short_id}/{step}/{metric}",
            "run_id": run.run_id,
            "arm": run.record.arm,
            "seed": run.record.seed,
            "step": step,
            "metric": metric,
            "value": value,
        }
        for step, metric, value in sorted(values, key=lambda item: (item[1], item[0]))
    ]


def _wall_seconds(record: RunRecord) -> float:
    """Return the seconds of all attempts that were seen to end; NaN if none was."""
    ended = [(a.started, a.ended) for a in record.attempts if a.started and a.ended]
    if not ended:
        return math.nan
    return sum(
        (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
        for start, end in ended
        if end is not None
    )


def _is_seed(key: str) -> bool:
    """Tell whether the training seed decides the value of a dotted config key."""
    last = key.rpartition(".")[2]
    return key.startswith("environment.HARNESS_SEED") or (
        key.startswith("verl.") and (last == "seed" or last.endswith("_seed"))
    )


def _typed(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> pd.DataFrame:
    """Return rows as a frame with exactly the stated columns and types, also if there are none."""
    frame = pd.DataFrame(list(rows), columns=list(types))
    try:
        return frame.astype(dict(types))
    except (TypeError, ValueError) as error:
        raise DamagedError(f"a table has a value of the wrong type: {error}") from error
