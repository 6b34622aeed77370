"""What a run came to: its metrics at the end of training, finished runs only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.metrics.columns import FINAL_TRAINING_STEPS, SPLIT_PREFIX, column_of, split_of
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
    steps = steps[steps["metric"].isin(metrics)].astype({"run_id": str, "metric": str})
    inside = wanted[[*_KEYS, "first", "end"]].merge(steps, on=_KEYS)
    inside = inside[(inside["step"] >= inside["first"]) & (inside["step"] <= inside["end"])]
    grouped = inside.groupby(_KEYS)
    # an undefined step makes the window undefined: leaving it out would flatter the run
    value = grouped["value"].agg(value=lambda values: values.mean(skipna=False), points="size")
    ends = grouped["step"].agg(first_step="min", last_step="max")
    found = wanted.drop(columns=["first", "end"]).merge(
        value.join(ends).reset_index(), on=_KEYS, how="left"
    )
    reached = steps_reached(tables.steps)
    found["value"] = found["value"].where(found["run_id"].map(reached) >= wanted["end"].to_numpy())
    return found.fillna({"points": 0}).astype({"value": float, "points": int})


def steps_reached(steps: pd.DataFrame) -> pd.Series:
    """Return run_id -> last step with any row, of the steps of tables."""
    last = steps.groupby("run_id", observed=True)["step"].max()
    return last.set_axis(last.index.astype(str))


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
    rows: list[dict[str, Any]] = []
    for metric in metrics:
        length = math.inf if column_of(metric).source == "training" else 1
        for run in runs.to_dict("records"):
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
