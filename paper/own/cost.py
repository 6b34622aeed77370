"""own5: what an arm costs against what it gains, both relative to its control."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.metrics.finals import final_values
from harness.stats.intervals import mean_interval
from paper.inputs import Inputs, Study
from paper.own.noise import splits
from paper.product import Product
from paper.series import metric_rows
from paper.style import (
    GREY,
    MARGIN,
    caption_height,
    house_style,
    legend_above,
    legend_height,
    look_of,
    name_gap,
    new_figure,
    place_axes,
    wrapped,
    write_text,
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
        " 95 % paired t intervals over seeds (n in the legend). Black cross: the control. Times are"
        " those of the machine that ran the cells, and its load is in them."
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
    panels = list(numbers.groupby(["study", "metric"])) if len(numbers) else []
    width = max(len(panels), 2) * 3.9 + 0.3
    text = wrapped(caption, width)
    most = max((len(rows) for _, rows in panels), default=0) + 1
    top = 0.68 + legend_height(most)
    with house_style():
        figure = new_figure(width, top + 2.85 + caption_height(text))
        title = "Cost against effect, each arm relative to its control"
        write_text(figure, MARGIN, 0.1, title, fontsize=11, fontweight="bold")
        if not panels:
            axes = place_axes(figure, 0.75, 0.75, width - 1.2, 2.2)
            name_gap(axes, "no stored study has two arms with a seed in common", 60)
        for place, (key, rows) in enumerate(panels):
            study = next(s for s in inputs.studies if s.name == key[0])
            axes = place_axes(figure, 0.8 + place * 3.9, top, 2.95, 2.2)
            axes.set_title(f"{key[0]}")
            axes.set_ylabel(f"{str(key[1]).replace('_', ' ')}: gain [fraction]")
            _draw_panel(axes, rows, study, most)
        write_text(figure, MARGIN, top + 2.8, text, fontsize=8, color=GREY)
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame, study: Study, entries: int) -> None:
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
