"""What a run came to: its metrics at the end of training, finished runs only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.metrics.blocks import block_starts
from harness.metrics.column import FINAL_TRAINING_STEPS
from harness.metrics.columns import SPLIT_PREFIX, column_of, split_of
from harness.metrics.tables import Tables

_KEYS = ["run_id", "metric"]


def final_values(tables: Tables, metrics: Sequence[str]) -> pd.DataFrame:
    """Return each finished run's value at the end of training, per metric.

    Only runs that are done enter: the metrics of a failed run are shown, never aggregated.

    Args:
        tables: of a study.
        metrics: full names, for example `reward`, `accuracy_easy`.

    Returns:
        Columns row_id, run_id, arm, seed, metric, value, points (values averaged), first_step,
        last_step. The window of each metric is `Column.window`; a run without any value in it has
        NaN and 0 points. A window with an undefined value has NaN, and so has a run whose rows end
        before the window does: a log that was cut short.
    """
    runs = tables.runs[tables.runs["is_included"].astype(bool)]
    wanted = _wanted(runs, metrics)
    steps = tables.steps[["run_id", "metric", "step", "value"]]
    # first of all, since the ends are few of the steps
    steps = steps[steps["step"] >= wanted["first"].min()]
    steps = steps[steps["metric"].isin(metrics)].astype({"run_id": str, "metric": str})
    inside = wanted[[*_KEYS, "first", "end"]].merge(steps, on=_KEYS)
    inside = inside[(inside["step"] >= inside["first"]) & (inside["step"] <= inside["end"])]
    grouped = inside.groupby(_KEYS)
    ends = grouped["step"].agg(first_step="min", last_step="max", points="size")
    ends["value"] = _means(inside["value"].to_numpy(dtype=float), grouped.ngroup().to_numpy())
    found = wanted.drop(columns=["first", "end"]).merge(
        ends[["value", "points", "first_step", "last_step"]].reset_index(), on=_KEYS, how="left"
    )
    reached = steps_reached(tables.steps)
    found["value"] = found["value"].where(found["run_id"].map(reached) >= wanted["end"].to_numpy())
    return found.fillna({"points": 0}).astype({"value": float, "points": int})


def _means(value_R: np.ndarray, group_R: np.ndarray) -> np.ndarray:
    """Return the mean of each group of values, shape (groups,); NaN where a value is undefined.

    Leaving an undefined step out would flatter the run.

    Args:
        value_R: shape (rows,).
        group_R: number of the group of each row, from 0 on, none left out.
    """
    size_G = np.bincount(group_R)
    value_R = value_R[np.argsort(group_R, kind="stable")]
    first_G = np.cumsum(size_G) - size_G
    mean_G = np.empty(len(size_G))
    # many groups of one size at once, each summed as if it were alone: a mean keeps its last digit
    for size in np.unique(size_G):
        is_so = size_G == size
        mean_G[is_so] = value_R[first_G[is_so][:, None] + np.arange(size)].mean(axis=1)
    return mean_G


def steps_reached(steps: pd.DataFrame) -> pd.Series:
    """Return run_id -> last step with any row, of the steps of tables."""
    if steps.empty:
        return pd.Series(dtype=float)
    first_B = block_starts(steps, ["run_id"])
    runs = steps["run_id"].iloc[first_B].astype(str)
    last_B = np.maximum.reduceat(steps["step"].to_numpy(), first_B)
    return pd.Series(last_B, index=runs.to_numpy()).groupby(level=0).max()


def score_array(tables: Tables, arm: str, seeds: Sequence[int], metric: str) -> np.ndarray:
    """Return per-sample scores of an arm at the last evaluation: (seeds, questions, samples).

    Args:
        tables: of a study.
        arm: which arm.
        seeds: in the wanted order; each must have a finished run.
        metric: an accuracy, for example `accuracy_easy`.

    Returns:
        0 or 1, NaN where a sample is missing. Questions are in the order of their ids over all
        arms, so that arrays of two arms align.
    """
    split = SPLIT_PREFIX + split_of(metric)[1]
    rows = tables.samples
    rows = rows[rows["split"].astype(str).isin([split, split.removeprefix(SPLIT_PREFIX)])]
    questions = {name: place for place, name in enumerate(sorted(set(rows["question_id"])))}
    samples = int(rows["sample"].max()) + 1 if len(rows) else 0
    scores = np.full((len(seeds), len(questions), samples), np.nan)
    runs = tables.runs[tables.runs["is_included"].astype(bool)]
    last = dict(zip(runs["run_id"], runs["steps"], strict=True))
    rows = rows[rows["arm"].astype(str) == arm]
    rows = rows[[last.get(r) == s for r, s in zip(rows["run_id"], rows["step"], strict=True)]]
    for place, seed in enumerate(seeds):
        own = rows[rows["seed"] == seed]
        index = [questions[name] for name in own["question_id"]]
        scores[place, index, own["sample"].to_numpy()] = own["correct"].to_numpy()
    return scores


def _wanted(runs: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Return one row per metric and run, with the first and last step of the window."""
    known = runs.to_dict("records")
    rows: list[dict[str, Any]] = []
    for metric in metrics:
        length = math.inf if column_of(metric).source == "training" else 1
        for run in known:
            end = int(run["steps"])
            rows.append(
                {
                    "row_id": f"{run['row_id']}/final/{metric}",
                    **{key: run[key] for key in ("run_id", "arm", "seed")},
                    "metric": metric,
                    "first": max(end - min(length, FINAL_TRAINING_STEPS) + 1, 1),
                    "end": end,
                }
            )
    columns = ["row_id", "run_id", "arm", "seed", "metric", "first", "end"]
    types = {"run_id": str, "metric": str}
    return pd.DataFrame(rows, columns=columns).astype(types)
