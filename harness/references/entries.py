"""What a published number must say of itself, and the check that it does."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.schema import DamagedError

UNITS = frozenset({"percent", "fraction", "tokens", "characters"})
_COMMON = ("metric", "unit", "protocol", "source", "how_read", "reading_error", "traps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a number stands.

    Attributes:
        paper: with its version.
        place: table or figure.
        page: None where the version at hand has no pages.
    """

    paper: str
    place: str
    page: int | None

    def text(self) -> str:
        """Return it as a citation."""
        page = "" if self.page is None else f", page {self.page}"
        return f"{self.paper}, {self.place}{page}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One curve of a figure.

    Attributes:
        name: of the curve, unique in the paper.
        model: that was trained.
        arm: the setting that tells it from the other curves of its panel.
        metric: how the paper defines the value.
        unit: one of `UNITS`.
        protocol: how it was measured, a name of protocols.yaml.
        seeds: training runs behind it.
        steps: training steps, strictly growing.
        values: one per step, in `unit`.
        traps: what a reader would get wrong.
    """

    name: str
    model: str
    arm: str
    metric: str
    unit: str
    protocol: str
    source: Source
    how_read: str
    reading_error: str
    seeds: int
    steps: tuple[float, ...]
    values: tuple[float, ...]
    traps: tuple[str, ...]

    def at(self, step: float) -> float:
        """Return the value at a step, linear between two points; NaN outside the curve."""
        if not self.steps[0] <= step <= self.steps[-1]:
            return math.nan
        after = next(i for i, there in enumerate(self.steps) if there >= step)
        if self.steps[after] == step:
            return self.values[after]
        left, right = self.steps[after - 1], self.steps[after]
        share = (step - left) / (right - left)
        return self.values[after - 1] + share * (self.values[after] - self.values[after - 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table: `cells[row][column]`; NaN where the paper's cell is empty."""

    name: str
    metric: str
    unit: str
    protocol: str
    source: Source
    how_read: str
    reading_error: str
    columns: tuple[str, ...]
    cells: Mapping[str, Mapping[str, float]]
    traps: tuple[str, ...]


def read_curve(
    name: str, raw: Mapping[str, Any], points: Sequence[tuple[float, float]], where: str
) -> Curve:
    """Check one curve.

    Args:
        name: of the curve.
        raw: its entry in curves.yaml.
        points: (step, value) in the order of the file.
        where: the file, for errors.

    Raises:
        DamagedError: it has no source or no points, its unit is unknown, a value is no number or
            outside its unit's range, or its steps do not grow.
    """
    common = _common(name, raw, where)
    for key in ("model", "arm", "seeds"):
        _need(name, raw, key, where)
    if not points:
        raise DamagedError(f"{name} of {where} has no points: add them or remove the entry")
    steps, values = tuple(s for s, _ in points), tuple(v for _, v in points)
    for before, after in itertools.pairwise(steps):
        if not before < after:
            raise DamagedError(
                f"{name} of {where} goes from step {before:g} to {after:g}: steps must grow"
            )
    for value in values:
        _check_value(name, value, common["unit"], where)
    return Curve(
        name=name,
        model=str(raw["model"]),
        arm=str(raw["arm"]),
        seeds=int(raw["seeds"]),
        steps=steps,
        values=values,
        **common,
    )


def read_table(name: str, raw: Mapping[str, Any], where: str) -> Table:
    """Check one table.

    Raises:
        DamagedError: it has no source, its unit is unknown, a row has not one cell per column, or a
            cell is outside its unit's range.
    """
    common = _common(name, raw, where)
    columns = tuple(_need(name, raw, "columns", where))
    cells: dict[str, dict[str, float]] = {}
    for row, values in _need(name, raw, "rows", where).items():
        if len(values) != len(columns):
            raise DamagedError(
                f"row {row!r} of {name} in {where} has {len(values)} cells: expected one for each"
                f" of {', '.join(columns)} (null where the paper's is empty)"
            )
        numbers = [math.nan if value is None else float(value) for value in values]
        for number in numbers:
            if not math.isnan(number):
                _check_value(name, number, common["unit"], where)
        cells[str(row)] = dict(zip(columns, numbers, strict=True))
    return Table(name=name, columns=columns, cells=cells, **common)


def _common(name: str, raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the fields that every entry must have, checked."""
    values = {key: _need(name, raw, key, where) for key in _COMMON}
    if values["unit"] not in UNITS:
        raise DamagedError(
            f"{name} of {where} has the unit {values['unit']!r}: expected one of"
            f" {', '.join(sorted(UNITS))}"
        )
    source = values["source"]
    place = source.get("figure") or source.get("table") if isinstance(source, Mapping) else None
    if not place or not source.get("paper"):
        raise DamagedError(
            f"{name} of {where} has no source: name the paper with its version, and the table or"
            " figure"
        )
    page = source.get("page")
    return {
        **values,
        "source": Source(paper=source["paper"], place=place, page=page),
        "traps": tuple(values["traps"]),
    }


def _need(name: str, raw: Mapping[str, Any], key: str, where: str) -> Any:
    if raw.get(key) is None:
        raise DamagedError(f"{name} of {where} has no `{key}`: every published number needs one")
    return raw[key]


def _check_value(name: str, value: float, unit: str, where: str) -> None:
    most = {"percent": 100.0, "fraction": 1.0}.get(unit, math.inf)
    # digitised curves miss 0 by a rounding of the drawing
    if not (math.isfinite(value) and -1e-3 * min(most, 1.0) <= value <= most):
        raise DamagedError(f"{name} of {where} has the value {value:g}: no {unit}")
