"""The report: the answer first, then what it rests on. Every number has its source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from harness.claims import layout
from harness.claims.sheet import Line
from harness.metrics.columns import column_of
from harness.plots import ENDS_NOTE, LINE_NOTE
from harness.report import detail
from harness.report.deviations import of_runs
from harness.report.factors import LEVEL
from harness.report.figures import FACTORS, FOLDER, OVERVIEW
from harness.report.health import health_section
from harness.report.results import Results
from harness.report.sections import Block, Caution, Paragraph, Picture, Section, markdown
from harness.stats.bootstrap import METHOD
from harness.stats.intervals import mean_interval, seed_spread
from harness.store.data_names import data_names
from harness.text import (
    NOTHING,
    Cell,
    Row,
    Table,
    in_line,
    interval,
    number,
    numeric,
    paragraphs,
    spread,
)


def document(results: Results) -> str:
    """Return the text of REPORT.md."""
    parts = [f"# {in_line(results.title)}", markdown(head(results))]
    parts += [f"## {part.title}\n\n{markdown(part.blocks)}" for part in sections(results)]
    return paragraphs(*parts) + "\n"


def sections(results: Results) -> list[Section]:
    """Return the sections that have something to say, in the order of the report."""
    return [section for make in SECTIONS if (section := make(results)).blocks]


def head(results: Results) -> list[Block]:
    """Return question, size, and what must be said before any number."""
    document, note = results.document, warning(results)
    seeds = ", ".join(map(str, results.seeds))
    return [
        *([Caution(note)] if note else []),
        Paragraph(f"**Question.** {document['question']} ({document['source']})"),
        Paragraph(
            f"Arms: {len(results.arms)}; seeds: {seeds}; training steps: {results.study.steps};"
            f" control: {results.arms[0]}; data: {data_names(results.study.protocol)}. Made by"
            " `python -m harness.report`; metrics are explained in docs/metrics.md. A source names"
            " the rows of a table: `python -m harness.trace table=<this file> row=<row>` leads to"
            " the runs, files and code behind a number."
        ),
    ]


def warning(results: Results) -> str:
    """Return the warning that stands before all numbers, "" for none."""
    return " ".join(filter(None, [_too_little(results), _not_done(results)]))


def _not_done(results: Results) -> str:
    requested = len(results.tables.runs)
    count = requested - len(results.done)
    if not count:
        return ""
    return f"{count} of {requested} runs {'is' if count == 1 else 'are'} not done (see Runs)."


def _too_little(results: Results) -> str:
    if not results.is_too_little:
        return ""
    document = results.document
    seeds = document["seeds"]
    count = seeds if isinstance(seeds, int) else len(seeds)
    return (
        f"Too little for any verdict: this is `{results.study.label}`, not the study that"
        f" ablations/{results.study.ablation}.yaml describes ({count} seeds,"
        f" {document['steps']} steps)."
    )


def arms_table(results: Results) -> Table:
    """Return one row per arm: its name, finished seeds, and each metric at the end."""
    done, runs = results.done, results.tables.runs
    rows: list[Row] = []
    for arm in results.arms:
        seeds = int((done["arm"] == arm).sum())
        requested = int((runs["arm"] == arm).sum())
        count = str(seeds) if seeds == requested else f"{seeds} of {requested}"
        cells = [_end_value(results, arm, metric) for metric in results.metrics]
        rows.append([arm, Cell(count, seeds), *cells])
    return Table(["arm", "seeds", *metric_heads(results.metrics)], rows)


def effects_table(results: Results) -> Table:
    """Return one row per metric and arm: its difference from the control, with two intervals."""
    heads = ["metric", "arm - control", "unit", "estimate", "95 % interval", "bootstrap", "n"]
    rows = [_effect_row(effect) for _, effect in results.effects.iterrows()]
    return Table(heads, rows, "<<<>>>>")


def metric_heads(metrics: Sequence[str]) -> list[str]:
    """Return column heads with units."""
    units = [column_of(metric).unit for metric in metrics]
    return [m if u == "1" else f"{m} [{u}]" for m, u in zip(metrics, units, strict=True)]


def start_value(results: Results, arm: str, metric: str) -> float:
    """Return the mean over finished seeds of a metric at its first step; NaN if there is none."""
    steps = results.tables.steps
    finished = set(results.done["run_id"])
    rows = steps[(steps["metric"] == metric) & (steps["arm"].astype(str) == arm)]
    rows = rows[rows["run_id"].isin(finished)]
    return float(rows.loc[rows["step"] == rows["step"].min(), "value"].mean())


def claims_section(results: Results) -> Section:
    """Return the verdicts on the claims that the ablation speaks to."""
    lines, scale = results.claims, results.study.scale
    note = Paragraph(
        "Each by the rule of its own file (docs/claims.md). Source: `verdicts.json`, rows"
        " `<ablation>:<scale>:<claim>`; all about one: `python -m harness.claims claim=<claim>`."
    )
    counts = Paragraph(f"**{layout.counts(lines)}** ({layout.reach(scale)}).")
    return Section(
        title="Claims of the paper",
        slug="claims",
        place="claims",
        blocks=[counts, *claim_blocks(lines, scale), note] if lines else [],
    )


def claim_blocks(lines: Sequence[Line], scale: str) -> list[Block]:
    """Return the claim sheet, with what its columns mean and how far it reaches."""
    note = layout.full_note(scale)
    return [layout.sheet_table(lines), Paragraph(note)]


def _deviations_section(results: Results) -> Section:
    return Section(
        title="Deviations from the paper",
        slug="deviations",
        blocks=of_runs(results.study.scale, results.study.configs),
    )


def _arms_section(results: Results) -> Section:
    note = (
        "Start → end: mean over finished seeds, ± the standard deviation over seeds at the end."
        " Start is the first step there is (0 for evaluations, 1 for training); the end is the"
        f" {column_of('accuracy_easy').window} or the {column_of('reward').window}."
        " Source: `steps.parquet`, rows `<arm>/start/<metric>` and `<arm>/final/<metric>`."
    )
    return Section(
        title="Arms at the end of training",
        slug="arms",
        place="results",
        blocks=[arms_table(results), Paragraph(note)],
    )


def _end_value(results: Results, arm: str, metric: str) -> Cell:
    finals = results.finals
    mine = finals[(finals["metric"] == metric) & (finals["arm"] == arm)]
    values = mine["value"].dropna().to_numpy(dtype=float)
    if not values.size:
        return Cell(NOTHING)
    unit = column_of(metric).unit
    mean = mean_interval(values).point
    start = number(start_value(results, arm, metric), unit)
    return Cell(f"{start} → {spread(mean, seed_spread(values), unit)}", mean)


def _effects_section(results: Results) -> Section:
    has_effects = not results.effects.empty
    return Section(
        title=f"Paired differences from the control ({results.arms[0]})",
        slug="paired",
        place="results",
        blocks=[effects_table(results), Paragraph(_effect_note(results))] if has_effects else [],
    )


def _effect_row(effect: pd.Series) -> Row:
    unit = str(effect["unit"])
    low, bootstrap_low = effect["low"], effect["bootstrap_low"]
    return [
        str(effect["metric"]),
        str(effect["arm"]),
        unit,
        numeric(effect["estimate"], unit, sign=True),
        Cell(interval(low, effect["high"], unit), low),
        Cell(interval(bootstrap_low, effect["bootstrap_high"], unit), bootstrap_low),
        numeric(effect["n_seeds"], "rows"),
    ]


def _effect_note(results: Results) -> str:
    most = int(results.effects["n_seeds"].max())
    draws = int(results.effects["bootstrap_draws"].max())
    few = f" With {most} seeds both intervals are wide." if 1 < most < 5 else ""
    none = " One seed gives no interval." if most < 2 else ""
    return (
        f"Interval: t over the differences within each seed (n seeds). Bootstrap: {METHOD}, {draws}"
        f" draws.{few}{none} Not corrected for the number of rows. Source: `effects.csv`, rows"
        " `<metric>:<arm>`."
    )


def _factors_section(results: Results) -> Section:
    rows = [_factor_row(row) for _, row in results.factors.iterrows()]
    note = Paragraph(
        "A factor's effect: mean of the arms with its second level minus mean of those with its"
        " first, so every effect uses every run. A pair: the effect of the one where the other has"
        " its second level, minus where it has its first; 0 if neither changes what the other does."
        f" Interval: t over seeds, {LEVEL:.0%} each, not corrected for their number: of"
        f" {len(rows)}, some {max(1, round(len(rows) * (1 - LEVEL)))} leave out 0 by chance."
        f" Source: `{FACTORS}.csv`, rows `<metric>:<effect>`."
    )
    heads = ["metric", "effect", "unit", "estimate", f"{LEVEL:.0%} interval", "n"]
    picture = Picture("Effects of the factors", f"{Path(FOLDER) / FACTORS}.svg")
    return Section(
        title="Factors, alone and in pairs",
        slug=FACTORS,
        place="results",
        blocks=[picture, Table(heads, rows, "<<<>>>"), note] if rows else [],
    )


def _factor_row(row: pd.Series) -> Row:
    unit = str(row["unit"])
    return [
        str(row["metric"]),
        str(row["effect"]),
        unit,
        numeric(row["estimate"], unit, sign=True),
        Cell(interval(row["low"], row["high"], unit), row["low"]),
        numeric(row["n_seeds"], "rows"),
    ]


def _figures_section(results: Results) -> Section:
    title = results.document["title"]
    pictures = [
        Picture(f"{title}: {name}", f"{Path(FOLDER) / name}.svg")
        for name in (OVERVIEW, *results.metrics)
    ]
    note = Paragraph(f"{LINE_NOTE} {ENDS_NOTE} Finished runs only. Source: `steps.parquet`.")
    return Section(title="Figures", slug="figures", place="curves", blocks=[*pictures, note])


SECTIONS: Sequence[Callable[[Results], Section]] = (
    claims_section,
    _arms_section,
    _effects_section,
    _factors_section,
    _figures_section,
    detail.answers_section,
    detail.differences_section,
    detail.runs_section,
    detail.cost_section,
    health_section,
    detail.provenance_section,
    _deviations_section,
)
"""Every section, in the order of the report; a new one is a function and a line here."""
