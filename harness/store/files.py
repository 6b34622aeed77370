"""Files that are whole or not there, and streams whose last line may be torn."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from harness.schema import DamagedError, UsageError
from harness.untrusted.files import Refused, read_bytes
from harness.untrusted.json_text import NotJson, parse_json
from harness.writing import whole_file

MIB = 1 << 20


class Rows(NamedTuple):
    """A JSON-lines stream: its rows, and the number of torn last lines that were dropped."""

    rows: list[Any]
    torn: int


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file whole, as `harness.writing.whole_file`; its errors are the same."""
    data = content.encode() if isinstance(content, str) else content
    with whole_file(path) as half:
        half.write_bytes(data)


def write_json(path: Path, document: Any) -> None:
    """Write a JSON document atomically, readable, in its own key order."""
    write_atomic(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON document.

    Raises:
        DamagedError: it cannot be read.
    """
    try:
        return parse_json(read_bytes(path))
    except (OSError, Refused) as error:
        why = error.strerror if isinstance(error, OSError) else f"it {error}"
        raise DamagedError(
            f"{path} cannot be read ({why}): move its directory away, and the cell runs again"
        ) from error


def read_jsonl(path: Path) -> Rows:
    """Read a JSON-lines stream of another process, complete or cut off anywhere.

    Args:
        path: the stream; one that does not exist has no rows.

    Raises:
        DamagedError: a line other than the last one is not JSON.
    """
    if not path.exists():
        return Rows([], 0)
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    rows: list[Any] = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(parse_json(line, as_python=True))
        except Refused as error:
            if number == len(lines) and isinstance(error, NotJson):
                return Rows(rows, 1)
            raise DamagedError(
                f"line {number} of {path} {error}: remove the attempt's directory, and the cell"
                " runs again"
            ) from error
    return Rows(rows, 0)


def check_writable(directory: Path, needed_bytes: int) -> None:
    """Make a directory if it is not there, and check that it takes files.

    Args:
        directory: of the results.
        needed_bytes: free space that must be left on its disk.

    Raises:
        UsageError: it cannot be made or written, or its disk has too little space.
    """
    remedy = "give results_dir=<writable directory>"
    probe = directory / f".write-{os.getpid()}.tmp"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # tried, not asked: permissions do not tell of quotas or of read-only mounts
        probe.write_bytes(b"\n")
        probe.unlink()
        free = shutil.disk_usage(directory).free
    except OSError as error:
        raise UsageError(
            f"the results directory {directory} cannot be written: {error.strerror}; {remedy}"
        ) from error
    if free < needed_bytes:
        raise UsageError(
            f"the disk of the results directory {directory} has {free // MIB} MiB left,"
            f" {needed_bytes // MIB} MiB are needed: free space, or {remedy}"
        )
