"""What the command line prints: tables of the registry and of what was prepared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.data.card import facts
from harness.data.entries import Entry, entries
from harness.text import NOTHING, paragraphs, plain_table


def registry_table(prepared: Mapping[str, Sequence[str]]) -> str:
    """Return the table of all data sets.

    Args:
        prepared: name of a data set -> its directories on this machine.
    """
    rows = [
        [entry.name, entry.use, entry.rows.published, entry.licence, _ready(found)]
        for entry, found in ((entries()[name], found) for name, found in prepared.items())
    ]
    return plain_table(["data set", "use", "questions", "licence", "prepared"], rows)


def entry_text(entry: Entry, prepared: Sequence[str]) -> str:
    """Return the facts on a data set, and its directories on this machine."""
    lines = [("prepared", _ready(prepared)), *facts(entry)]
    width = max(len(what) for what, _ in lines)
    known = "\n".join(f"  {what:<{width}}  {text}" for what, text in lines)
    return paragraphs(f"{entry.title}: {entry.summary}", known, entry.notes.strip())


def prepared_table(manifest: Mapping[str, Any]) -> str:
    """Return the table of the files of a prepared data set."""
    rows = [
        [
            name,
            f"{one['rows']:,}",
            f"{one['of']['records']:,}",
            f"{one['of']['repeats']:,}",
            ", ".join(f"{count:,} {language}" for language, count in one["languages"].items()),
        ]
        for name, one in manifest["files"].items()
    ]
    return plain_table(["file", "rows", "records", "repeated", "languages"], rows)


def incomplete_lines(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield which files are not the published sets, as partial=true lets them be."""
    for name, one in manifest["files"].items():
        if not one["is_complete"]:
            published = entries()[one["dataset"]].rows.published
            yield (
                f"{name} is not the published set of {one['dataset']}: {one['of']['records']:,}"
                f" records, {published} as published"
            )


def revision_lines(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield what to write down after a fetch at a revision that no entry names yet."""
    by_repository = {entry.hub.repository: entry for entry in entries().values() if entry.hub}
    for one in manifest["files"].values():
        for source in one["sources"]:
            entry = by_repository.get(source["repository"])
            if entry and entry.hub and entry.hub.revision is None:
                yield (
                    f"write `revision: {source['commit']}` into {entry.path}: it was null, and the"
                    f" next fetch may find other data in {source['repository']}"
                )


def _ready(directories: Sequence[str]) -> str:
    return ", ".join(directories) or NOTHING
