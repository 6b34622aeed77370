"""What belongs to which figure: reads and checks figures.yaml, no numbers in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import model_validator

from harness.cli import suggest
from harness.schema import UsageError
from harness.typed import Form, Many, Text, keyed, read_form

FOLDER = Path(__file__).resolve().parent
FIGURES = FOLDER / "figures.yaml"


class PanelSpec(Form):
    """One panel of a published figure.

    Attributes:
        title: above it.
        label: of the vertical axis, without the unit, which the curves know.
        x_label: of the horizontal axis.
        lines: arm -> name of its curve.
        faint: arm -> name of a raw curve behind the smoothed one.
        levels: row of v1 Table 2 -> column: horizontal lines.
        x_scale: of the horizontal axis.
        x_linear_to: last step of the linear part of a symlog axis.
        x_ticks: steps that are named; () is whatever fits.
        x_range / y_range: of the axes; () is whatever the points need.
        markers: mark the points.
        gap: why there is nothing to draw; "" if there is.
    """

    title: str
    label: str
    x_label: str = "training step"
    lines: Mapping[Text, str] = {}
    faint: Mapping[Text, str] = {}
    levels: Mapping[Text, str] = {}
    x_scale: Literal["linear", "log", "symlog"] = "linear"
    x_linear_to: float = 1.0
    x_ticks: Many[float] = ()
    x_range: Many[float] = ()
    y_range: Many[float] = ()
    markers: bool = False
    gap: str = ""

    @model_validator(mode="after")
    def _check_contents(self) -> PanelSpec:
        if bool(self.gap) == bool(self.lines):
            raise ValueError(f"({self.title}) needs either lines or a gap")
        return self


class OursSpec(Form):
    """Which of our runs belong to a figure.

    Attributes:
        ablation: whose runs.
        arms: which of them, in the order of the figure.
        metrics: one panel each (docs/metrics.md, and paper/series.py for derived ones).
        beside: metric -> number of the published panel that it may be drawn in; other figures'
            metrics may be among them.
        scales: at which it is of the same kind and unit, so that it is drawn there.
        columns: panels per row; 0 is as many as fit.
    """

    ablation: str
    arms: Many[Text]
    metrics: Many[str]
    beside: Mapping[str, int] = {}
    scales: Many[str] = ()
    columns: int = 0


class FigureSpec(Form):
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
    same: Many[str] = ()
    title: str
    panels: Many[PanelSpec]
    columns: int = 0
    ours: OursSpec | None = None
    claims: Many[str] = ()
    lacks: Many[str]

    @property
    def curves(self) -> tuple[str, ...]:
        """Names of all curves in it."""
        names = [n for p in self.panels for n in (*p.lines.values(), *p.faint.values())]
        return tuple(dict.fromkeys(names))


class Layout(Form):
    """The file: families of arms in the order of their colours, and id -> figure in its order."""

    families: Mapping[str, Many[Text]]
    figures: Annotated[Mapping[str, FigureSpec], keyed("id")]


@cache
def read_layout(path: Path = FIGURES) -> Layout:
    """Read figures.yaml; `DamagedError` if an entry is not of the form."""
    return read_form(Layout, path, place=path.name)


def read_figures() -> Mapping[str, FigureSpec]:
    """Return the figures of the paper by id, in its order."""
    return read_layout().figures


def read_families() -> tuple[tuple[str, ...], ...]:
    """Return the families of arms, each in the order of their colours."""
    return tuple(read_layout().families.values())


def find_id(wanted: str, ids: Sequence[str], aliases: Mapping[str, str]) -> str:
    """Return an id as it is, or by another version's number; `UsageError` if there is none."""
    found = aliases.get(wanted, wanted)
    if found not in ids:
        raise UsageError(f"there is no {wanted!r}: {suggest(wanted, [*ids, *aliases])}")
    return found
