"""The page of `make bench-cell`: every day of it is a measurement of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.profile.bench import long_table, ratio_table, read_runs, removal_table, size_table
from harness.profile.peers import peer_section
from harness.profile.switches import read_switches
from harness.text import paragraphs


def page(parts: Sequence[Mapping[str, Any]]) -> str:
    """Return the tables of all parts as Markdown, the newest first.

    Args:
        parts: each with "benchmarks" as of `bench.read_runs`, "datetime" (ISO), "commit" with its
            "id", "steps" of naive and final, and what `peers.peer_section` takes. Parts of one day
            are pieces of one measurement.
    """
    days = sorted({_day(part) for part in parts}, reverse=True)
    return paragraphs(
        "# What a cell costs",
        "Cells one after another on an idle machine, written by `make bench-cell`. The parts of a"
        " day are one measurement, taken in pieces; no number of one day stands beside a number of"
        " another. Every run is in the `cell*.json` beside this page.",
        *[day_section(day, [part for part in parts if _day(part) == day]) for day in days],
    )


def day_section(day: str, parts: Sequence[Mapping[str, Any]]) -> str:
    """Return the tables of one measurement."""
    runs = [run for part in parts for run in read_runs(part)]
    what = {name: switch.what for name, switch in read_switches().items()}
    commits = dict.fromkeys(str(part["commit"]["id"])[:7] for part in parts)
    steps = dict.fromkeys(str(part["steps"]) for part in parts)
    ratios, removal = ratio_table(runs), removal_table(runs, what)
    sizes, long = size_table(runs), long_table(runs)
    return paragraphs(
        f"## Measured on {day} at {', '.join(commits)}",
        f"Naive and final: {' or '.join(steps)} steps of `kl=none`, seed 1, with an evaluation"
        " before and after; naive is the cell with the switches of `micro/kl_penalty@v1`."
        if ratios
        else "",
        ratios,
        "### The final cell without one step, as a ratio to the final cell" if removal else "",
        removal,
        "### Steps of 256 sequences against the arithmetic of the same batch" if sizes else "",
        sizes,
        "### Whole cells of 60 steps, with their evaluations" if long else "",
        long,
        peer_section(parts),
    )


def _day(part: Mapping[str, Any]) -> str:
    return str(part["datetime"])[:10]
