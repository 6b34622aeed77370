"""Figures of a comparison: curves and their difference, or a row per benchmark; and profiles."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from harness.compare.comparison import Comparison, StudyComparison
from harness.compare.questions import QuestionScores
from harness.evaluate.picture import Mark, rows_figure
from harness.metrics.columns import column_of, label_of, split_of
from harness.plots import (
    DifferencePanel,
    Panel,
    StepLine,
    curve_figure,
    difference_figure,
    save_figure,
    step_figure,
)

SHORT_WARNING = "NOT COMPARABLE, compared all the same"


def write_comparison_figures(comparison: Comparison, folder: Path) -> list[Path]:
    """Write the figures as SVG and PNG; return the paths.

    Args:
        comparison: what to draw.
        folder: to write to; it is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(comparison, StudyComparison):
        written = _curve_figures(comparison, folder)
    else:
        written = save_figure(_accuracies(comparison), folder / "accuracy")
    for scores in comparison.questions:
        written += save_figure(_profile(comparison, scores), folder / f"{scores.metric}-profile")
    return written


def _curve_figures(comparison: StudyComparison, folder: Path) -> list[Path]:
    warning = f"{SHORT_WARNING}: " if comparison.warning else ""
    written: list[Path] = []
    for curve in comparison.curves:
        if not curve.steps:
            continue
        metric = curve.metric
        panel = _panel(comparison, metric)
        figure = curve_figure(panel, _names(comparison), f"{warning}{metric}")
        written += save_figure(figure, folder / metric)
        if curve.band is not None:
            difference = DifferencePanel(
                steps=curve.steps,
                point=tuple(map(float, curve.band.point_T)),
                low=tuple(map(float, curve.band.low_T)),
                high=tuple(map(float, curve.band.high_T)),
                label="difference",
                unit=curve.unit,
            )
            title = f"{warning}{metric}, candidate minus baseline"
            note = (
                f"Band: {100 * curve.band.level:g} % for all steps together. {comparison.warning}"
            )
            figure = difference_figure(difference, title, note)
            written += save_figure(figure, folder / f"{metric}-difference")
    return written


def _profile(comparison: Comparison, scores: QuestionScores) -> Figure:
    lines = [
        StepLine(
            name=name,
            x=scores.threshold_T.tolist(),
            y=profile.point_T.tolist(),
            low=profile.low_T.tolist(),
            high=profile.high_T.tolist(),
        )
        for name, profile in zip(_names(comparison), reversed(scores.profiles), strict=True)
    ]
    warning = f"{SHORT_WARNING}: " if comparison.warning else ""
    level = 100 * comparison.settings.level
    return step_figure(
        lines,
        ("score of a question [fraction]", "share of scores above it [fraction]"),
        f"{warning}{scores.metric}, performance profile",
        f"Band: {level:g} % at each score, {scores.improvement.method}. {comparison.warning}",
    )


def _accuracies(comparison: Comparison) -> Figure:
    label = f"{100 * comparison.settings.level:g} % over questions"
    rows = []
    for effect in comparison.effects:
        if split_of(effect.metric)[0] == "accuracy":
            point, low, high = effect.difference.interval
            mark = Mark(label=label, value=point, low=low, high=high)
            rows.append((split_of(effect.metric)[1], [mark]))
    title = ("NOT COMPARABLE: " if comparison.warning else "") + comparison.title
    return rows_figure(rows, "accuracy, candidate minus baseline [fraction]", title, zero=True)


def _names(comparison: Comparison) -> tuple[str, str]:
    return (
        f"baseline: {comparison.baseline.name}",
        f"candidate: {comparison.candidate.name}",
    )


def _panel(comparison: StudyComparison, metric: str) -> Panel:
    frames = []
    sides = (comparison.baseline, comparison.candidate)
    for name, side in zip(_names(comparison), sides, strict=True):
        rows = side.curves[side.curves["metric"] == metric]
        frames.append(rows[["seed", "step", "value"]].assign(arm=name))
    column = column_of(metric)
    return Panel(
        rows=pd.concat(frames, ignore_index=True),
        label=label_of(metric),
        unit=column.unit,
        has_markers=column.source == "evaluation",
    )
