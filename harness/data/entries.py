"""The registry of data sets: what stands in `entries/<name>.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from harness.cli import suggest
from harness.schema import DamagedError, UsageError

FOLDER = Path(__file__).with_name("entries")

Use = Literal["training", "evaluation"]
Duplicates = Literal["refuse", "first", "keep"]
DUPLICATES: tuple[Duplicates, ...] = ("refuse", "first", "keep")

_CLOSED = {
    "use": ("training", "evaluation"),
    "template": ("orz", "none"),
    "duplicates": DUPLICATES,
}
_SAID = {"published", "least", "most"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFiles:
    """Files of a data set's repository on the Hugging Face hub.

    Attributes:
        repository: owner/name.
        files: patterns; the first one that matches any file gives the files, by name.
        revision: commit; None until somebody fetched and wrote it down.
    """

    repository: str
    files: tuple[str, ...]
    revision: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A data set.

    Attributes:
        name: of the file, without its ending.
        title: as shown.
        summary: its first comment.
        use: a training set is what `dataset=` chooses; an evaluation set is a file beside it.
        split: stem of the Parquet file, and what results call the set.
        forms: modules of `harness.data.forms`, tried in this order.
        template: "orz" puts each question into the authors' prompt, "none" leaves it alone.
        hub: where it is fetched from, None if it is not there.
        parts: names of the data sets that it is made of, in order.
        local: patterns of file names that are looked for in a directory that a user gives.
        elsewhere: where else to get it, for people.
        rows: "published" as its authors say it, and the "least" and "most" that fit.
        languages: those that must occur, "en" or "zh".
        licence, licence_source, citation, notes: for the card.
        duplicates: what happens to repeated questions unless the user says otherwise.
        is_confidential: its questions are not shown in reports.
        keeps_records: the records as they came lie beside the Parquet file, as JSON lines.
    """

    name: str
    title: str
    summary: str
    use: Use
    split: str = "train"
    forms: tuple[str, ...]
    template: Literal["orz", "none"]
    hub: HubFiles | None = None
    parts: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    elsewhere: str = ""
    rows: Mapping[str, Any]
    languages: tuple[str, ...]
    licence: str
    licence_source: str
    citation: str
    duplicates: Duplicates
    is_confidential: bool = False
    keeps_records: bool = False
    notes: str = field(default="")

    @property
    def parquet(self) -> str:
        """Name of its Parquet file."""
        return f"{self.split}.parquet"

    @property
    def path(self) -> str:
        """Its registry file, from the root of the checkout."""
        return f"harness/data/entries/{self.name}.yaml"


@cache
def entries() -> Mapping[str, Entry]:
    """Return name -> data set, training sets first.

    Raises:
        DamagedError: a file of the registry is wrong.
    """
    found = [read_entry(path) for path in sorted(FOLDER.glob("*.yaml"))]
    return {e.name: e for e in sorted(found, key=lambda e: e.use != "training")}


def find_entry(name: str) -> Entry:
    """Return a data set by name.

    Raises:
        UsageError: there is none of this name.
    """
    known = entries()
    if name not in known:
        raise UsageError(f"unknown data set {name!r}: {suggest(name, known)} (`list` shows all)")
    return known[name]


def read_entry(path: Path) -> Entry:
    """Read one file of the registry.

    Raises:
        DamagedError: a field is missing, unknown, or has none of its values.
    """
    text = path.read_text()
    document = yaml.safe_load(text)
    known = {f.name for f in fields(Entry)} - {"name", "summary"}
    wrong = sorted(set(document) - known) or sorted(_NEEDED - set(document))
    if wrong:
        raise DamagedError(f"{path} lacks or misnames {wrong[0]}: known are {', '.join(known)}")
    for key, allowed in _CLOSED.items():
        if document[key] not in allowed:
            raise DamagedError(f"{path} has {key} {document[key]!r}: expected one of {allowed}")
    if "published" not in document["rows"] or set(document["rows"]) - _SAID:
        raise DamagedError(f"{path} misnames a key of rows: expected {', '.join(sorted(_SAID))}")
    lists = {k: tuple(v) for k, v in document.items() if isinstance(v, list)}
    hub = document.get("hub")
    return Entry(
        **{
            **document,
            **lists,
            "name": path.stem,
            "summary": text.partition("\n")[0].lstrip("# "),
            "hub": HubFiles(**{**hub, "files": tuple(hub["files"])}) if hub else None,
        }
    )


_NEEDED = {
    *("title", "use", "forms", "template", "rows", "languages"),
    *("licence", "licence_source", "citation", "duplicates"),
}
