"""Spec and record as documents: spec.yaml and record.json, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from harness.schema import (
    SCHEMA_VERSION,
    Attempt,
    CellSpec,
    DamagedError,
    Inputs,
    RunRecord,
    Status,
    UsageError,
)
from harness.store.files import read_json
from harness.store.forms import ANY, misfit, shown
from harness.untrusted.files import Refused, read_bytes
from harness.untrusted.yaml_text import MOST_YAML_BYTES, parse_yaml

SPEC_FILE = "spec.yaml"
RECORD_FILE = "record.json"

_CELL = {"cell_id": str, "arm": str, "seed": int, "ablation": str, "scale": str}
_SPEC: Any = {
    **_CELL,
    "levels": {str: str},
    "config": {str: ANY},
    "inputs": {"data": str, "model": str, "sources": {str: str}, "versions": {str: str}},
}
_ATTEMPT: Any = {
    "number": int,
    "status": str,
    **dict.fromkeys(("reason?", "started?"), str),
    "ended?": (str, None),
    **dict.fromkeys(("last_step?", "exit_code?", "resumed_from?"), (int, None)),
    "torn_lines?": int,
}
_RECORD: Any = {
    **_CELL,
    "status": str,
    "reason?": str,
    "attempts": [_ATTEMPT],
    "seeds?": {str: int},
    "provenance?": {str: ANY},
    "evaluation_rows?": {str: int},
}


def spec_document(spec: CellSpec) -> dict[str, Any]:
    """Return the document of spec.yaml: the spec, its id and the version of the schema."""
    return {
        "schema_version": SCHEMA_VERSION,
        "cell_id": spec.cell_id,
        "arm": spec.arm,
        **_plain(asdict(spec)),
    }


def spec_text(spec: CellSpec) -> str:
    """Return the text of spec.yaml."""
    return yaml.safe_dump(spec_document(spec), sort_keys=False, width=100)


def read_spec(path: Path) -> dict[str, Any]:
    """Return the document of a spec.yaml.

    Raises:
        DamagedError: it cannot be read.
        UsageError: it has another version of the schema.
    """
    try:
        document = parse_yaml(read_bytes(path, MOST_YAML_BYTES))
    except (OSError, Refused) as error:
        why = error.strerror if isinstance(error, OSError) else f"it {error}"
        raise DamagedError(
            f"{path} cannot be read ({why}): move its directory away, and the cell runs again"
        ) from error
    check_version(path, document)
    fault = misfit(document, _SPEC, "spec")
    if fault:
        raise DamagedError(
            f"{path} is not a spec ({fault}): move its directory away, and the cell runs again"
        )
    return dict(document)


def spec_from(document: Mapping[str, Any]) -> CellSpec:
    """Return the spec of a spec.yaml document."""
    return CellSpec(
        scale=document["scale"],
        ablation=document["ablation"],
        levels=document["levels"],
        seed=document["seed"],
        config=document["config"],
        inputs=Inputs(**document["inputs"]),
    )


def record_document(record: RunRecord) -> dict[str, Any]:
    """Return the document of record.json."""
    return asdict(record)


def read_record(path: Path) -> RunRecord:
    """Return the record of a record.json.

    Raises:
        DamagedError: it cannot be read, or holds something else.
        UsageError: it has another version of the schema.
    """
    document = read_json(path)
    check_version(path, document)
    try:
        fault = misfit(document, _RECORD, "record") or _unknown(document, RunRecord, "the record")
        if fault:
            raise ValueError(fault)
        attempts = [_attempt(item) for item in document["attempts"]]
        values = {**document, "attempts": attempts, "status": Status(document["status"])}
        return RunRecord(**values)
    except (TypeError, KeyError, ValueError) as error:
        raise DamagedError(
            f"{path} is not a record ({error}): move its directory away, and the cell runs again"
        ) from error


def check_version(path: Path, document: Any) -> None:
    """Refuse a file that another version of the suite wrote.

    Raises:
        UsageError: naming the file, both versions and the remedy.
    """
    found = document.get("schema_version") if isinstance(document, Mapping) else None
    if found != SCHEMA_VERSION:
        raise UsageError(
            f"{path} has schema version {shown(found)}, this version of the suite reads"
            f" {SCHEMA_VERSION}: move that results directory away, or give results_dir=<another>"
        )


def _attempt(item: Mapping[str, Any]) -> Attempt:
    fault = _unknown(item, Attempt, "an attempt")
    if fault:
        raise ValueError(fault)
    for time in filter(None, (item.get("started"), item.get("ended"))):
        datetime.fromisoformat(time)
    return Attempt(**{**item, "status": Status(item["status"])})


def _unknown(item: Mapping[str, Any], form: type[Attempt | RunRecord], name: str) -> str:
    # said by name: the error of the constructor would not tell where the key stands
    unknown = set(item) - {field.name for field in fields(form)}
    return f"unknown key {shown(min(unknown))} in {name}" if unknown else ""


def _plain(value: Any) -> Any:
    """Turn any mapping or sequence into what YAML writes without tags."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
