"""The figures of a study: one per metric of the report, and the overview of the README."""

from __future__ import annotations

from pathlib import Path

from harness.metrics.columns import column_of, label_of, split_of
from harness.plots import (
    EffectPanel,
    Panel,
    curve_figure,
    effect_figure,
    overview_figure,
    save_figure,
)
from harness.report.results import Results

FOLDER = "figures"
OVERVIEW = "overview"
FACTORS = "factors"
"""Stem of the figure of the factors, and of its table."""
EFFECT_NOTE = (
    "Second level minus first, mean over all other levels; a pair: how much one changes the effect"
    " of the other. Bars: 95 % t intervals over seeds; grey where 0 is inside."
)
TOO_LITTLE = "Too little for any verdict."


def write_figures(results: Results, out: Path) -> list[Path]:
    """Write the figures of a study below its directory, as SVG and PNG.

    Only finished runs are drawn.

    Returns:
        The files, the overview first.
    """
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    note = TOO_LITTLE if results.is_too_little else ""
    panels = {metric: panel_of(results, metric) for metric in results.metrics}
    overview = overview_figure(
        [panels[metric] for metric in overview_metrics(results)], results.arms, results.title, note
    )
    written = save_figure(overview, folder / OVERVIEW)
    for metric, panel in panels.items():
        figure = curve_figure(panel, results.arms, f"{results.title}: {panel.label}", note)
        written += save_figure(figure, folder / metric)
    if effects := _effect_panels(results):
        factors = effect_figure(
            effects, f"{results.title}: factors, alone and in pairs", f"{EFFECT_NOTE} {note}"
        )
        written += save_figure(factors, folder / FACTORS)
    return written


def panel_of(results: Results, metric: str) -> Panel:
    """Return the rows and the labels of one metric's figure."""
    runs = results.tables.runs
    finished = set(runs.loc[runs["is_included"].astype(bool), "run_id"])
    steps = results.tables.steps
    rows = steps[(steps["metric"] == metric) & steps["run_id"].isin(finished)]
    column = column_of(metric)
    return Panel(
        rows=rows,
        label=label_of(metric),
        unit=column.unit,
        has_markers=column.source == "evaluation",
        ends=results.effects[results.effects["metric"] == metric],
    )


def _effect_panels(results: Results) -> list[EffectPanel]:
    """Return one panel per metric, with one row per effect of the factors."""
    return [
        EffectPanel(
            rows=own[["effect", "estimate", "low", "high"]],
            label=label_of(str(metric)),
            unit=column_of(str(metric)).unit,
        )
        for metric, own in results.factors.groupby("metric", sort=False)
    ]


def overview_metrics(results: Results) -> list[str]:
    """At most four metrics: reward, length, the first accuracy, the first share that reflects."""
    accuracies = [metric for metric in results.metrics if metric.startswith("accuracy_")]
    reflection = [metric for metric in results.metrics if split_of(metric)[0] == "reflection"]
    wanted = ["reward", "response_length", *accuracies[:1], *reflection[:1]]
    return [metric for metric in wanted if metric in results.metrics]
