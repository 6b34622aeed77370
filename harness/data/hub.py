"""Files of the Hugging Face hub at one commit; its library is imported when it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple, Protocol

from harness.data.entries import Entry, HubFiles
from harness.schema import UsageError


class Snapshot(NamedTuple):
    """A repository at a commit: the commit and the names of its files."""

    commit: str
    files: tuple[str, ...]


class Hub(Protocol):
    """What is asked of a hub."""

    def snapshot(self, repository: str, revision: str | None) -> Snapshot:
        """Return a repository at a revision; None is the newest."""

    def fetch(self, repository: str, name: str, commit: str) -> Path:
        """Return a file of a repository at a commit, on this machine."""


class Fetched(NamedTuple):
    """What was fetched: the files in order, and the commit that they are of."""

    files: tuple[Path, ...]
    commit: str


class HuggingFaceHub:
    """The public hub, through its own client, with its cache and its login."""

    def snapshot(self, repository: str, revision: str | None) -> Snapshot:
        """Return a repository at a revision; see `Hub`.

        Raises:
            UsageError: the hub cannot be reached, or does not give it.
        """
        with _told(repository):
            from huggingface_hub import HfApi

            info = HfApi().dataset_info(repository, revision=revision)
        return Snapshot(str(info.sha), tuple(file.rfilename for file in info.siblings or ()))

    def fetch(self, repository: str, name: str, commit: str) -> Path:
        """Return a file; see `Hub`.

        Raises:
            UsageError: the hub cannot be reached, or does not give it.
        """
        with _told(repository):
            from huggingface_hub import hf_hub_download

            return Path(hf_hub_download(repository, name, repo_type="dataset", revision=commit))


def fetch(entry: Entry, hub: Hub) -> Fetched:
    """Fetch the files of a data set, at the revision that its entry names.

    Raises:
        UsageError: it is not on the hub, cannot be fetched, or has none of the files there.
    """
    if entry.hub is None:
        raise UsageError(
            f"{entry.name} is not on the hub ({entry.elsewhere}): give from=<file or directory>"
        )
    snapshot = hub.snapshot(entry.hub.repository, entry.hub.revision)
    names = _matching(entry.hub, snapshot)
    files = tuple(hub.fetch(entry.hub.repository, name, snapshot.commit) for name in names)
    return Fetched(files, snapshot.commit)


def _matching(wanted: HubFiles, snapshot: Snapshot) -> list[str]:
    for pattern in wanted.files:
        names = sorted(name for name in snapshot.files if fnmatch(name, pattern))
        if names:
            return names
    raise UsageError(
        f"{wanted.repository} has no file {' or '.join(wanted.files)} at {snapshot.commit}, found"
        f" {', '.join(snapshot.files) or 'none'}: correct `files` of its entry, or give from="
    )


@contextmanager
def _told(repository: str) -> Iterator[None]:
    """Turn the errors of the client into one sentence each."""
    try:
        from huggingface_hub import errors
    except ModuleNotFoundError as error:
        raise UsageError(
            "huggingface_hub is not installed, which fetches from the hub: run `make setup`, or"
            " give from=<file or directory>"
        ) from error
    # of the client's HTTP library, which is another one from release to release
    transport: type[Exception] = getattr(errors, "HTTPError", OSError)
    remedy = "or give from=<file or directory> (`show` says which)"
    page = f"https://huggingface.co/datasets/{repository}"
    try:
        yield
    except errors.GatedRepoError as error:
        raise UsageError(
            f"{repository} is gated: accept its terms at {page} and run `hf auth login`, {remedy}"
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise UsageError(
            f"the hub does not give {repository} ({type(error).__name__}): look at {page}, {remedy}"
        ) from error
    except (OSError, transport) as error:
        raise UsageError(
            f"{repository} cannot be fetched, the hub is not reached ({type(error).__name__}): try"
            f" again where it is, {remedy}"
        ) from error
