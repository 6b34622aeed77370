"""own3 and own4: where the noise of an accuracy comes from, and what more seeds would buy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.metrics.columns import SPLIT_PREFIX, short_split
from harness.metrics.finals import final_values, score_array
from harness.stats.intervals import half_width, mean_interval, seed_spread
from harness.stats.variance import VarianceSplit, split_difference, split_variance
from harness.store.bundle import scores_of
from paper.grid import GridPanel, draw_grid
from paper.inputs import Inputs, Study
from paper.product import Product
from paper.style import (
    GREY,
    MARGIN,
    caption_height,
    house_style,
    legend_above,
    look_of,
    name_gap,
    new_figure,
    place_axes,
    wrapped,
    write_text,
)

COMPONENTS = {
    "training": "training seed",
    "training_by_question": "seed x question",
    "question": "question",
    "sampling": "sampling of the response",
}
COLOURS = ("#0072B2", "#56B4E9", "#E69F00", "#D9D9D9")
HATCHES = ("", "//", "", "..")
SEEDS = (*range(2, 11), 12, 15, 20, 30)
"""Numbers of seeds for which a width is foretold."""

_ROW, _LEFT, _AXES, _TOP = 0.26, 3.5, 5.2, 0.72
_NONE = "no stored study has single scores of two seeds or more"


def variance(inputs: Inputs) -> Product:
    """Return own3: variance components of the last evaluation, per arm and of differences."""
    rows = [row for study in inputs.studies for row in _splits_of(study)]
    # one set of questions: the others are in the table, and every set would be a wall of bars
    first = {study.name: (splits(study) or [""])[0] for study in inputs.studies}
    drawn = [row for row in rows if row[1] == first[row[0]]]
    caption = (
        "Variance of one sample's score at the last evaluation, split by the analysis of variance"
        " (moments; harness/stats/variance.py); the number at the end of a bar is its sum. More"
        " seeds reduce the first two parts, more questions the second and third, more samples the"
        " last. n: seeds x questions x samples. A part that is estimated below 0 is set to 0; of a"
        " difference, what questions and seeds do to both arms is in no part. The first set of"
        " questions of each study; all are in the table."
        f"{_alignment(inputs.studies)}"
    )
    columns = ["study", "split", "subject", *COMPONENTS, "seeds", "questions", "samples", "note"]
    return Product(
        id="own3",
        place="",
        title="Where the noise of an accuracy comes from",
        caption=caption,
        numbers=pd.DataFrame(
            [_record(study, split, name, found) for study, split, name, found in rows],
            columns=columns,
        ),
        figure=_draw_variance(drawn, caption),
        runs={study.name: study.runs for study in inputs.studies},
        gaps=[] if rows else [_NONE],
    )


def widths(inputs: Inputs) -> Product:
    """Return own4: half-width of the interval of a difference against the number of seeds."""
    tables = [_widths_of(study) for study in inputs.studies]
    numbers = pd.concat(tables) if tables else pd.DataFrame()
    caption = (
        "Half-width of the 95 % paired t interval of an arm minus its control, at the last"
        " evaluation. Lines: foretold from the spread over the stored seeds (t quantile x spread /"
        " root of n). Dots: what neighbouring stored seeds, in order, really give; a"
        " width of 0 is in the table alone. n: the axis. The first set of questions of each study;"
        " all are in the table."
    )
    return Product(
        id="own4",
        place="",
        title="What more seeds buy",
        caption=caption,
        numbers=numbers,
        figure=_draw_widths(inputs, numbers, caption),
        runs={study.name: study.runs for study in inputs.studies},
        gaps=[] if len(numbers) else ["no stored study has two arms with two seeds or more"],
    )


def _alignment(studies: Sequence[Study]) -> str:
    """Say of which studies differences are taken sample by sample, and of which they cannot be."""
    paired = [study for study in studies if len(study.arms) > 1]
    aligned, counted = (
        ", ".join(study.name for study in paired if study.is_aligned == is_aligned)
        for is_aligned in (True, False)
    )
    said = (
        f" Differences sample by sample, without what the arms share: {aligned}." if aligned else ""
    )
    if counted:
        said += f" Samples are not aligned, so that their part is the most it can be: {counted}."
    return said


def splits(study: Study) -> list[str]:
    """Return the short names of its evaluation sets."""
    names = study.bundle.scores if study.bundle is not None else study.tables.samples
    found = sorted(set(names["split"].astype(str)))
    return [short_split(name) for name in found if name.startswith(SPLIT_PREFIX)]


def scores(study: Study, arm: str, split: str) -> np.ndarray:
    """Return scores of the last evaluation, shape (seeds, questions, samples)."""
    if study.bundle is not None:
        return scores_of(study.bundle, arm, f"{SPLIT_PREFIX}{split}")
    return score_array(study.tables, arm, _shared_seeds(study), f"accuracy_{split}")


def _shared_seeds(study: Study) -> list[int]:
    """Return the seeds that are finished in every arm."""
    runs = study.tables.runs
    runs = runs[runs["is_included"].astype(bool)]
    sets = [set(runs.loc[runs["arm"].astype(str) == arm, "seed"]) for arm in study.arms]
    return sorted(int(seed) for seed in set.intersection(*sets)) if sets else []


def _splits_of(study: Study) -> list[tuple[str, str, str, VarianceSplit]]:
    rows = []
    for split in splits(study):
        arms = {arm: scores(study, arm, split) for arm in study.arms}
        arms = {arm: found for arm, found in arms.items() if found.size and found.shape[0] > 1}
        rows += [(study.name, split, arm, split_variance(found)) for arm, found in arms.items()]
        control = study.arms[0]
        rows += [
            (
                study.name,
                split,
                f"{arm} - {control}",
                split_difference(found, arms[control], is_aligned=study.is_aligned),
            )
            for arm, found in arms.items()
            if control in arms and arm != control
        ]
    return rows


def _record(study: str, split: str, name: str, found: VarianceSplit) -> list[object]:
    parts = [getattr(found, component) for component in COMPONENTS]
    return [study, split, name, *parts, found.seeds, found.questions, found.samples, found.note]


def _draw_variance(rows: Sequence[tuple[str, str, str, VarianceSplit]], caption: str) -> Figure:
    width = _LEFT + _AXES + 0.7
    text = wrapped(caption, width)
    high = _ROW * max(len(rows), 3)
    with house_style():
        figure = new_figure(width, _TOP + high + 0.55 + caption_height(text))
        title = "Where the noise of an accuracy comes from"
        write_text(figure, MARGIN, 0.1, title, fontsize=11, fontweight="bold")
        axes = place_axes(figure, _LEFT, _TOP, _AXES, high)
        axes.set_yticks([])
        axes.set_xlabel("variance of one sample's score [1]")
        if not rows:
            name_gap(axes, _NONE, 60)
        for place, (study, split, name, found) in enumerate(rows):
            left = 0.0
            for part, colour, hatch in zip(COMPONENTS, COLOURS, HATCHES, strict=True):
                size = float(np.nan_to_num(getattr(found, part)))
                axes.barh(
                    place,
                    size,
                    left=left,
                    color=colour,
                    hatch=hatch,
                    edgecolor="white",
                    linewidth=0.4,
                    height=0.72,
                    label=COMPONENTS[part] if place == 0 else None,
                )
                left += size
            count = f"n={found.seeds}x{found.questions}x{found.samples:g}"
            axes.text(left, place, f" {left:.3f}  {count}", va="center", fontsize=8)
            label = f"{study}, {split}: {name}"
            write_text(figure, MARGIN, _TOP + place * _ROW + 0.06, label, fontsize=8)
        if rows:
            axes.set_ylim(len(rows) - 0.5, -0.5)
            # room for the words behind the longest bar
            axes.set_xlim(0, 1.28 * axes.dataLim.x1)
            axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=4, columnspacing=1.2)
        write_text(figure, MARGIN, _TOP + high + 0.5, text, fontsize=8, color=GREY)
    return figure


def _widths_of(study: Study) -> pd.DataFrame:
    """Return foretold and observed half-widths of a study's differences."""
    control, *others = study.arms
    rows: list[tuple[object, ...]] = []
    for split in splits(study):
        finals = final_values(study.tables, [f"accuracy_{split}"]).dropna(subset=["value"])
        table = finals.pivot(index="seed", columns="arm", values="value")
        for arm in others:
            if not {arm, control} <= set(table.columns):
                continue
            gain = (table[arm] - table[control]).dropna().sort_index()
            gain_S = gain.to_numpy()
            if gain_S.size < 2:
                continue
            key = (study.name, split, f"{arm} - {control}")
            spread = seed_spread(gain_S)
            rows += [(*key, "foretold", n, half_width(spread, n), "") for n in SEEDS]
            for n in range(2, gain_S.size + 1):
                for first in range(gain_S.size - n + 1):
                    found = mean_interval(gain_S[first : first + n])
                    seeds = " ".join(map(str, gain.index[first : first + n]))
                    rows.append((*key, "observed", n, (found.high - found.low) / 2, seeds))
    columns = ["study", "split", "difference", "role", "seeds", "half_width", "of_seeds"]
    return pd.DataFrame(rows, columns=columns)


