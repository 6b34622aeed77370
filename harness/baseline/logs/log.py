"""What every reader of a log returns, and the checks that all of them share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from harness.baseline.logs.limits import LARGEST, LAST_STEP
from harness.baseline.logs.resuming import join_attempts, told
from harness.metrics.blocks import are_ordered, block_starts
from harness.metrics.columns import column_of
from harness.schema import DamagedError, UsageError
from harness.store.forms import shown

UNSTATED_SEED = 0
"""Stands for a seed that a log does not state: no run of the suite has it, so nothing pairs."""

_MOST_NAME = 120
_ROUNDING = 1e-6
"""A fraction may lie beyond 0 and 1 by this much: event files hold single precision."""

RAW = ("arm", "seed", "step", "metric", "value")
KEYS = ("arm", "seed", "metric")
"""What names one curve of a log."""

_TYPES = dict(zip(RAW, ("category", "int64", "int64", "category", "float64"), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The numbers of a log, by our names.

    Attributes:
        path: the file.
        format: name of the reader.
        rows: columns arm, seed, step, metric, value, of which arm and metric are categories; each
            run and metric in the order of the file. NaN is a value that the log states to be
            undefined, what it lacks has no row.
        unmapped: names in the log that are not ours and were left out.
        notes: what a reader of the numbers should know.
        samples: our name of a metric -> the k of its mean@k, where the log states it.
    """

    path: Path
    format: str
    rows: pd.DataFrame
    unmapped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    samples: Mapping[str, int] = field(default_factory=dict)


def checked(log: Log) -> Log:
    """Return a log whose rows can be trusted.

    Infinities are made undefined and noted; of a run that was resumed the later attempt counts.

    Raises:
        UsageError: none of its names is a metric, or a fraction has values beyond 0 to 1.
        DamagedError: steps go back within a run and metric, appear twice, or are negative; or a
            value is too large.
    """
    if log.rows.empty:
        raise UsageError(
            f"{log.path} holds no metric that the suite knows (it has"
            f" {listed(log.unmapped) or 'no numbers'}): name them in a mapping file,"
            " mapping=<file.yaml> (docs/importing.md)"
        )
    rows, notes = _in_steps(log)
    values = rows["value"].to_numpy()
    infinite = int(np.isinf(values).sum())
    undefined = int(np.isnan(values).sum())
    notes = [*log.notes, *notes, *_kinds_of_mean(log.samples)]
    if infinite:
        notes.append(f"{infinite} infinite values are kept as undefined")
        rows = rows.assign(value=np.where(np.isinf(values), np.nan, values))
    if undefined:
        notes.append(f"{undefined} values are undefined (NaN) in the log")
    if (rows["seed"].to_numpy() == UNSTATED_SEED).any():
        notes.append(f"the seed is not stated: {UNSTATED_SEED} stands for it, and pairs with none")
    _check_values(log.path, rows)
    unmapped = tuple(dict.fromkeys(map(plain, log.unmapped)))
    return replace(log, rows=rows, unmapped=unmapped, notes=tuple(dict.fromkeys(notes)))


def plain(name: str) -> str:
    """Return a name as it may be shown: short, and nothing that a terminal obeys."""
    return name if name.isprintable() and len(name) <= _MOST_NAME else shown(name)


def listed(names: Iterable[str], most: int = 8) -> str:
    """Return the first names, and how many more there are."""
    known = [plain(name) for name in names]
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more


def frame_of(rows: Sequence[tuple[str, int, int, str, float]]) -> pd.DataFrame:
    """Return rows of (arm, seed, step, metric, value) as a frame with the right types."""
    return pd.DataFrame(list(rows), columns=list(RAW)).astype(_TYPES)


