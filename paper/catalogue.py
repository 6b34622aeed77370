"""Every id that can be built: figures and tables of the paper, and figures of our own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pkgutil import iter_modules

from harness.schema import DamagedError, UsageError
from paper import own
from paper.inputs import Inputs
from paper.layout import FigureSpec, find_id, read_figures
from paper.product import Product
from paper.published import make_figure
from paper.tabulate import TableSpec, make_table, read_tables

Make = Callable[[Inputs], Product]

_UNSEEN = "version 2 was at hand as text only, and what it draws is not known"
ABSENT: Mapping[str, tuple[str, str]] = {
    "fig3": ("v1 Fig. 3", "a listing of code, no data"),
    "v2fig1": ("v2 Fig. 1", _UNSEEN),
    "v2fig2": ("v2 Fig. 2", _UNSEEN),
    "v0fig6": (
        "v0 Fig. 6 and other figures of v0",
        "no coordinates were read; v0 Fig. 2 alone was",
    ),
}
"""Figures of the paper that cannot be drawn: what would be their id -> place, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that can be built.

    Attributes:
        id: name of its files.
        kind: "figure" or "table".
        place: where it stands in the paper; "" for our own.
        title: what it shows.
        same: ids of other versions of the paper that are the same.
        make: builds it.
    """

    id: str
    kind: str
    place: str
    title: str
    same: tuple[str, ...]
    make: Make


def catalogue() -> dict[str, Item]:
    """Return every item by id: figures, tables, our own figures."""
    items = [_figure(spec) for spec in read_figures().values()]
    items += [_table(spec) for spec in read_tables().values()]
    items += [
        Item(id=name, kind="figure", place="", title=title, same=(), make=make)
        for name, (title, make) in own_figures().items()
    ]
    return {item.id: item for item in items}


def own_figures() -> dict[str, tuple[str, Make]]:
    """Return title and maker of each of our own figures by its id, from the files of paper/own.

    Raises:
        DamagedError: two files have the same id.
    """
    found: dict[str, tuple[str, Make]] = {}
    for entry in iter_modules(own.__path__):
        figures = import_module(f"{own.__name__}.{entry.name}").FIGURES
        if taken := found.keys() & figures:
            raise DamagedError(
                f"paper/own/{entry.name}.py has the id {min(taken)!r}, which another file of the"
                " folder has too: give it the next free number"
            )
        found |= figures
    # own10 stands after own9
    return dict(sorted(found.items(), key=lambda item: (len(item[0]), item[0])))


def find_item(wanted: str, kind: str) -> Item:
    """Return the item of that kind with the id, or with a version's number that is the same.

    Raises:
        UsageError: there is none, or it cannot be drawn.
    """
    every = catalogue()
    items = {name: item for name, item in every.items() if item.kind == kind}
    aliases = {other: name for name, item in items.items() for other in item.same}
    if wanted in ABSENT:
        place, why = ABSENT[wanted]
        raise UsageError(f"{place} cannot be drawn: {why} (docs/paper.md)")
    if wanted in every and wanted not in items:
        raise UsageError(f"{wanted} is a {every[wanted].kind}: give {every[wanted].kind}={wanted}")
    return items[find_id(wanted, list(items), aliases)]


def _figure(spec: FigureSpec) -> Item:
    return Item(
        id=spec.id,
        kind="figure",
        place=spec.place,
        title=spec.title,
        same=spec.same,
        make=partial(make_figure, spec),
    )


def _table(spec: TableSpec) -> Item:
    return Item(
        id=spec.id,
        kind="table",
        place=spec.place,
        title=spec.title,
        same=spec.same,
        make=partial(make_table, spec),
    )