def _draw_widths(inputs: Inputs, numbers: pd.DataFrame, caption: str) -> Figure:
    groups = list(numbers.groupby("study")) if len(numbers) else []
    panels = []
    for name, rows in groups:
        study = next(study for study in inputs.studies if study.name == name)
        # one set of questions: the others are in the table
        split = rows["split"].iloc[0]
        own = rows[rows["split"] == split]
        draw = partial(_draw_panel, rows=own, study=study)
        panels.append(GridPanel(f"{name}, {split}", own["difference"].nunique(), draw))
    return draw_grid(
        "What more seeds buy: half-width of the interval of a difference",
        caption,
        panels,
        nothing="no stored study has two arms with two seeds or more",
    )


def _draw_panel(axes: Axes, entries: int, *, rows: pd.DataFrame, study: Study) -> None:
    # a width of 0, of seeds that agree to the last digit, has no place on a logarithmic axis
    rows = rows[rows["half_width"] > 0]
    if rows.empty:
        name_gap(axes, "every half-width is 0: all differences are alike")
        axes.set_xticks([])
        axes.set_yticks([])
        return
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([2, 3, 5, 10, 20, 30], minor=False)
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("number of seeds")
    axes.set_ylabel("half-width [fraction]")
    for (name, role), own in rows.groupby(["difference", "role"], sort=True):
        arm = str(name).split(" - ")[0]
        look = look_of(arm, study.arms)
        if role == "foretold":
            axes.plot(own["seeds"], own["half_width"], color=look.colour, label=arm, linewidth=1.5)
        else:
            axes.plot(
                own["seeds"],
                own["half_width"],
                look.marker,
                color=look.colour,
                markersize=4,
                markerfacecolor="white",
                linestyle="none",
            )
    legend_above(axes, entries)


FIGURES = {
    "own3": ("Where the noise of an accuracy comes from", variance),
    "own4": ("Width of an interval against the number of seeds", widths),
}
