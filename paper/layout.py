"""What belongs to which figure: reads and checks figures.yaml, no numbers in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from harness.cli import suggest
from harness.schema import DamagedError, UsageError

FOLDER = Path(__file__).resolve().parent
FIGURES = FOLDER / "figures.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSpec:
    """One panel of a published figure.

    Attributes:
        title: above it.
        label: of the vertical axis, without the unit, which the curves know.
        x_label: of the horizontal axis.
        lines: arm -> name of its curve.
        faint: arm -> name of a raw curve behind the smoothed one.
        levels: row of v1 Table 2 -> column: horizontal lines.
        x_scale: "linear", "log" or "symlog".
        x_linear_to: last step of the linear part of a symlog axis.
        x_ticks: steps that are named; () is whatever fits.
        x_range / y_range: of the axes; () is whatever the points need.
        markers: mark the points.
        gap: why there is nothing to draw; "" if there is.
    """

    title: str
    label: str
    x_label: str
    lines: Mapping[str, str]
    faint: Mapping[str, str]
    levels: Mapping[str, str]
    x_scale: str
    x_linear_to: float
    x_ticks: tuple[float, ...]
    x_range: tuple[float, ...]
    y_range: tuple[float, ...]
    markers: bool
    gap: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OursSpec:
    """Which of our runs belong to a figure.

    Attributes:
        ablation: whose runs.
        arms: which of them, in the order of the figure.
        metrics: one panel each (docs/metrics.md, and paper/series.py for derived ones).
        beside: metric -> number of the published panel that it may be drawn in.
        scales: at which it is of the same kind and unit, so that it is drawn there.
        columns: panels per row; 0 is as many as fit.
    """

    ablation: str
    arms: tuple[str, ...]
    metrics: tuple[str, ...]
    beside: Mapping[str, int]
    scales: tuple[str, ...]
    columns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureSpec:
    """One figure of the paper.

    Attributes:
        id: name of its files.
        place: version and number in the paper.
        same: ids of other versions' figures that show the same.
        title: what it shows.
        panels: of the published data.
        columns: panels per row; 0 is as many as fit.
        ours: None where no run of ours belongs to it.
        claims: ids of claims beyond those that refer to one of its curves.
        lacks: what is drawn otherwise than in the paper or not at all, and why.
    """

    id: str
    place: str
    same: tuple[str, ...]
    title: str
    panels: tuple[PanelSpec, ...]
    columns: int
    ours: OursSpec | None
    claims: tuple[str, ...]
    lacks: tuple[str, ...]

    @property
    def curves(self) -> tuple[str, ...]:
        """Names of all curves in it."""
        names = [n for p in self.panels for n in (*p.lines.values(), *p.faint.values())]
        return tuple(dict.fromkeys(names))


@cache
def read_figures(path: Path = FIGURES) -> dict[str, FigureSpec]:
    """Return the figures of the paper by id, in its order.

    Raises:
        DamagedError: an entry has an unknown key or lacks one.
    """
    raw = _yaml(path)["figures"]
    return {name: _figure(name, entry) for name, entry in raw.items()}


@cache
def read_families(path: Path = FIGURES) -> tuple[tuple[str, ...], ...]:
    """Return the families of arms, each in the order of their colours."""
    return tuple(tuple(map(str, arms)) for arms in _yaml(path)["families"].values())


def find_id(wanted: str, ids: Sequence[str], aliases: Mapping[str, str]) -> str:
    """Return the id that a word names, itself or by another version's number.

    Raises:
        UsageError: there is none.
    """
    found = aliases.get(wanted, wanted)
    if found not in ids:
        raise UsageError(f"there is no {wanted!r}: {suggest(wanted, [*ids, *aliases])}")
    return found


def _yaml(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def _figure(name: str, raw: Mapping[str, Any]) -> FigureSpec:
    known = ("place", "same", "title", "panels", "columns", "ours", "claims", "lacks")
    _check(name, raw, known, needed=("place", "title", "panels", "lacks"))
    return FigureSpec(
        id=name,
        place=raw["place"],
        same=tuple(raw.get("same", ())),
        title=raw["title"],
        panels=tuple(_panel(name, panel) for panel in raw["panels"]),
        columns=int(raw.get("columns", 0)),
        ours=_ours(name, raw["ours"]) if "ours" in raw else None,
        claims=tuple(raw.get("claims", ())),
        lacks=tuple(raw["lacks"]),
    )


def _panel(name: str, raw: Mapping[str, Any]) -> PanelSpec:
    defaults: dict[str, Any] = {
        "x_label": "training step",
        "lines": {},
        "faint": {},
        "levels": {},
        "x_scale": "linear",
        "x_linear_to": 1.0,
        "x_ticks": (),
        "x_range": (),
        "y_range": (),
        "markers": False,
        "gap": "",
    }
    _check(name, raw, ("title", "label", *defaults), needed=("title", "label"))
    if bool(raw.get("gap")) == bool(raw.get("lines")):
        raise DamagedError(f"panel {raw['title']!r} of {name} needs either lines or a gap")
    values = {**defaults, **raw}
    ranges = {key: tuple(map(float, values[key])) for key in ("x_ticks", "x_range", "y_range")}
    return PanelSpec(**{**values, **ranges})


def _ours(name: str, raw: Mapping[str, Any]) -> OursSpec:
    known = ("ablation", "arms", "metrics", "beside", "scales", "columns")
    _check(name, raw, known, needed=("ablation", "arms", "metrics"))
    metrics = tuple(raw["metrics"])
    return OursSpec(
        ablation=raw["ablation"],
        arms=tuple(map(str, raw["arms"])),
        metrics=metrics,
        beside={k: int(v) for k, v in raw.get("beside", {}).items() if k in metrics},
        scales=tuple(raw.get("scales", ())),
        columns=int(raw.get("columns", 0)),
    )


def _check(
    name: str, raw: Mapping[str, Any], known: Sequence[str], *, needed: Sequence[str]
) -> None:
    for key in needed:
        if key not in raw:
            raise DamagedError(f"{name} of {FIGURES.name} has no `{key}`: add it")
    for key in raw:
        if key not in known:
            raise DamagedError(
                f"{name} of {FIGURES.name} has an unknown key `{key}`: {suggest(key, known)}"
            )
