"""The manifest of a prepared data set, and what its files must be by it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.data.entries import find_entry
from harness.data.rows import prompt_of, rows_hash, schema
from harness.data.sourcing import file_hash
from harness.micro.dataset import question_id
from harness.schema import DamagedError, UsageError
from harness.store.files import read_json, write_json
from harness.untrusted.files import Refused
from harness.untrusted.tables import read_parquet_rows

MANIFEST = "manifest.json"
CARD = "CARD.md"
VERSION = 1
_KEYS = ("dataset", "size", "sha256", "files")


def write_manifest(directory: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of a directory."""
    write_json(directory / MANIFEST, manifest)


def read_manifest(directory: Path) -> dict[str, Any]:
    """Read the manifest of a prepared data set.

    Raises:
        UsageError: nothing is prepared there.
        DamagedError: it is none.
    """
    path = directory / MANIFEST
    if not path.is_file():
        raise UsageError(f"no data set is prepared in {directory}: expected {MANIFEST} in it")
    document = read_json(path)
    if not isinstance(document, dict) or document.get("version") != VERSION:
        found = document.get("version") if isinstance(document, dict) else type(document).__name__
        raise DamagedError(f"{path} has version {found}, expected {VERSION}: prepare it again")
    lacking = [key for key in _KEYS if key not in document]
    if lacking:
        raise DamagedError(f"{path} lacks {lacking[0]}: prepare the data set again")
    return document


def check_same(directory: Path, manifest: Mapping[str, Any]) -> None:
    """Check that a prepared directory holds what a manifest says, undamaged.

    Raises:
        UsageError: it holds other data, or something that is no data set.
        DamagedError: a file is not what it was.
    """
    remedy = "move it away, or give out=<another directory>"
    if not (directory / MANIFEST).is_file():
        raise UsageError(f"{directory} holds something else than a prepared data set: {remedy}")
    stated = read_manifest(directory)
    _check_hashes(directory, stated)
    for name in {**stated["files"], **manifest["files"]}:
        here, wanted = (_rows_hash(one, name) for one in (stated, manifest))
        if here != wanted:
            raise UsageError(
                f"{directory} holds another {name}: found rows {here[:12]}, expected"
                f" {wanted[:12]}; {remedy}"
            )


def verify(directory: Path) -> dict[str, Any]:
    """Check everything that a prepared data set states of itself; return its manifest.

    Raises:
        UsageError: nothing is prepared there.
        DamagedError: a hash, the schema, a count, a prompt, an id or the order is wrong.
    """
    manifest = read_manifest(directory)
    _check_hashes(directory, manifest)
    for name, stated in manifest["files"].items():
        _verify_rows(directory / name, stated)
    return manifest


def _check_hashes(directory: Path, manifest: Mapping[str, Any]) -> None:
    for name, expected in manifest["sha256"].items():
        path = directory / name
        found = file_hash(path) if path.is_file() else "no file"
        if found != expected:
            raise DamagedError(
                f"{path} is damaged: found sha256 {found}, expected {expected}; move {directory}"
                " away and prepare it again"
            )


def _verify_rows(path: Path, stated: Mapping[str, Any]) -> None:
    def check(found: Any) -> None:
        if found != schema():
            raise DamagedError(
                f"{path} has another schema than this version writes: prepare it again"
            )

    try:
        rows = read_parquet_rows(path, check=check)
    except Refused as error:
        raise DamagedError(f"{path} {error}: prepare it again") from error
    found, expected = (len(rows), rows_hash(rows)), (stated["rows"], stated["rows_sha256"])
    if found != expected:
        raise DamagedError(f"{path} holds rows {found}, its manifest says {expected}")
    entry = find_entry(stated["dataset"])
    for number, row in enumerate(rows):
        problem = row["extra_info"]["problem"]
        if row["prompt"][0]["content"] != prompt_of(entry, problem):
            raise DamagedError(f"row {number} of {path} is not in the template {entry.template}")
        if row["extra_info"]["question_id"].partition("-")[0] != question_id(problem):
            raise DamagedError(f"row {number} of {path} has an id that is not its question's")
    ids = [row["extra_info"]["question_id"].partition("-")[0] for row in rows]
    # ids begin with the hash that orders them
    if entry.use == "training" and ids != sorted(ids):
        raise DamagedError(f"{path} is not in the order of its ids: smaller sets are no part of it")


def _rows_hash(manifest: Mapping[str, Any], name: str) -> str:
    return str(manifest["files"].get(name, {}).get("rows_sha256", "no such file"))
