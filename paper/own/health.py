"""own7: whether every run is whole: what is missing, torn, tried again or undefined in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from paper.inputs import Inputs, Study
from paper.product import Product
from paper.series import metric_rows
from paper.style import (
    GREY,
    MARGIN,
    caption_height,
    house_style,
    name_gap,
    new_figure,
    place_axes,
    wrapped,
    write_text,
)

COUNTS = {
    "steps_missing": "steps\nmissing",
    "rows_missing": "evaluation\nrows missing",
    "rows_unscored": "rows\nunscored",
    "torn_lines": "torn\nlines",
    "undefined": "undefined\nvalues",
}
"""Column of the table -> heading; 0 is fine, more is not, unknown is unknown."""

SHOWN = {
    "attempts": "attempts",
    "rollout_probs_diff": "rollout against\ntrainer, largest",
    "clipped_share": "cut off,\nlargest share",
    "wall_min": "minutes",
}
"""Column of the table -> heading; shown and not judged."""

MOST_ROWS = 60
FINE, LOOK, UNKNOWN, PLAIN = 0, 1, 2, 3
SHADES = ListedColormap(["#CFE8E0", "#F3B58F", "#E6E6E6", "#FFFFFF"])
_ROW, _LEFT, _COLUMN, _TOP = 0.22, 3.3, 0.92, 1.0


def health(inputs: Inputs) -> Product:
    """Return own7."""
    rows = [row for study in inputs.studies for row in _rows_of(study)]
    columns = ["study", "run", "status", "reason", *COUNTS, *SHOWN]
    numbers = pd.DataFrame(rows, columns=columns)
    shown = _worst_first(numbers)
    caption = (
        "One row per run. Green: as it should be. Orange: not done, or more than 0. Grey, -: the"
        " record does not say (a baseline keeps finished runs and no counts). White: shown and not"
        " judged; rollout against trainer is the largest step mean of the absolute difference of a"
        " token's probability."
    )
    left_out = len(numbers) - len(shown)
    if left_out:
        caption += f" {left_out} more runs, none of them worse, are in the table alone."
    return Product(
        id="own7",
        place="",
        title="Health of the runs",
        caption=caption,
        numbers=numbers,
        figure=_draw(shown, caption),
        runs={
            study.name: list(study.tables.runs["run_id"].astype(str)) for study in inputs.studies
        },
        gaps=[] if rows else ["no run is stored"],
    )


def _rows_of(study: Study) -> list[dict[str, Any]]:
    extremes = {
        metric: metric_rows(study, metric).groupby("run_id")["value"].max()
        for metric in ("rollout_probs_diff", "clipped_share")
    }
    steps = study.tables.steps
    undefined = steps["value"].isna().groupby(steps["run_id"].astype(str)).sum()
    rows = []
    for run in study.tables.runs.to_dict("records"):
        name = str(run["run_id"])
        rows.append(
            {
                **{key: run.get(key, np.nan) for key in (*COUNTS, "attempts")},
                **{key: values.get(name, np.nan) for key, values in extremes.items()},
                "study": study.name,
                "run": name,
                "status": run["status"],
                "reason": run.get("reason") or "",
                "undefined": int(undefined.get(name, 0)),
                "wall_min": float(run.get("wall_s", np.nan)) / 60.0,
            }
        )
    return rows


def _worst_first(numbers: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are drawn: all, or those with something to look at and then others."""
    if len(numbers) <= MOST_ROWS:
        return numbers
    is_bad = (numbers["status"] != "done") | (numbers[list(COUNTS)].fillna(0) > 0).any(axis=1)
    return numbers.assign(is_bad=is_bad).sort_values("is_bad", ascending=False, kind="stable")[
        :MOST_ROWS
    ]


def _draw(rows: pd.DataFrame, caption: str) -> Figure:
    heads = {"status": "status", **COUNTS, **SHOWN}
    width = _LEFT + len(heads) * _COLUMN + 0.2
    text = wrapped(caption, width)
    high = _ROW * max(len(rows), 4)
    with house_style():
        figure = new_figure(width, _TOP + high + 0.15 + caption_height(text))
        write_text(figure, MARGIN, 0.1, "Health of the runs", fontsize=11, fontweight="bold")
        axes = place_axes(figure, _LEFT, _TOP, len(heads) * _COLUMN, high)
        if rows.empty:
            name_gap(axes, "no run is stored", 60)
            axes.set_xticks([])
            axes.set_yticks([])
        else:
            shades = np.array([[_shade(r, key) for key in heads] for r in rows.to_dict("records")])
            words = np.array([[_word(r, key) for key in heads] for r in rows.to_dict("records")])
            sns.heatmap(
                shades,
                annot=words,
                fmt="",
                cmap=SHADES,
                vmin=0,
                vmax=3,
                cbar=False,
                ax=axes,
                linewidths=0.8,
                annot_kws={"fontsize": 7.5, "color": "black"},
                xticklabels=list(heads.values()),
                yticklabels=[f"{r['study']}  {r['run']}" for r in rows.to_dict("records")],
            )
            axes.xaxis.tick_top()
            axes.tick_params(length=0, labelsize=7.5, labelrotation=0)
        write_text(figure, MARGIN, _TOP + high + 0.12, text, fontsize=8, color=GREY)
    return figure


def _shade(row: dict[Any, Any], key: str) -> int:
    value = row[key]
    if key == "status":
        return FINE if value == "done" else LOOK
    if pd.isna(value):
        return UNKNOWN
    if key in SHOWN:
        return PLAIN
    return LOOK if value > 0 else FINE


def _word(row: dict[Any, Any], key: str) -> str:
    value = row[key]
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "-"
    return f"{value:.2g}" if key in ("rollout_probs_diff", "clipped_share") else f"{value:.0f}"


FIGURES = {"own7": ("Health of the runs", health)}
