"""Whether two runs of one cell computed the same: the first step that differs, and by how much."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOT_COMPUTED = ("timing_", "perf/", "critic/perf/", "actor/perf/")
"""Prefixes of metrics that tell of the machine, not of what was computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neutrality:
    """What two runs of one cell have in common.

    Attributes:
        steps: training steps that both have.
        values: numbers that were compared.
        first_different: first step at which any number differs; None if none does.
        largest: metric -> largest absolute difference, of those that differ, largest first.
        only_in_one: metrics that only one of them has.
    """

    steps: int
    values: int
    first_different: int | None
    largest: Mapping[str, float]
    only_in_one: tuple[str, ...]

    def text(self) -> str:
        """Return it in a few lines."""
        lines = [f"{self.values} numbers of {self.steps} common steps compared, bit by bit:"]
        if self.first_different is None:
            lines.append("  every one is equal")
        else:
            lines.append(f"  first difference at step {self.first_different}; largest differences:")
            lines += [f"    {name}  {value:.3g}" for name, value in list(self.largest.items())[:10]]
        if self.only_in_one:
            lines.append(f"  in one of the two only: {', '.join(self.only_in_one)}")
        return "\n".join(lines)


def compare_runs(
    ours: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]
) -> Neutrality:
    """Compare the metrics of two runs step by step.

    Two undefined numbers (NaN or null) are equal.

    Args:
        ours: verl's metrics of each step, with the key `step`.
        others: the same of the other run.
    """
    theirs = {row["step"]: row for row in others}
    pairs = [(row, theirs[row["step"]]) for row in ours if row["step"] in theirs]
    first, values = None, 0
    largest: dict[str, float] = {}
    single: set[str] = set()
    for mine, other in pairs:
        single |= {key for key in mine.keys() ^ other.keys() if _is_computed(key)}
        for key in sorted(mine.keys() & other.keys()):
            if not _is_computed(key):
                continue
            values += 1
            gap = _gap(mine[key], other[key])
            if gap > 0:
                first = mine["step"] if first is None else first
                largest[key] = max(gap, largest.get(key, 0.0))
    ranked = dict(sorted(largest.items(), key=lambda item: -item[1]))
    return Neutrality(
        steps=len(pairs),
        values=values,
        first_different=first,
        largest=ranked,
        only_in_one=tuple(sorted(single)),
    )


def _is_computed(key: str) -> bool:
    return key != "step" and not key.startswith(NOT_COMPUTED)


def _gap(mine: Any, other: Any) -> float:
    """Return the absolute difference; 0 for two equal or two undefined values, else infinity."""
    if mine == other or (_is_undefined(mine) and _is_undefined(other)):
        return 0.0
    if _is_undefined(mine) or _is_undefined(other):
        return math.inf
    return abs(float(mine) - float(other))


def _is_undefined(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
