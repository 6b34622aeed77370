"""A CSV file with a row per step and a column per metric; a mapping file says which is which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from harness.baseline.logs.log import RAW, UNSTATED_SEED, Log, frame_of
from harness.baseline.logs.mapping import Mapping, seed_number
from harness.baseline.logs.table import column_of_table, numbers, read_table, whole_numbers
from harness.schema import UsageError

FORMAT = "csv"
STEPS = ("step", "_step", "global_step", "training/global_step")
"""Columns that are taken for the step where a mapping file names none, the first that is there."""


def read_plain(path: Path, mapping: Mapping) -> Log:
    """Read a CSV file.

    Raises:
        UsageError: a column that the mapping names is not there, or none is the step.
        DamagedError: a cell is not a number where one is expected.
    """
    frame = read_table(path)
    step_name = mapping.step or next((name for name in STEPS if name in frame.columns), "")
    if not step_name:
        raise UsageError(f"which column of {path} is the step? Say so in a mapping file: step: ...")
    steps = whole_numbers(path, column_of_table(path, frame, step_name))
    arms = _arms(path, frame, mapping)
    seeds = _seeds(path, frame, mapping)
    for name in mapping.metrics:
        column_of_table(path, frame, name)
    used = {step_name, mapping.arm, mapping.seed}
    parts, unmapped = [], []
    for name in map(str, frame.columns):
        target = mapping.target(name)
        if name in used or target is None:
            unmapped += [] if name in used else [name]
            continue
        values, is_there = numbers(path, frame[name])
        part = pd.DataFrame({"arm": arms, "seed": seeds, "step": steps, "value": values})
        part.insert(3, "metric", target.name)
        part["value"] *= target.scale
        parts.append(part[is_there])
    rows = pd.concat(parts, ignore_index=True)[list(RAW)] if parts else frame_of([])
    return Log(path=path, format=FORMAT, rows=rows, unmapped=tuple(unmapped))


def _arms(path: Path, frame: pd.DataFrame, mapping: Mapping) -> list[str]:
    if mapping.arm:
        return [str(value) for value in column_of_table(path, frame, mapping.arm)]
    return [str(mapping.fixed.get("arm", path.stem))] * len(frame)


def _seeds(path: Path, frame: pd.DataFrame, mapping: Mapping) -> np.ndarray:
    if mapping.seed:
        return whole_numbers(path, column_of_table(path, frame, mapping.seed))
    return np.full(len(frame), seed_number(mapping.fixed.get("seed", UNSTATED_SEED), str(path)))