def repeated(name: str, size: int) -> pd.Categorical[Any]:
    """Return a name so many times, as a category."""
    return pd.Categorical.from_codes(np.zeros(size, dtype=np.int8), pd.Index([name]))


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of several logs, at least one, below one another, with common categories."""
    columns: dict[str, object] = {}
    for name in RAW:
        parts = [frame[name].array for frame in frames]
        is_category = _TYPES[name] == "category"
        columns[name] = union_categoricals(parts) if is_category else np.concatenate(parts)
    return pd.DataFrame(columns)


def stacked(
    arm_R: pd.Categorical[Any],
    seed_R: np.ndarray,
    step_R: np.ndarray,
    metrics: Sequence[str],
    found: tuple[np.ndarray, np.ndarray],
) -> pd.DataFrame:
    """Return the columns of a log below one another, as the rows of `Log`.

    Args:
        arm_R: arm of each row of the file, shape (rows,).
        seed_R: its seed.
        step_R: its step.
        metrics: our name of each column.
        found: values in our unit, and false where the log has none, each (metrics, rows).
    """
    if not metrics:
        return frame_of([])
    value_MR, is_there_MR = found
    names = list(dict.fromkeys(metrics))
    code_M = np.array([names.index(metric) for metric in metrics], dtype=np.int16)
    size = len(step_R)
    row_N, metric_N = np.tile(np.arange(size), len(metrics)), np.repeat(code_M, size)
    value_N = value_MR.ravel()
    if not is_there_MR.all():
        is_there_N = is_there_MR.ravel()
        row_N, metric_N, value_N = (part[is_there_N] for part in (row_N, metric_N, value_N))
    return pd.DataFrame(
        {
            "arm": arm_R.take(row_N),
            "seed": seed_R[row_N],
            "step": step_R[row_N],
            "metric": pd.Categorical.from_codes(metric_N, pd.Index(names)),
            "value": value_N,
        }
    )


def _kinds_of_mean(samples: Mapping[str, int]) -> list[str]:
    """Note each accuracy that a log states by several numbers of samples."""
    by_name: dict[str, set[int]] = {}
    for metric, count in samples.items():
        by_name.setdefault(metric.partition("@")[0], set()).add(count)
    return [
        f"{name} is the mean of {' and of '.join(map(str, sorted(counts)))} samples in one log:"
        " these are several metrics, and no curve goes from one to the other"
        for name, counts in by_name.items()
        if len(counts) > 1
    ]


def _check_values(path: Path, rows: pd.DataFrame) -> None:
    metric = rows["metric"].array
    is_fraction = np.array([column_of(name).unit == "fraction" for name in metric.categories])
    value = rows["value"].to_numpy()
    is_beyond = (value < -_ROUNDING) | (value > 1.0 + _ROUNDING)
    wrong = np.flatnonzero(is_fraction[metric.codes] & is_beyond)
    if wrong.size:
        row = rows.iloc[int(wrong[0])]
        raise UsageError(
            f"{path} has {row['metric']} = {row['value']:g} at step {row['step']}, expected a"
            " fraction from 0 to 1: if it is in percent, say so in a mapping file, by"
            f" {{name: {row['metric']}, scale: 0.01}}"
        )
    wrong = np.flatnonzero(np.abs(value) > LARGEST)
    if wrong.size:
        row = rows.iloc[int(wrong[0])]
        raise DamagedError(
            f"{path} has {row['metric']} = {row['value']:g} at step {row['step']}: no metric is"
            f" larger than {LARGEST:g}; correct it"
        )


def _in_steps(log: Log) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows whose steps grow within each curve, and what is to be noted of them."""
    rows = log.rows
    step_R = rows["step"].to_numpy()
    if step_R.min() < 0 or step_R.max() > LAST_STEP:
        raise DamagedError(f"{log.path} has a step that is negative or beyond 2^31: correct it")
    # most logs are in order, which is seen much faster than the place where one is not
    if are_ordered(rows, KEYS, block_starts(rows, KEYS)):
        return rows, []
    joined_ = join_attempts(rows)
    if joined_.wrong is None:
        kept = rows[joined_.is_kept_R].reset_index(drop=True)
        return kept, told(joined_.repeated, "the later part of the log")
    row = rows.iloc[joined_.wrong]
    is_own_R = np.logical_and.reduce([rows[key].to_numpy() == row[key] for key in KEYS])
    before = int(step_R[: joined_.wrong][is_own_R[: joined_.wrong]][-1])
    said = "appears twice" if before == row["step"] else f"comes after step {before}"
    raise DamagedError(
        f"{log.path}: step {row['step']} of {row['metric']} {said} in arm {row['arm']}, seed"
        f" {row['seed']}, and the later part does not continue the earlier one: are these two runs?"
        " Cut the log, or give each run its seed"
    )
