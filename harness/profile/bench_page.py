"""The page of `make bench-cell`: every part of it is a measurement of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.profile.bench import long_table, ratio_table, read_runs, removal_table, size_table
from harness.profile.peers import peer_section
from harness.profile.switches import read_switches
from harness.text import paragraphs


def page(parts: Sequence[Mapping[str, Any]]) -> str:
    """Return the tables of all parts as Markdown, the newest part first.

    Args:
        parts: each with "benchmarks" as of `bench.read_runs`, "datetime" (ISO), "commit" with its
            "id", "steps" of naive and final, and what `peers.peer_section` takes.
    """
    newest_first = sorted(parts, key=lambda part: str(part["datetime"]), reverse=True)
    return paragraphs(
        "# What a cell costs",
        "Cells one after another on an idle machine, written by `make bench-cell`. Every part is a"
        " measurement of its own, of the code of its commit; no number of one stands beside a"
        " number of another. Every run is in the `cell*.json` beside this page.",
        *[part_section(part) for part in newest_first],
    )


def part_section(part: Mapping[str, Any]) -> str:
    """Return the tables of one part."""
    runs = read_runs(part)
    what = {name: switch.what for name, switch in read_switches().items()}
    ratios, removal = ratio_table(runs), removal_table(runs, what)
    sizes, long = size_table(runs), long_table(runs)
    return paragraphs(
        f"## Measured on {str(part['datetime'])[:10]} at commit {part['commit']['id'][:7]}",
        f"Naive and final: {part['steps']} steps of `kl=none`, seed 1, with an evaluation before"
        " and after; naive is the cell with the switches of `micro/kl_penalty@v1`."
        if ratios
        else "",
        ratios,
        "### The final cell without one step, as a ratio to the final cell" if removal else "",
        removal,
        "### Steps of 256 sequences against the arithmetic of the same batch" if sizes else "",
        sizes,
        "### Whole cells of 60 steps, with their evaluations" if long else "",
        long,
        peer_section([part]),
    )
