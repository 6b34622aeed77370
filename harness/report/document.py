"""REPORT.md: the answer on the first screen, then what it rests on. Every number has its source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from harness.claims import layout
from harness.metrics.columns import column_of
from harness.plots import BAND_NOTE
from harness.report import detail
from harness.report.deviations import of_runs
from harness.report.effects import SECOND_METHOD
from harness.report.figures import FOLDER, OVERVIEW
from harness.report.results import Results
from harness.stats.intervals import mean_interval, seed_spread
from harness.text import NOTHING, interval, markdown_table, number, paragraphs, spread

CLAIMS = "Claims of the paper"
"""Title of the section that the report leads with."""

DEVIATIONS = "Deviations from the paper"
"""Title of the section that stands at the scales of the paper."""


def document(results: Results) -> str:
    """Return the text of REPORT.md."""
    sections = [
        _head(results),
        claims_section(results),
        _arms_section(results),
        _effects_section(results),
        _figures_section(results),
        detail.answers_section(results),
        detail.differences_section(results),
        detail.runs_section(results),
        detail.cost_section(results),
        detail.health_section(results),
        detail.provenance_section(results),
        _deviations_section(results),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def warning(results: Results) -> str:
    """Return what must be said before any number; "" if nothing must."""
    return " ".join(filter(None, [_too_little(results), _not_done(results)]))


def _not_done(results: Results) -> str:
    asked = len(results.tables.runs)
    count = asked - len(results.done)
    if not count:
        return ""
    return f"{count} of {asked} runs {'is' if count == 1 else 'are'} not done (see Runs)."


def _too_little(results: Results) -> str:
    if not results.is_too_little:
        return ""
    document = results.document
    return (
        f"Too little for any verdict: this is `{results.study.label}`, not the study that"
        f" ablations/{results.study.ablation}.yaml describes ({document['seeds']} seeds,"
        f" {document['steps']} steps)."
    )


def arm_rows(results: Results) -> list[list[str]]:
    """Return one row of text per arm: its name, finished seeds, and each metric at the end."""
    done, runs = results.done, results.tables.runs
    rows = []
    for arm in results.arms:
        seeds = int((done["arm"] == arm).sum())
        asked = int((runs["arm"] == arm).sum())
        cells = [_end_value(results, arm, metric) for metric in results.metrics]
        rows.append([arm, str(seeds) if seeds == asked else f"{seeds} of {asked}", *cells])
    return rows


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


def claims_section(results: Results) -> str:
    """Return the verdicts on the claims that the ablation speaks to."""
    if not results.claims:
        return ""
    lines, scale = results.claims, results.study.scale
    return paragraphs(
        f"## {CLAIMS}",
        f"**{layout.counts(lines)}** ({layout.reach(scale)}).",
        layout.markdown(lines, scale),
        "Each by the rule of its own file (docs/claims.md). Source: `verdicts.json`, rows"
        " `<ablation>:<scale>:<claim>`; all about one: `python -m harness.claims claim=<claim>`.",
    )


def _deviations_section(results: Results) -> str:
    deviations = of_runs(results.study.scale, results.study.configs)
    return paragraphs(f"## {DEVIATIONS}", deviations) if deviations else ""


def _head(results: Results) -> str:
    document = results.document
    note = warning(results)
    seeds = ", ".join(map(str, results.seeds))
    return paragraphs(
        f"# {document['title']} ({results.study.scale} scale)",
        *([f"> **{note}**"] if note else []),
        f"**Question.** {document['question']} ({document['source']})",
        f"Arms: {len(results.arms)}; seeds: {seeds}; training steps:"
        f" {results.study.steps}; control: {results.arms[0]}. Made by `python -m harness.report`;"
        " metrics are explained in docs/metrics.md. A source names the rows of a table: `python -m"
        " harness.trace table=<this file> row=<row>` leads to the runs, files and code behind a"
        " number.",
    )


def _arms_section(results: Results) -> str:
    heads = ["arm", "seeds", *metric_heads(results.metrics)]
    return paragraphs(
        "## Arms at the end of training",
        markdown_table(heads, arm_rows(results)),
        "Start → end: mean over finished seeds, ± the standard deviation over seeds at the end."
        " Start is the first step there is (0 for evaluations, 1 for training); the end is the"
        f" {column_of('accuracy_easy').window} or the {column_of('reward').window}."
        " Source: `steps.parquet`, rows `<arm>/start/<metric>` and `<arm>/final/<metric>`.",
    )


def _end_value(results: Results, arm: str, metric: str) -> str:
    finals = results.finals
    mine = finals[(finals["metric"] == metric) & (finals["arm"] == arm)]
    values = mine["value"].dropna().to_numpy(dtype=float)
    if not values.size:
        return NOTHING
    unit = column_of(metric).unit
    mean = mean_interval(values).point
    start = number(start_value(results, arm, metric), unit)
    return f"{start} → {spread(mean, seed_spread(values), unit)}"


def _effects_section(results: Results) -> str:
    if results.effects.empty:
        return ""
    return paragraphs(
        f"## Paired differences from the control ({results.arms[0]})",
        markdown_table(
            ["metric", "arm - control", "unit", "estimate", "95 % interval", "bootstrap", "n"],
            [_effect_row(effect) for _, effect in results.effects.iterrows()],
            "<<<>>>>",
        ),
        _effect_note(results),
    )


def _effect_row(effect: pd.Series) -> list[str]:
    unit = str(effect["unit"])
    return [
        str(effect["metric"]),
        str(effect["arm"]),
        unit,
        number(effect["estimate"], unit, sign=True),
        interval(effect["low"], effect["high"], unit),
        interval(effect["bootstrap_low"], effect["bootstrap_high"], unit),
        str(effect["n_seeds"]),
    ]


def _effect_note(results: Results) -> str:
    most = int(results.effects["n_seeds"].max())
    draws = int(results.effects["bootstrap_draws"].max())
    few = (
        f" With {most} seeds the t interval is wide, and the bootstrap too narrow to be believed."
        if 1 < most < 5
        else ""
    )
    none = " One seed gives no interval." if most < 2 else ""
    return (
        "Interval: t over the differences within each seed (n seeds). Bootstrap: percentile,"
        f" {draws} draws; for accuracy {SECOND_METHOD.split(',')[0]}, question, sample), else over"
        f" seeds.{few}{none} Not corrected for the number of rows. Source: `effects.csv`, rows"
        " `<metric>:<arm>`."
    )


def _figures_section(results: Results) -> str:
    title = results.document["title"]
    names = [OVERVIEW, *results.metrics]
    pictures = [f"![{title}: {name}]({Path(FOLDER) / name}.svg)" for name in names]
    return paragraphs(
        "## Figures", *pictures, f"{BAND_NOTE} Finished runs only. Source: `steps.parquet`."
    )
