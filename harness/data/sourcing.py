"""Where the files of a data set are: given by the user, found in a directory, or on the hub."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.data.entries import Entry, find_entry
from harness.data.hub import Hub, fetch
from harness.schema import UsageError


class Source(NamedTuple):
    """Files of one origin: the repository and commit of the hub, or "" and "" for the user's."""

    files: tuple[Path, ...]
    repository: str = ""
    commit: str = ""

    def record(self) -> dict[str, Any]:
        """Return its entry of a manifest: names, sizes and hashes, and no paths."""
        return {
            "repository": self.repository or None,
            "commit": self.commit or None,
            "files": [
                {"name": p.name, "bytes": p.stat().st_size, "sha256": file_hash(p)}
                for p in self.files
            ],
        }


def fetched(entry: Entry, hub: Hub) -> list[Source]:
    """Return the files of a data set on the hub, of each of its parts.

    Raises:
        UsageError: they cannot be fetched.
    """
    sources = []
    for part in parts_of(entry):
        got = fetch(part, hub)
        sources.append(Source(got.files, part.hub.repository if part.hub else "", got.commit))
    return sources


def given(entry: Entry, text: str) -> list[Source]:
    """Return the files that the user gave for a data set.

    Args:
        entry: the data set.
        text: files and directories, joined by commas; in a directory the names of the entry are
            looked for.

    Raises:
        UsageError: one is not there, or a directory has none of the names.
    """
    paths = [Path(path) for path in text.split(",") if path]
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += [file for part in parts_of(entry) for file in _needed_in(part, path)]
        elif path.is_file():
            files.append(path)
        else:
            raise UsageError(f"{path} is not there: give from=<file or directory>")
    return [Source(tuple(files))]


def found_in(entry: Entry, directory: Path) -> list[Path]:
    """Return the files of a data set below a directory, by the first name that is there.

    Raises:
        UsageError: a name without wildcards is there more than once.
    """
    for pattern in entry.local:
        files = sorted(directory.rglob(pattern))
        if len(files) > 1 and "*" not in pattern:
            raise UsageError(
                f"{directory} has {pattern} {len(files)} times, in {files[0].parent} and in"
                f" {files[1].parent}: give from=<one of them>"
            )
        if files:
            return files
    return []


def _needed_in(entry: Entry, directory: Path) -> list[Path]:
    found = found_in(entry, directory)
    if not found:
        raise UsageError(
            f"{directory} has no file of {entry.name}: expected"
            f" {' or '.join(entry.local) or 'none by name'} in it; give from=<file>"
        )
    return found


def parts_of(entry: Entry) -> Sequence[Entry]:
    """Return the data sets that one is made of: itself if it is no mixture."""
    return [find_entry(name) for name in entry.parts] or [entry]


def file_hash(path: Path) -> str:
    """Return the sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
