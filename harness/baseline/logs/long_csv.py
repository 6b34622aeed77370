"""CSV files with a number per row: MLflow's download of a chart, and TensorBoard's of a scalar.

Source: MLflow 3, CsvUtils.ts, chartMetricHistoryToCsv; tensorboard 2.21, scalars_plugin.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from harness.baseline.logs.log import UNSTATED_SEED, Log, listed, repeated, stacked
from harness.baseline.logs.mapping import Mapping, Target, seed_number, targets_of
from harness.baseline.logs.table import numbers, read_table, whole_numbers
from harness.metrics.columns import TRAINING
from harness.schema import DamagedError, UsageError

MLFLOW, SCALAR = "mlflow", "tensorboard-csv"
_MLFLOW = ["Run ID", "metric", "step", "timestamp", "value"]
_SCALAR = ["Wall time", "Step", "Value"]
_FILE = re.compile(r"run[-_](?P<run>.+)-tag-(?P<tag>.+)")


def is_mlflow(head: Sequence[str]) -> bool:
    """Tell whether column names are those of a chart of MLflow."""
    return list(head[1:]) == _MLFLOW


def is_scalar(head: Sequence[str]) -> bool:
    """Tell whether column names are those of a scalar that TensorBoard's page downloads."""
    return list(head) == _SCALAR


def read_mlflow(path: Path, mapping: Mapping) -> Log:
    """Read a chart of MLflow; runs that the mapping does not name are arms of their own.

    Raises:
        UsageError: its rows are means of groups of runs, or two metrics become one.
        DamagedError: a cell is not a number, a run is not there, or two have one name.
    """
    frame = read_table(path, texts=["Run", "Group", "Run ID", "metric"])
    if "Run" not in frame.columns:
        raise UsageError(f"{path} is of groups of runs: ungroup them in MLflow and download again")
    runs = _runs(path, frame, mapping)
    steps = whole_numbers(path, frame["step"])
    values, is_there = numbers(path, frame["value"])
    names = list(dict.fromkeys(frame["metric"]))
    targets = targets_of(path, names, mapping)
    is_known = frame["metric"].isin(list(targets)).to_numpy() & is_there
    is_known &= runs.isin(list(mapping.runs)).to_numpy() if mapping.runs else True
    who = {run: mapping.runs.get(run, {"arm": run, **mapping.fixed}) for run in runs.unique()}
    arms = {run: str(w.get("arm", run)) for run, w in who.items()}
    seeds = {run: seed_number(w.get("seed", UNSTATED_SEED), str(path)) for run, w in who.items()}
    scale = frame["metric"].map({name: target.scale for name, target in targets.items()})
    ours = frame["metric"].map({name: target.name for name, target in targets.items()})
    rows = pd.DataFrame(
        {
            "arm": pd.Categorical(runs.map(arms)),
            "seed": runs.map(seeds).astype("int64"),
            "step": steps,
            "metric": pd.Categorical(ours),
            "value": values * scale.to_numpy(dtype=float),
        }
    )
    rows = rows[is_known].reset_index(drop=True)
    rows["metric"] = rows["metric"].cat.remove_unused_categories()
    return Log(
        path=path,
        format=MLFLOW,
        rows=rows,
        unmapped=tuple(name for name in names if name not in targets),
        notes=("of long runs MLflow's page may have left out steps",),
        samples=mapping.samples(targets),
    )


def _runs(path: Path, frame: pd.DataFrame, mapping: Mapping) -> pd.Series:
    """Return what names the run of each row: its name or, where the mapping says so, its id."""
    ids = frame["Run ID"]
    runs = frame["Run"].where(~ids.isin(list(mapping.runs)), ids)
    several = ids.groupby(runs).nunique()
    if (several > 1).any():
        twice = listed([str(several.idxmax())])
        raise DamagedError(
            f"{path} has several runs named {twice}: name them by their Run ID in a mapping file,"
            " runs: {<id>: {arm: ..., seed: ...}}"
        )
    absent = sorted(set(mapping.runs) - set(runs))
    if absent:
        raise DamagedError(f"{path} has no run {absent[0]!r}: it has {listed(sorted(set(runs)))}")
    return runs


def read_scalar(path: Path, mapping: Mapping) -> Log:
    """Read a scalar of TensorBoard; it is named by the mapping, or by the name of the file.

    Raises:
        UsageError: nothing names it.
        DamagedError: a cell is not a number.
    """
    named = _FILE.fullmatch(path.stem)
    foreign, target = _named(path, named["tag"] if named else "", mapping)
    frame = read_table(path)
    steps = whole_numbers(path, frame["Step"])
    values, is_there = numbers(path, frame["Value"])
    arm = str(mapping.fixed.get("arm", named["run"] if named else path.stem))
    seed = seed_number(mapping.fixed.get("seed", UNSTATED_SEED), str(path))
    rows = stacked(
        repeated(arm, len(steps)),
        np.full(len(steps), seed),
        steps,
        [target.name],
        (values[None] * target.scale, is_there[None]),
    )
    return Log(path=path, format=SCALAR, rows=rows, samples=mapping.samples({foreign: target}))


def _named(path: Path, tag: str, mapping: Mapping) -> tuple[str, Target]:
    """Return the tag of a file and our metric of it; a slash of the tag is an underscore there."""
    if mapping.metric is not None:
        return "", mapping.metric
    foreign = [*mapping.metrics, *(column.path for column in TRAINING)]
    known = {re.sub(r"\W", "_", name): name for name in reversed(foreign)}
    name = "Value" if "Value" in mapping.metrics else known.get(re.sub(r"\W", "_", tag), tag)
    target = mapping.target(name)
    if target is None:
        raise UsageError(
            f"{path} does not say which metric it is: say so in a mapping file, metric: <ours>, for"
            " example metric: reward"
        )
    return name, target
