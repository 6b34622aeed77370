"""Prepares a data set: Parquet files in veRL's schema, a manifest of hashes, and a card.

A directory gets its name when it is complete, and is never changed afterwards.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from harness.data.card import card
from harness.data.collecting import collect
from harness.data.entries import Duplicates, Entry
from harness.data.hub import Hub
from harness.data.manifest import CARD, MANIFEST, VERSION, check_same, read_manifest, write_manifest
from harness.data.rows import rows_hash, rows_of, write_parquet, write_records
from harness.data.sourcing import Source, fetched, file_hash, found_in, given
from harness.schema import UsageError
from harness.store.files import write_atomic
from harness.writing import take_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be prepared.

    Attributes:
        entry: the data set.
        evaluations: evaluation sets that lie beside a training set.
        source: the user's files and directories, joined by commas; "" is the hub.
        size: the first so many questions of a training set; None takes all.
        duplicates: None takes the entry's own.
        partial: take what there is, whatever was published.
        root: where prepared data sets lie.
        out: the directory to make.
        hub: what fetches.
    """

    entry: Entry
    evaluations: Sequence[Entry]
    source: str
    size: int | None
    duplicates: Duplicates | None
    partial: bool
    root: Path
    out: Path
    hub: Hub


class Outcome(NamedTuple):
    """What came of a task: the manifest, and whether it lay there already."""

    manifest: dict[str, Any]
    is_new: bool


def prepare(task: Task) -> Outcome:
    """Prepare a data set.

    Raises:
        UsageError: the source is not what it should be, an evaluation set is missing, other data
            lie in the directory, or it cannot be written.
        DamagedError: what lies there is damaged.
    """
    _check_evaluations(task)
    with _half(task.out) as half:
        files = {task.entry.parquet: _write(task, task.entry, _sources(task), half)}
        for entry in task.evaluations:
            files[entry.parquet] = _evaluation(task, entry, half)
        data = sorted(path.name for path in half.iterdir())
        manifest = {
            "version": VERSION,
            "dataset": task.entry.name,
            "size": task.size,
            "sha256": {name: file_hash(half / name) for name in data},
            "files": files,
            "written_with": {"pyarrow": version("pyarrow")},
        }
        if task.out.exists() and any(task.out.iterdir()):
            check_same(task.out, manifest)
            return Outcome(read_manifest(task.out), is_new=False)
        write_manifest(half, manifest)
        write_atomic(half / CARD, card(manifest))
        return Outcome(manifest, is_new=_name(half, task.out, manifest))


def _name(half: Path, final: Path, manifest: dict[str, Any]) -> bool:
    """Give a complete directory its name; False if another process was faster with the same."""
    try:
        take_name(half, final)
    except OSError:
        if not (final / MANIFEST).is_file():
            raise
        check_same(final, manifest)
        return False
    return True


def _sources(task: Task) -> list[Source]:
    return given(task.entry, task.source) if task.source else fetched(task.entry, task.hub)


def _check_evaluations(task: Task) -> None:
    """Check that each evaluation set can be had, before a large training set is read."""
    missing = [entry.name for entry in task.evaluations if not _can_be_had(task, entry)]
    if missing:
        raise UsageError(
            f"{task.entry.name} needs its evaluation sets, neither in {task.source} nor prepared"
            f" are {', '.join(missing)}: prepare each first (python -m harness.data prepare"
            f" dataset={missing[0]} from=<file>), give a directory that has all, or choose by eval="
        )


def _can_be_had(task: Task, entry: Entry) -> bool:
    return bool(
        not task.source or _beside(task, entry) or (task.root / entry.name / entry.parquet).exists()
    )


def _beside(task: Task, entry: Entry) -> list[Path]:
    """Return files of an evaluation set in the directories that the user gave."""
    directories = [Path(text) for text in task.source.split(",") if text and Path(text).is_dir()]
    return [file for directory in directories for file in found_in(entry, directory)]


def _evaluation(task: Task, entry: Entry, half: Path) -> dict[str, Any]:
    files = _beside(task, entry) if task.source else []
    if files:
        return _write(task, entry, [Source(tuple(files))], half)
    prepared = task.root / entry.name
    if prepared.is_dir():
        stated = read_manifest(prepared)
        check_same(prepared, stated)
        shutil.copyfile(prepared / entry.parquet, half / entry.parquet)
        record: dict[str, Any] = stated["files"][entry.parquet]
        return {key: value for key, value in record.items() if key != "records_file"}
    return _write(task, entry, fetched(entry, task.hub), half)


def _write(task: Task, entry: Entry, sources: Sequence[Source], half: Path) -> dict[str, Any]:
    """Write the files of one set; return what the manifest says of it."""
    is_main = entry is task.entry
    duplicates = (task.duplicates if is_main else None) or entry.duplicates
    files = [file for source in sources for file in source.files]
    found = collect(entry, files, duplicates=duplicates, partial=task.partial)
    rows = rows_of(entry, found.placed)
    if is_main and task.size is not None:
        if task.size > len(rows):
            raise UsageError(
                f"size={task.size} is more than {entry.name} has: expected 1 to {len(rows)}"
            )
        rows = rows[: task.size]
    write_parquet(half / entry.parquet, rows)
    record = {
        "dataset": entry.name,
        "rows": len(rows),
        "rows_sha256": rows_hash(rows),
        "of": {"records": found.records, "repeats": found.repeats, "conflicts": found.conflicts},
        "duplicates": duplicates,
        "languages": _languages(rows),
        "forms": list(found.forms),
        "is_complete": found.is_complete,
        "sources": [source.record() for source in sources],
    }
    if entry.keeps_records and is_main:
        record["records_file"] = f"{entry.split}.jsonl"
        write_records(half / f"{entry.split}.jsonl", (one.record for one in found.placed))
    return record


def _languages(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    found = [row["extra_info"]["language"] for row in rows]
    return {name: found.count(name) for name in sorted(set(found))}


@contextmanager
def _half(final: Path) -> Iterator[Path]:
    """Give a directory beside the final one, which is gone afterwards unless it was renamed."""
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        # beside the final one: a rename is atomic within one file system only
        half = Path(tempfile.mkdtemp(prefix=".half-", dir=final.parent))
    except OSError as error:
        raise _unwritable(final, error) from error
    try:
        yield half
    except OSError as error:
        raise _unwritable(final, error) from error
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _unwritable(final: Path, error: OSError) -> UsageError:
    return UsageError(
        f"cannot write {final}: {error.strerror}; free space, or give out=<writable directory>"
    )
