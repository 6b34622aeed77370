"""What `make bench-cell` measured: medians by variant, ratios to the naive cell, the table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.profile.switches import declared
from harness.text import markdown_table, number

MEASURES: Mapping[str, str] = {
    "startup_s": "start-up to the first step [s]",
    "step_s": "step [s]",
    "cell_s": "whole process [s]",
    "cpu_s": "CPU of all processes [s]",
    "peak_mib": "peak memory [MiB]",
}
"""Measure of a run -> heading. Peak memory counts shared pages in each process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of one variant.

    Attributes:
        variant: its name, see `harness.profile.switches.variants`.
        values: measure -> value.
    """

    variant: str
    values: Mapping[str, float]


def medians(runs: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """Return variant -> measure -> median over its runs, in the order of first appearance."""
    names = list(dict.fromkeys(run.variant for run in runs))
    return {
        name: {measure: statistics.median(values[measure] for values in own) for measure in own[0]}
        for name in names
        for own in [[run.values for run in runs if run.variant == name]]
    }


def ratio_table(runs: Sequence[Measured]) -> str:
    """Return naive, final and their ratio per measure; empty if one of the two is missing."""
    by = medians(runs)
    if not {"naive", "final"} <= by.keys():
        return ""
    counts = [sum(run.variant == name for run in runs) for name in ("naive", "final")]
    rows = []
    for measure, head in MEASURES.items():
        naive, final = by["naive"][measure], by["final"][measure]
        rows.append([head, _text(measure, naive), _text(measure, final), f"{naive / final:.2f}"])
    heads = ["median", f"naive ({counts[0]} runs)", f"final ({counts[1]} runs)", "naive / final"]
    return markdown_table(heads, rows)


def removal_table(runs: Sequence[Measured], what: Mapping[str, str]) -> str:
    """Return the ratio of the final cell without each switch to the final cell.

    Args:
        runs: of all variants.
        what: switch -> what it does, in one line.
    """
    by = medians(runs)
    rows = []
    for name, values in by.items():
        if not name.startswith("without ") or "final" not in by:
            continue
        switch = name.removeprefix("without ")
        ratios = [f"{values[m] / by['final'][m]:.2f}" for m in MEASURES]
        count = sum(run.variant == name for run in runs)
        rows.append([switch, what[switch], str(count), *ratios])
    if not rows:
        return ""
    heads = ["taken back", "what it does", "runs", *MEASURES.values()]
    return markdown_table(heads, rows, "<<" + ">" * (len(heads) - 2))


def size_table(runs: Sequence[Measured]) -> str:
    """Return the step of each larger batch beside its arithmetic floor; empty without such runs."""
    by = medians(runs)
    rows = []
    for name, values in by.items():
        if name in declared("sizes"):
            step, floor = values["step_s"], values["floor_s"]
            rows.append([name, number(step, "s"), number(floor, "s"), f"{step / floor:.2f}"])
    heads = ["batch", "step [s]", "floor [s]", "step / floor"]
    return markdown_table(heads, rows, "<>>>") if rows else ""


def long_table(runs: Sequence[Measured]) -> str:
    """Return seconds and cells per hour of whole cells, and the share that the harness adds.

    The share is taken pair by pair: the machine's speed drifts by more than the harness costs.
    """
    rows = []
    for name, values in medians(runs).items():
        if name not in declared("long"):
            continue
        seconds, bare = values["cell_s"], values.get("bare_s")
        added = f"{_added(runs, name)} of {bare:.0f} s" if bare else "not measured"
        per_hour = 3600 * values["cells"] / seconds
        rows.append([name, number(seconds, "s"), f"{per_hour:.1f}", added])
    heads = ["what ran", "whole process [s]", "cells per hour", "added to the bare argv"]
    return markdown_table(heads, rows, "<>>>") if rows else ""


def _added(runs: Sequence[Measured], name: str) -> str:
    """Return the median and the range of what each run added to the bare run that followed it."""
    shares = sorted(
        run.values["cell_s"] / run.values["bare_s"] - 1 for run in runs if run.variant == name
    )
    return f"{statistics.median(shares):+.1%} [{shares[0]:+.1%}, {shares[-1]:+.1%}]"


def read_runs(document: Mapping[str, Any]) -> list[Measured]:
    """Return the runs of a file of pytest-benchmark whose entries carry `extra_info`."""
    return [
        Measured(variant=item["extra_info"]["variant"], values=item["extra_info"]["values"])
        for item in document["benchmarks"]
    ]


def _text(measure: str, value: float) -> str:
    return f"{value:,.0f}" if measure == "peak_mib" else number(value, "s")
