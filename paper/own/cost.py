"""own5: what an arm costs against what it gains, both relative to its control."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.metrics.finals import final_values
from harness.stats.intervals import mean_interval
from paper.grid import GridPanel, draw_grid
from paper.inputs import Inputs, Study
from paper.own.noise import splits
from paper.product import Product
from paper.series import metric_rows
from paper.style import (
    GREY,
    legend_above,
    look_of,
)

COLUMNS = (
    *("study", "metric", "arm", "control", "effect", "effect_low", "effect_high"),
    *("cost", "cost_low", "cost_high", "n", "seeds"),
)
COST = "step_time"


def cost(inputs: Inputs) -> Product:
    """Return own5."""
    rows = [row for study in inputs.studies for row in _rows_of(study)]
    numbers = pd.DataFrame(rows, columns=list(COLUMNS))
    alone = [study.name for study in inputs.studies if len(study.arms) < 2]
    gaps = [f"{name} has one arm: nothing to compare with" for name in alone]
    if not rows:
        gaps.append("no stored study has two arms with a seed in common")
    caption = (
        "Each point is an arm against its control, seed by seed: down its gain at the end of"
        " training, across the time of its training steps as a multiple of the control's. Lines:"
        " 95 % paired t intervals over seeds (n in the legend). Black cross: the control. The first"
        " set of questions of each study; all are in the table. Times are those of the machine that"
        " ran the cells, and its load is in them."
    )
    return Product(
        id="own5",
        place="",
        title="Cost against effect",
        caption=caption,
        numbers=numbers,
        figure=_draw(inputs, numbers, caption),
        runs={study.name: study.runs for study in inputs.studies if len(study.arms) > 1},
        gaps=gaps,
    )


def _rows_of(study: Study) -> list[tuple[object, ...]]:
    control, *others = study.arms
    times = metric_rows(study, COST).groupby(["arm", "seed"])["value"].sum().unstack("arm")
    rows: list[tuple[object, ...]] = []
    for split in splits(study):
        metric = f"accuracy_{split}"
        finals = final_values(study.tables, [metric]).dropna(subset=["value"])
        values = finals.pivot(index="seed", columns="arm", values="value")
        for arm in others:
            known = [set(table.columns) for table in (times, values)]
            if not all({arm, control} <= columns for columns in known):
                continue
            gain = (values[arm] - values[control]).dropna()
            ratio = (times[arm] / times[control]).reindex(gain.index).dropna()
            gain = gain.reindex(ratio.index)
            if gain.empty:
                continue
            effect, spent = (mean_interval(x.to_numpy(dtype=float)) for x in (gain, ratio))
            seeds = " ".join(map(str, gain.index))
            rows.append((study.name, metric, arm, control, *effect, *spent, len(gain), seeds))
    return rows


def _draw(inputs: Inputs, numbers: pd.DataFrame, caption: str) -> Figure:
    groups = list(numbers.groupby("study"))
    panels = []
    for name, rows in groups:
        study = next(study for study in inputs.studies if study.name == name)
        # one set of questions: the others are in the table
        metric = rows["metric"].iloc[0]
        own = rows[rows["metric"] == metric]
        draw = partial(_draw_panel, rows=own, study=study, metric=str(metric))
        panels.append(GridPanel(str(name), own["arm"].nunique() + 1, draw))
    return draw_grid(
        "Cost against effect, each arm relative to its control",
        caption,
        panels,
        nothing="no stored study has two arms with a seed in common",
    )


def _draw_panel(axes: Axes, entries: int, *, rows: pd.DataFrame, study: Study, metric: str) -> None:
    axes.set_ylabel(f"{metric.replace('_', ' ')}: gain [fraction]")
    axes.set_xlabel("training time, multiple of the control's [1]")
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    axes.axvline(1.0, color=GREY, linewidth=0.8)
    axes.plot([1.0], [0.0], "x", color="black", markersize=7, label=f"{study.arms[0]} (control)")
    for row in rows.to_dict("records"):
        look = look_of(str(row["arm"]), study.arms)
        errors = [
            np.array([[row[name] - row[f"{name}_low"]], [row[f"{name}_high"] - row[name]]])
            for name in ("cost", "effect")
        ]
        axes.errorbar(
            row["cost"],
            row["effect"],
            xerr=errors[0],
            yerr=errors[1],
            fmt=look.marker,
            color=look.colour,
            capsize=2,
            markersize=5.5,
            label=f"{row['arm']} (n={row['n']})",
        )
    legend_above(axes, entries)


FIGURES = {"own5": ("Cost against effect, each arm relative to its control", cost)}
