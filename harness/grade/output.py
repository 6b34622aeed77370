"""The lab's answer as text, as Markdown, as a JSON document, and as files with the picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harness.grade import tables
from harness.grade.tables import STORED, Timing
from harness.graders.registry import GRADERS
from harness.plots import Panel, curve_figure, overview_figure, save_figure
from harness.store.files import write_atomic, write_json
from harness.text import NOTHING, markdown_table, number, paragraphs, plain_table
from harness.writing import written_together

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]

SHOWN = 12
"""Disagreements and reasons that a terminal shows; the files have all."""

FIGURE = "rewards"
"""Stem of the picture."""

_STOP_RULES = {
    True: "Rewards: 1 for a right answer of a response that finished, else 0.",
    False: "Rewards: 1 for a right answer, whether or not the response finished, else 0.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """What the lab found.

    Attributes:
        source: where the responses are from, as the user named it.
        graders: names, in the order shown.
        table: `tables.verdict_table` of all responses.
        timings: grader -> how it worked.
        has_stop_rule: whether only finished responses earn.
    """

    source: str
    graders: tuple[str, ...]
    table: pd.DataFrame
    timings: Mapping[str, Timing]
    has_stop_rule: bool


def lab_text(lab: Lab) -> str:
    """Return the answer for a terminal."""
    return paragraphs(*_blocks(lab, plain_table, SHOWN))


def lab_markdown(lab: Lab, figures: Sequence[str] = ()) -> str:
    """Return the answer as GRADERS.md; `figures` are names of files beside it."""
    pictures = [f"![{name}]({name})" for name in figures]
    body = paragraphs(*_blocks(lab, markdown_table, None), *pictures)
    return f"# Graders of {lab.source}\n\n{body}\n"


def lab_document(lab: Lab) -> dict[str, Any]:
    """Return the answer as a JSON document; what is undefined is null."""
    table, graders = lab.table, lab.graders
    return {
        "source": lab.source,
        "stop_rule": lab.has_stop_rule,
        "responses": len(table),
        "graders": {
            name: {**asdict(lab.timings[name]), "rule": GRADERS[name].source} for name in graders
        },
        "totals": _records(tables.totals(table, graders)),
        "reasons": _records(tables.reasons(table, graders)),
        "pairs": _records(tables.pairs(table, graders)),
        "disagreements": _records(tables.disagreements(table, graders)),
        "curves": _records(tables.curves(table, graders)),
    }


def disagreements_csv(lab: Lab) -> str:
    """Return the rows on which the graders disagree as CSV."""
    return str(tables.disagreements(lab.table, lab.graders).to_csv(index=False))


def write_lab(lab: Lab, out: Path, *, replaces: bool = True) -> list[Path]:
    """Write everything into a directory, which is made; return the files.

    The picture is written if the responses state their step.

    Raises:
        UsageError: they cannot be written, or are there and are not to be replaced.
    """
    curves = tables.curves(lab.table, lab.graders)
    with written_together(out, "grades", replaces=replaces) as half:
        figures = _write_figure(lab, curves, half) if len(curves) else []
        names = [path.name for path in figures if path.suffix == ".svg"]
        texts = {
            "GRADERS.md": lab_markdown(lab, names),
            "verdicts.csv": lab.table.to_csv(index=False),
            "disagreements.csv": disagreements_csv(lab),
            "curves.csv": curves.to_csv(index=False),
        }
        for name, content in texts.items():
            write_atomic(half / name, content)
        write_json(half / "graders.json", lab_document(lab))
    return [out / name for name in ("graders.json", *texts, *(path.name for path in figures))]


def _blocks(lab: Lab, table: Table, most: int | None) -> list[str]:
    count = len(lab.table)
    differing = tables.disagreements(lab.table, lab.graders)
    reasons = tables.reasons(lab.table, lab.graders).head(most or count)
    return [
        f"{count} responses of {lab.source}. {_STOP_RULES[lab.has_stop_rule]}",
        table(*_totals(lab)),
        table(*_pairs(lab)) if len(lab.graders) > 1 else "",
        table(
            ["grader", "outcome", "reason", "rows"],
            [[str(value) for value in row] for row in reasons.itertuples(index=False)],
        ),
        f"The graders disagree on {len(differing)} of {count} responses"
        + (f", the first {most}:" if most is not None and len(differing) > most else "."),
        table(*_differing(differing.head(most or count), lab.graders)) if len(differing) else "",
    ]


def _totals(lab: Lab) -> tuple[list[str], list[list[str]]]:
    heads = ["grader", "right", "wrong", "ungradable", "mean reward"]
    heads += ["distinct", "per s", "CPU ms each", "replaced"]
    rows = []
    for row in tables.totals(lab.table, lab.graders).to_dict("records"):
        timing = lab.timings[row["grader"]]
        counts = [str(row[outcome]) for outcome in ("right", "wrong", "ungradable")]
        speed = [str(timing.distinct), f"{timing.per_second:.0f}", f"{timing.cpu_ms:.2g}"]
        speed.append(str(timing.replaced))
        rows.append([row["grader"], *counts, number(row["reward"]), *speed])
    return heads, rows


def _pairs(lab: Lab) -> tuple[list[str], list[list[str]]]:
    heads = ["graders", "both right", "first only", "second only", "neither", "agreement"]
    rows = [
        [
            f"{row['first']}, {row['second']}",
            *(str(row[key]) for key in ("both", "first_only", "second_only", "neither")),
            number(row["agreement"]),
        ]
        for row in tables.pairs(lab.table, lab.graders).to_dict("records")
    ]
    return heads, rows


def _differing(rows: pd.DataFrame, graders: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    shown = [
        [
            str(row["row_id"]),
            _one_line(row["reference"]),
            *(f"{row[name]}: {_one_line(row[f'{name}_answer']) or NOTHING}" for name in graders),
        ]
        for row in rows.to_dict("records")
    ]
    return ["row", "reference", *graders], shown


def _one_line(text: object, longest: int = 32) -> str:
    flat = " ".join(str(text).split())
    return flat if len(flat) <= longest else f"{flat[: longest - 1]}…"


def _write_figure(lab: Lab, curves: pd.DataFrame, out: Path) -> list[Path]:
    """Draw one line per grader, one panel per arm."""
    names = [*lab.graders, *([STORED] if STORED in set(curves["grader"]) else [])]
    # a panel draws a line per arm: here its lines are graders, and the runs' arms are panels
    rows = curves.rename(columns={"arm": "run_arm", "grader": "arm", "reward": "value"})
    arms = list(dict.fromkeys(rows["run_arm"]))
    panels = [
        Panel(
            rows=rows[rows["run_arm"] == arm],
            label=f"mean reward, {arm}",
            unit="fraction",
            has_markers=True,
        )
        for arm in arms
    ]
    title = "The reward that each grader would have given"
    note = "Of lines that coincide the last one is seen."
    note += "" if lab.has_stop_rule else " Unfinished responses earn too."
    if len(panels) == 1:
        figure = curve_figure(panels[0], names, f"{title}: {arms[0]}", note)
    else:
        figure = overview_figure(panels, names, title, note)
    return save_figure(figure, out / FIGURE)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    # through JSON, so that numpy's numbers become plain ones and NaN becomes null
    records: list[dict[str, Any]] = json.loads(frame.to_json(orient="records"))
    return records
