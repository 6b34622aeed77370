"""The history of a checkout, read from git once and kept: commits, trees, and all that was stored.

Nothing here is believed that the repository's own objects do not show: replaced objects and grafts
are switched off, variables that point git elsewhere are taken away, and nothing is fetched.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

_TIMEOUT_S = 120


class Commit(NamedTuple):
    """A commit: its parents, and the date that it states of itself (seconds since 1970, UTC)."""

    parents: tuple[str, ...]
    time: int

    @property
    def date(self) -> str:
        """The date as ISO 8601."""
        return datetime.fromtimestamp(self.time, UTC).isoformat()


class History:
    """What git can show of one checkout; every object is read once.

    Args:
        root: the top of the checkout. Without git, or without a repository that begins there, the
            history is empty.
    """

    def __init__(self, root: Path) -> None:
        """Read the names of all commits up to the one that is checked out."""
        self.root = root.resolve()
        shallow = self._git("rev-parse", "--is-shallow-repository")
        self.is_shallow = shallow is not None and shallow.strip() == b"true"
        self.commits: Mapping[str, Commit] = dict(_commits(self._git(*_ALL) or b""))
        self._blobs: dict[str, bytes | None] = {}
        self._made: dict[Hashable, Any] = {}
        self._listings: dict[tuple[str, ...], dict[str, list[str]] | None] = {}

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """Keep what is made of this history under a key: it is made once."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    @property
    def is_here(self) -> bool:
        """Whether there is any history."""
        return bool(self.commits)

    def has(self, commit: str) -> bool:
        """Tell whether a commit is in the repository at all, on whatever branch or on none."""
        return _is_id(commit) and self._git("cat-file", "-e", f"{commit}^{{commit}}") is not None

    def tree(self, commit: str, folder: str) -> dict[str, bytes] | None:
        """Read the files that lie directly in a folder of a commit.

        Args:
            commit: full id.
            folder: path from the root, without a slash at its end.

        Returns:
            Path -> content; None if the commit or one of the files is not here.
        """
        key = ("tree", commit, folder)
        if key not in self._listings:
            # -z: otherwise git quotes paths with other characters than ASCII
            listing = ("ls-tree", "-z", "--full-tree", commit, f"{folder}/")
            listed = self._git(*listing) if _is_id(commit) else None
            self._listings[key] = None if listed is None else _tree_blobs(listed)
        return self._contents(self._listings[key])

    def stored(
        self, commit: str, folders: Sequence[str], names: Sequence[str]
    ) -> Iterator[tuple[str, bytes | None]]:
        """Yield (path, content) of every version of files that a commit's history ever held.

        Args:
            commit: full id; its own tree and those of all its ancestors are looked through.
            folders: paths from the root.
            names: of the files below them.

        Yields:
            One pair per version, also of what was deleted since; the content is None where it is
            not here.
        """
        key = ("stored", commit, *folders, *names)
        if key not in self._listings:
            # without --full-history git follows only the parent that a merge agrees with, and
            # misses a version that was only ever on the other side
            listed = self._git("rev-list", "--objects", "--full-history", commit, "--", *folders)
            self._listings[key] = None if listed is None else _walked_blobs(listed, names)
        listing = self._listings[key]
        if listing is None:
            yield f"the history of {commit[:12]}", None
            return
        self._load(blob for blobs in listing.values() for blob in blobs)
        for path, blobs in listing.items():
            for blob in blobs:
                yield path, self._blobs[blob]

    def _contents(self, listing: Mapping[str, Sequence[str]] | None) -> dict[str, bytes] | None:
        if listing is None:
            return None
        self._load(blob for blobs in listing.values() for blob in blobs)
        found = {path: self._blobs[blobs[0]] for path, blobs in listing.items()}
        whole = {path: content for path, content in found.items() if content is not None}
        return whole if len(whole) == len(found) else None

    def _load(self, blobs: Iterable[str]) -> None:
        """Read blobs that were not read yet, all by one process."""
        new = list(dict.fromkeys(blob for blob in blobs if blob not in self._blobs))
        if not new:
            return
        # None first: what git does not have is not asked for a second time
        self._blobs |= dict.fromkeys(new)
        out = self._git("cat-file", "--batch", given="".join(f"{blob}\n" for blob in new).encode())
        self._blobs |= dict(_batch(out or b""))

    def _git(self, *arguments: str, given: bytes = b"") -> bytes | None:
        try:
            done = subprocess.run(
                ["git", "--no-replace-objects", "-C", str(self.root), *arguments],
                input=given,
                capture_output=True,
                check=True,
                timeout=_TIMEOUT_S,
                env=_environment(self.root),
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout


_ALL = ("rev-list", "--timestamp", "--parents", "HEAD")


def _is_id(commit: str) -> bool:
    """Tell whether a text is the full id of a commit: anything else git may read as an option."""
    return re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit) is not None


def _environment(root: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {
        **kept,
        # an export that lies inside another checkout has no history of its own
        "GIT_CEILING_DIRECTORIES": str(root.parent),
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_NO_LAZY_FETCH": "1",
    }


def _commits(log: bytes) -> Iterator[tuple[str, Commit]]:
    for line in log.decode().splitlines():
        time, name, *parents = line.split()
        yield name, Commit(tuple(parents), int(time))


def _tree_blobs(listed: bytes) -> dict[str, list[str]]:
    found = {}
    for entry in listed.decode(errors="surrogateescape").split("\0"):
        about, _, path = entry.partition("\t")
        if " blob " in about:
            found[path] = [about.split()[2]]
    return found


def _walked_blobs(listed: bytes, names: Sequence[str]) -> dict[str, list[str]]:
    """Return path -> ids of the objects of these names, of all that `rev-list --objects` walked."""
    found: dict[str, list[str]] = {}
    for line in listed.decode(errors="surrogateescape").splitlines():
        blob, _, path = line.partition(" ")
        if path.rpartition("/")[2] in names:
            found.setdefault(path, []).append(blob)
    return found


def _batch(out: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (id, content) of what `git cat-file --batch` printed; what is missing is left out."""
    place = 0
    while place < len(out):
        end = out.index(b"\n", place)
        name, kind, *size = out[place:end].decode().split()
        place = end + 1
        if kind == "missing":
            continue
        length = int(size[0])
        yield name, out[place : place + length]
        place += length + 1
