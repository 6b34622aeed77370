"""Tables of the paper as Markdown and CSV: its numbers, and below them ours with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated

import pandas as pd

from harness.claims.layout import reach
from harness.metrics.finals import final_values
from harness.micro.template import PROMPT_TEMPLATE
from harness.text import markdown_table
from harness.typed import Form, Many, keyed, read_form
from paper.inputs import Inputs, Study, missing_study
from paper.layout import FOLDER, OursSpec
from paper.product import Product, claims_of
from paper.series import interval_of, metric_label

TABLES = FOLDER / "tables.yaml"
COLUMNS = ("part", "row", "column", "value", "low", "high", "n", "unit", "source")


NO_RUNS = OursSpec(ablation="", arms=(), metrics=())


class TableSpec(Form):
    """One table of the paper.

    Attributes:
        id: name of its files.
        place: version and number in the paper.
        same: ids of other versions' tables that show the same.
        title: what it shows.
        table: name of the reference; "" for the prompt.
        ours: what stands below it of our runs.
        lacks: what is not shown, and why.
    """

    id: str
    place: str
    same: Many[str] = ()
    title: str
    table: str = ""
    ours: OursSpec = NO_RUNS
    lacks: Many[str]


class Tables(Form):
    """The file: id -> table."""

    tables: Annotated[Mapping[str, TableSpec], keyed("id")]


@cache
def read_tables(path: Path = TABLES) -> Mapping[str, TableSpec]:
    """Return the tables of the paper by id."""
    return read_form(Tables, path, place=path.name).tables


def make_table(spec: TableSpec, inputs: Inputs) -> Product:
    """Return one table of the paper, made from the source."""
    if not spec.table:
        return _prompt(spec)
    rows = _published_rows(spec, inputs) if inputs.draws_paper else []
    parts = [f"# {spec.place}: {spec.title}"]
    if inputs.draws_paper:
        parts.append(_published_text(spec, inputs))
    studies, gaps = _studies(spec, inputs)
    for study in studies:
        rows += _own_rows(spec, study)
        parts.append(_own_text(study, [row for row in rows if row[0] == study.name]))
    parts += [f"Missing: {gap}." for gap in gaps]
    references = [spec.table] if inputs.draws_paper else []
    return Product(
        id=spec.id,
        place=spec.place,
        title=spec.title,
        caption="Intervals: 95 % t interval over seeds at the last evaluation.",
        numbers=pd.DataFrame(rows, columns=list(COLUMNS)),
        text="\n\n".join(parts) + "\n",
        references=references,
        runs={study.name: _runs(study, spec.ours.arms) for study in studies},
        claims=claims_of(inputs, [spec.table]),
        gaps=gaps,
    )


def _studies(spec: TableSpec, inputs: Inputs) -> tuple[Sequence[Study], list[str]]:
    """Return the studies with an arm of the table, and what is missing."""
    gaps = list(spec.lacks)
    ours = spec.ours
    if not ours.ablation or not inputs.draws_ours:
        return (), gaps
    studies = [s for s in inputs.of_ablation(ours.ablation) if set(ours.arms) & set(s.arms)]
    if not studies:
        gaps.append(missing_study(ours.ablation, inputs))
    return studies, gaps


def _published_rows(spec: TableSpec, inputs: Inputs) -> list[tuple[object, ...]]:
    table = inputs.paper.tables[spec.table]
    nothing = (math.nan, math.nan, None)
    return [
        ("published", row, column, cells[column], *nothing, table.unit, table.name)
        for row, cells in table.cells.items()
        for column in table.columns
    ]


def _published_text(spec: TableSpec, inputs: Inputs) -> str:
    table = inputs.paper.tables[spec.table]
    heads = ["model", *(f"{column} [{table.unit}]" for column in table.columns)]
    rows = [
        [row, *("-" if math.isnan(cells[c]) else f"{cells[c]:.1f}" for c in table.columns)]
        for row, cells in table.cells.items()
    ]
    text = markdown_table(heads, rows, "<" + ">" * len(table.columns))
    traps = "".join(f" Note: {trap}." for trap in table.traps)
    note = f"Published: {table.source.text()}; `-` is an empty cell of the paper.{traps}"
    return f"{text}\n\n{note}"


def _own_rows(spec: TableSpec, study: Study) -> list[tuple[object, ...]]:
    finals = final_values(study.tables, spec.ours.metrics)
    rows: list[tuple[object, ...]] = []
    for arm in spec.ours.arms:
        for metric in spec.ours.metrics:
            is_mine = (finals["arm"].astype(str) == arm) & (finals["metric"] == metric)
            values = finals.loc[is_mine, "value"].dropna().to_list()
            found = interval_of(values)
            unit = metric_label(metric)[1]
            runs = " ".join(sorted(finals.loc[is_mine, "run_id"]))
            rows.append((study.name, arm, metric, *found, len(values), unit, runs))
    return rows


def _own_text(study: Study, rows: Sequence[tuple[object, ...]]) -> str:
    arms = list(dict.fromkeys(str(row[1]) for row in rows))
    metrics = list(dict.fromkeys(str(row[2]) for row in rows))
    cells = {(row[1], row[2]): _with_interval(row) for row in rows}
    heads = ["arm", *(f"{metric} [{metric_label(metric)[1]}]" for metric in metrics)]
    table = markdown_table(
        heads,
        [[arm, *(cells[arm, metric] for metric in metrics)] for arm in arms],
        "<" + ">" * len(metrics),
    )
    return (
        f"## Ours: {study.title}\n\n{table}\n\nMean over seeds, 95 % t interval, n seeds;"
        f" {reach(study.scale)}. Other questions than the paper's: no column compares."
    )


def _with_interval(row: Sequence[object]) -> str:
    value, low, high, count = row[3:7]
    return f"{value:.3f} [{low:.3f}, {high:.3f}] (n={count})" if count else "-"


def _runs(study: Study, arms: Sequence[str]) -> list[str]:
    runs = study.tables.runs
    is_mine = runs["is_included"].astype(bool) & runs["arm"].astype(str).isin(arms)
    return sorted(runs.loc[is_mine, "run_id"].astype(str))


def _prompt(spec: TableSpec) -> Product:
    lines = PROMPT_TEMPLATE.split("\n")
    source = "harness/micro/template.py"
    rows = [("ours", number, "text", line, source) for number, line in enumerate(lines, start=1)]
    quoted = "\n".join(["```text", *lines, "```"])
    text = (
        f"# {spec.place}: {spec.title}\n\n{quoted}\n\nOne string for training and evaluation"
        f" (`{source}`). Missing: {'; '.join(spec.lacks)}.\n"
    )
    return Product(
        id=spec.id,
        place=spec.place,
        title=spec.title,
        caption="The prompt of the authors' code, with the problem in braces.",
        numbers=pd.DataFrame(rows, columns=["part", "line", "column", "value", "source"]),
        text=text,
        gaps=list(spec.lacks),
    )
