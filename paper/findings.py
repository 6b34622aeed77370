"""Published quantities of the claims, computed from tables and curves as our rules compute ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from harness.references.entries import Curve
from harness.references.paper import Paper
from harness.schema import DamagedError
from paper.layout import FOLDER

QUANTITIES = FOLDER / "quantities.yaml"
RATIOS = ("growth", "quotient")
_SCALES = {"percent": 0.01, "fraction": 1.0, "tokens": 1.0, "characters": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One published number of a claim.

    Attributes:
        label: which model or benchmark.
        kind: how it is computed, a word of quantities.yaml.
        part: number of the rule's part that it stands beside.
        value: in `unit`.
        unit: "fraction" or "ratio".
        references: what it was computed from.
    """

    label: str
    kind: str
    part: int
    value: float
    unit: str
    references: tuple[str, ...]


def quantities(claim: str, paper: Paper, scale: str) -> list[Quantity]:
    """Return the published numbers of a claim; none where the paper states none.

    Args:
        claim: its id.
        paper: published tables and curves.
        scale: of the rule that they stand beside.
    """
    entries = _read().get(claim, ())
    own = [raw for raw in entries if raw.get("scale") == scale]
    return [
        _quantity(claim, raw, paper)
        for raw in own or [raw for raw in entries if "scale" not in raw]
    ]


@cache
def _read(path: Path = QUANTITIES) -> Mapping[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def _quantity(claim: str, raw: Mapping[str, Any], paper: Paper) -> Quantity:
    kind = raw["kind"]
    if kind == "table":
        names = (raw["table"],)
        cells = paper.tables[raw["table"]].cells
        other = cells[raw["minus"]][raw["column"]] if "minus" in raw else 0.0
        value = (cells[raw["of"]][raw["column"]] - other) / 100.0
    else:
        names = tuple(raw[key] for key in ("of", "minus", "over") if key in raw)
        missing = [name for name in names if name not in paper.curves]
        if missing:
            raise DamagedError(f"{claim} of {QUANTITIES.name} names {missing[0]}: no such curve")
        value = _of_curves(kind, raw, [paper.curves[name] for name in names])
    return Quantity(
        label=raw["label"],
        kind=kind,
        part=int(raw.get("part", 0)),
        value=value,
        unit="ratio" if kind in RATIOS else "fraction",
        references=names,
    )


def _of_curves(kind: str, raw: Mapping[str, Any], curves: list[Curve]) -> float:
    first, others = curves[0], curves[1:]
    scale = _SCALES[first.unit]
    if kind == "fall":
        falls = [largest_fall(curve, float(raw["window"])) for curve in curves]
        return (falls[0] - sum(falls[1:])) * scale
    if kind in ("change", "growth"):
        start, end = _ends(first, raw)
        return (end - start) * scale if kind == "change" else end / start
    at = float(raw.get("at", first.steps[-1]))
    if kind == "level":
        return first.at(at) * scale
    if kind == "difference":
        return (_since(first, at, raw) - _since(others[0], at, raw)) * scale
    if kind == "quotient":
        return first.at(at) / others[0].at(at)
    raise DamagedError(f"{QUANTITIES.name} has the kind {kind!r}: see its first lines")


def _since(curve: Curve, at: float, raw: Mapping[str, Any]) -> float:
    """Return a curve's value, or what it gained since a step that is named."""
    return curve.at(at) - (curve.at(raw["since"]) if "since" in raw else 0.0)


def _ends(curve: Curve, raw: Mapping[str, Any]) -> tuple[float, float]:
    """Return start and end of a curve: at single steps, or means over its first and last steps."""
    steps, values = np.array(curve.steps), np.array(curve.values)
    if "first" in raw:
        is_early = steps <= steps[0] + raw["first"]
        is_late = steps >= steps[-1] - raw["last"]
        return float(values[is_early].mean()), float(values[is_late].mean())
    return curve.at(raw.get("since", steps[0])), curve.at(raw.get("at", steps[-1]))


def largest_fall(curve: Curve, window: float) -> float:
    """Return the largest fall of the mean over the last `window` steps below its highest so far.

    Points are as far apart as they were published; a mean starts where a whole window lies behind.
    """
    steps, values = np.array(curve.steps), np.array(curve.values)
    ends = steps[steps >= steps[0] + window]
    means = np.array([values[(steps > end - window) & (steps <= end)].mean() for end in ends])
    return float((np.maximum.accumulate(means) - means).max()) if means.size else float("nan")
