"""All references of one paper, read from its directory below baselines/papers/."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.references.entries import Curve, Table, read_curve, read_table
from harness.schema import DamagedError, UsageError

PROTOCOLS, TABLES = "protocols.yaml", "tables.yaml"
CURVES, POINTS = "curves/curves.yaml", "curves/curves.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """Published numbers of one paper.

    Attributes:
        protocols: name -> how numbers were measured; null there is what the paper leaves unsaid.
        tables / curves: name -> entry.
    """

    protocols: Mapping[str, Mapping[str, Any]]
    tables: Mapping[str, Table]
    curves: Mapping[str, Curve]

    @property
    def names(self) -> frozenset[str]:
        """Names that a claim may refer to."""
        return frozenset(self.tables) | frozenset(self.curves)


def read_paper(directory: Path) -> Paper:
    """Read and check the references of a paper.

    Raises:
        UsageError: a file is missing.
        DamagedError: an entry is incomplete, a curve has points but no entry, or an entry names a
            protocol that there is none of.
    """
    protocols = _yaml(directory / PROTOCOLS)["protocols"]
    tables = {
        name: read_table(name, raw, TABLES)
        for name, raw in _yaml(directory / TABLES)["tables"].items()
    }
    points = _points(directory / POINTS)
    entries = _yaml(directory / CURVES)["curves"]
    nameless = sorted(points.keys() - entries.keys())
    if nameless:
        raise DamagedError(
            f"{POINTS} has points of {nameless[0]}, which {CURVES} does not describe"
        )
    curves = {
        name: read_curve(name, raw, points.get(name, []), CURVES) for name, raw in entries.items()
    }
    entries_read: list[Table | Curve] = [*tables.values(), *curves.values()]
    for entry in entries_read:
        if entry.protocol not in protocols:
            raise DamagedError(
                f"{entry.name} names the protocol {entry.protocol!r}: expected one of"
                f" {', '.join(protocols)} ({PROTOCOLS})"
            )
    return Paper(protocols=protocols, tables=tables, curves=curves)


def _yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UsageError(f"{path} is missing: a paper has {PROTOCOLS}, {TABLES} and {CURVES}")
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return dict(document)


def _points(path: Path) -> dict[str, list[tuple[float, float]]]:
    if not path.is_file():
        raise UsageError(f"{path} is missing: restore it from git")
    found: dict[str, list[tuple[float, float]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                point = float(row["step"]), float(row["value"])
            except (KeyError, TypeError, ValueError) as error:
                raise DamagedError(
                    f"line {number} of {path} is no point: expected curve,step,value"
                ) from error
            found.setdefault(row["curve"], []).append(point)
    return found
