"""The suite beside TRL and a plain loop: medians, ratios, and whether all did the same work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.profile.bench import Measured, medians, read_runs
from harness.profile.switches import described
from harness.text import NOTHING, markdown_table, number, paragraphs

SUITE = "suite"
PEERS: Mapping[str, str] = {"trl": "TRL", "loop": "plain loop"}
"""Peer -> heading."""
NAMES: Mapping[str, str] = {SUITE: SUITE, **PEERS}

COSTS: Mapping[str, str] = {
    "step_s": "step [s]",
    "generation_s": "generation and scoring in it [s]",
    "to_first_step_s": "start to the end of the first step [s]",
    "cell_s": "whole process [s]",
    "peak_mib": "peak memory [MiB]",
}
"""Measure of a run -> heading."""

WORK: Mapping[str, tuple[str, str]] = {
    "response_tokens": ("mean response [tokens]", "tokens"),
    "reward": ("mean reward", "fraction"),
}
"""Measure of what was done, over all steps -> heading, unit."""

REWARD_MARGIN = 0.1
LENGTH_MARGIN = 0.2
"""How far a peer may be from the suite: of the reward, and of the length as a share of the suite's.

A dozen steps of 64 responses leave 0.03 and 4 % to chance, and what was learned of it adds to that.
"""


def peer_section(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return the tables of all sizes as Markdown, "" if nothing was run beside the suite.

    Args:
        documents: parts of a measurement: "benchmarks" as of `bench.read_runs`, each with
            "versions" in its `extra_info`, "peer_steps", and "skipped": peer -> reason.
    """
    runs = [run for document in documents for run in read_runs(document)]
    sizes = [name for name in described("peers") if _of(runs, SUITE, name)]
    if not sizes:
        return ""
    skipped = {who: why for document in documents for who, why in _skipped(document).items()}
    steps = {str(document["peer_steps"]) for document in documents if "peer_steps" in document}
    return paragraphs(
        "### The suite beside TRL and a plain loop",
        f"GRPO for {' or '.join(sorted(steps))} steps, one process after another in turn: the same"
        " base model, the same prompts in the same order, the suite's grader, rate and clip, one"
        " update per batch, no KL term, no evaluation, 32 bits, no compilation, one thread of torch"
        " per process. The suite has many processes on all cores, a peer has one on one; the suite"
        " also writes down every response and makes its report. A step is from the end of the one"
        " before to its own, medians are without the first one. Memory counts what processes"
        " share once.",
        *[text for name in sizes for text in _size(runs, name, skipped)],
        versions_line(documents),
    )


def _size(runs: Sequence[Measured], name: str, skipped: Mapping[str, str]) -> list[str]:
    reasons = [
        f"{NAMES[who]} was skipped: {why}."
        for who, why in skipped.items()
        if not _of(runs, who, name)
    ]
    return [
        f"#### {name}: {described('peers')[name]}",
        peer_table(runs, name),
        "\n".join(reasons),
        "\n".join(departures(runs, name)),
    ]


def peer_table(runs: Sequence[Measured], size: str) -> str:
    """Return a row for each measure: the three medians, and the suite's over each peer's.

    A peer without a run has dashes.
    """
    by = medians([run for who in NAMES for run in _of(runs, who, size)])
    values = {who: by.get(f"{who} {size}", {}) for who in NAMES}
    rows = []
    for measure, head in COSTS.items():
        ratios = [_ratio(values[SUITE], values[who], measure) for who in PEERS]
        rows.append([head, *[_text(measure, values[who]) for who in NAMES], *ratios])
    for measure, (head, _) in WORK.items():
        rows.append([head, *[_text(measure, values[who]) for who in NAMES], *["" for _ in PEERS]])
    counts = {who: len(_of(runs, who, size)) for who in NAMES}
    heads = [f"{NAMES[who]} (runs: {count})" for who, count in counts.items()]
    return markdown_table(["median", *heads, *[f"suite / {name}" for name in PEERS.values()]], rows)


def departures(runs: Sequence[Measured], size: str) -> list[str]:
    """Return a sentence for each peer whose rewards or lengths say that it did other work."""
    by = medians([run for who in NAMES for run in _of(runs, who, size)])
    suite = by[f"{SUITE} {size}"]
    sentences = []
    for who, name in PEERS.items():
        peer = by.get(f"{who} {size}")
        if peer is None:
            continue
        margins = {
            "response_tokens": LENGTH_MARGIN * suite["response_tokens"],
            "reward": REWARD_MARGIN,
        }
        for measure, (head, unit) in WORK.items():
            # said this way round, so that a NaN departs too
            if not abs(peer[measure] - suite[measure]) <= margins[measure]:
                sentences.append(
                    f"**{name} did not do the same work, and its ratios say nothing:** its {head}"
                    f" is {number(peer[measure], unit)}, the suite's {number(suite[measure], unit)}"
                    f" (at most {number(margins[measure], unit)} apart was expected)."
                )
    return sentences


def versions_line(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return what each ran with; several versions of one package are all named."""
    found: dict[str, dict[str, list[str]]] = {}
    for document in documents:
        for item in document["benchmarks"]:
            info = item["extra_info"]
            for package, version in info.get("versions", {}).items():
                own = found.setdefault(info["variant"].split(" ")[0], {}).setdefault(package, [])
                if version not in own:
                    own.append(version)
    told = [
        f"{NAMES[who]}: " + ", ".join(f"{name} {' and '.join(v)}" for name, v in own.items())
        for who, own in found.items()
    ]
    return f"Versions. {'; '.join(told)}." if told else ""


def _of(runs: Sequence[Measured], who: str, size: str) -> list[Measured]:
    return [run for run in runs if run.variant == f"{who} {size}"]


def _skipped(document: Mapping[str, Any]) -> Mapping[str, str]:
    skipped: Mapping[str, str] = document.get("skipped", {})
    return skipped


def _ratio(suite: Mapping[str, float], peer: Mapping[str, float], measure: str) -> str:
    return f"{suite[measure] / peer[measure]:.2f}" if suite and peer else NOTHING


def _text(measure: str, values: Mapping[str, float]) -> str:
    if not values:
        return NOTHING
    if measure in WORK:
        return number(values[measure], WORK[measure][1])
    return f"{values[measure]:,.0f}" if measure == "peak_mib" else number(values[measure], "s")
