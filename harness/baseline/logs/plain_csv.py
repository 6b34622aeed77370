"""A CSV file with a row per step and a column per metric; a mapping file says which is which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.baseline.logs.log import UNSTATED_SEED, Log, repeated, stacked
from harness.baseline.logs.mapping import Mapping, seed_number, targets_of
from harness.baseline.logs.run_columns import STEPS, read_runs
from harness.baseline.logs.table import column_of_table, matrix, read_table, whole_numbers
from harness.schema import UsageError

FORMAT = "csv"


def read_plain(path: Path, mapping: Mapping) -> Log:
    """Read a CSV file; with a mapping that names one metric for all, each column is a run.

    Raises:
        UsageError: a column that the mapping names is not there, none is the step, or two become
            one metric.
        DamagedError: a cell is not a number where one is expected.
    """
    if mapping.metric is not None:
        return read_runs(path, mapping)
    frame = read_table(path, texts=[mapping.arm] if mapping.arm else [])
    step_name = mapping.step or next((name for name in STEPS if name in frame.columns), "")
    if not step_name:
        raise UsageError(f"which column of {path} is the step? Say so in a mapping file: step: ...")
    steps = whole_numbers(path, column_of_table(path, frame, step_name))
    arms = _arms(path, frame, mapping)
    seeds = _seeds(path, frame, mapping)
    for name in mapping.metrics:
        column_of_table(path, frame, name)
    used = {step_name, mapping.arm, mapping.seed}
    names = [name for name in map(str, frame.columns) if name not in used]
    targets = targets_of(path, names, mapping)
    values, is_there = matrix(path, frame, list(targets))
    scale_M = np.array([target.scale for target in targets.values()])
    rows = stacked(
        arms,
        seeds,
        steps,
        [target.name for target in targets.values()],
        (values * scale_M[:, None], is_there),
    )
    return Log(
        path=path,
        format=FORMAT,
        rows=rows,
        unmapped=tuple(name for name in names if name not in targets),
        samples=mapping.samples(targets),
    )


def _arms(path: Path, frame: pd.DataFrame, mapping: Mapping) -> pd.Categorical[Any]:
    if mapping.arm:
        return pd.Categorical(column_of_table(path, frame, mapping.arm))
    arm = str(mapping.fixed.get("arm", path.stem))
    return repeated(arm, len(frame))


def _seeds(path: Path, frame: pd.DataFrame, mapping: Mapping) -> np.ndarray:
    if mapping.seed:
        return whole_numbers(path, column_of_table(path, frame, mapping.seed))
    return np.full(len(frame), seed_number(mapping.fixed.get("seed", UNSTATED_SEED), str(path)))
