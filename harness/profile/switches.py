"""The declared switches of the fast cell: what each is, and the overrides that take it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

SWITCHES_FILE = Path(__file__).with_name("switches.yaml")
NAIVE = "v1"
"""Baseline version of the naive cell: its switches are on in it, all later ones are off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One step that made the cell fast.

    Attributes:
        name: of the switch.
        what: it does, in one line.
        since: version of the baseline `micro/kl_penalty` that first ran with it.
        back: overrides of `harness.run` that take it back.
        rounding: largest difference that it may make to a number of the first two steps.
    """

    name: str
    what: str
    since: str
    back: tuple[str, ...]
    rounding: float = 1e-6


def read_switches() -> dict[str, Switch]:
    """Return name -> switch, in the order of the file."""
    document = yaml.safe_load(SWITCHES_FILE.read_text(encoding="utf-8"))
    return {
        name: Switch(**{**item, "name": name, "back": tuple(item["back"])})
        for name, item in document["switches"].items()
    }


def variants() -> dict[str, tuple[str, ...]]:
    """Return variant -> overrides of `harness.run` beside those that all variants share.

    `final` is the cell as it is, `naive` the one with every later switch taken back,
    `without <switch>` the final one with one taken back; the rest are the declared sizes.
    """
    switches = read_switches()
    cell = ("ablation=kl_penalty", "levels=[none]", "seeds=[1]", "launcher.cells_at_once=1")
    naive = [text for s in switches.values() if s.since != NAIVE for text in s.back]
    return {
        # two switches may set one key: the later one counts, and a command takes a key once
        "naive": (*cell, *{text.partition("=")[0]: text for text in naive}.values()),
        "final": cell,
        **{f"without {s.name}": (*cell, *s.back) for s in switches.values()},
        **declared("sizes"),
    }


Section = Literal["sizes", "long", "peers"]
"""Of the file: batches of 256 sequences, cells of 60 steps, cells that are timed beside peers."""


def declared(section: Section) -> dict[str, tuple[str, ...]]:
    """Return variant -> overrides of `harness.run`."""
    return {name: tuple(item["words"]) for name, item in _items(section).items()}


def described(section: Section) -> dict[str, str]:
    """Return variant -> what it is, in one line."""
    return {name: str(item["what"]) for name, item in _items(section).items()}


def _items(section: Section) -> Mapping[str, Mapping[str, Any]]:
    items: Mapping[str, Mapping[str, Any]] = yaml.safe_load(
        SWITCHES_FILE.read_text(encoding="utf-8")
    )[section]
    return items
