"""The registry of data sets: what stands in `entries/<name>.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from harness.cli import suggest
from harness.schema import UsageError
from harness.typed import Form, Many, Text, read_form

FOLDER = Path(__file__).with_name("entries")

Use = Literal["training", "evaluation"]
Duplicates = Literal["refuse", "first", "keep"]


class HubFiles(Form):
    """Files of a data set's repository on the Hugging Face hub.

    Attributes:
        repository: owner/name.
        files: patterns; the first one that matches any file gives the files, by name.
        revision: commit; None until somebody fetched and wrote it down.
    """

    repository: str
    files: Many[str]
    revision: str | None


class Rows(Form):
    """How many questions a data set has: as its authors say it, and between which numbers it fits.

    Attributes:
        published: their words.
        least / most: None is no bound.
    """

    published: Text
    least: int | None = None
    most: int | None = None


class Entry(Form):
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
        rows: how many there are.
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
    forms: Many[str]
    template: Literal["orz", "none"]
    hub: HubFiles | None = None
    parts: Many[str] = ()
    local: Many[str] = ()
    elsewhere: str = ""
    rows: Rows
    languages: Many[str]
    licence: str
    licence_source: str
    citation: str
    duplicates: Duplicates
    is_confidential: bool = False
    keeps_records: bool = False
    notes: str = ""

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
    """Return name -> data set, training sets first; reads as `read_entry`."""
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
    """Read one file of the registry; `DamagedError` if it is not of the form."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return read_form(Entry, path, own={"name": path.stem, "summary": first.lstrip("# ")})
