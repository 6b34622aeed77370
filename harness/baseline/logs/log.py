"""What every reader of a log returns, and the checks that all of them share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from harness.metrics.columns import column_of
from harness.schema import DamagedError, UsageError

UNSTATED_SEED = 0
"""Stands for a seed that a log does not state: no run of the suite has it, so nothing pairs."""

MOST_BYTES = 2 << 30
"""Largest log that is read, 2 GiB: it is held in memory."""

_ROUNDING = 1e-6
"""A fraction may lie beyond 0 and 1 by this much: event files hold single precision."""

RAW = ("arm", "seed", "step", "metric", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The numbers of a log, by our names.

    Attributes:
        path: the file.
        format: name of the reader.
        rows: columns arm, seed, step, metric, value in the order of the file; NaN is a value that
            the log states to be undefined, what it lacks has no row.
        unmapped: names in the log that are not ours and were left out.
        notes: what a reader of the numbers should know.
    """

    path: Path
    format: str
    rows: pd.DataFrame
    unmapped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def check_size(path: Path) -> None:
    """Check that a log is there and can be held in memory.

    Raises:
        UsageError: it is not a file, is empty, or is too large.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}: name a log")
    size = path.stat().st_size
    if size == 0:
        raise UsageError(f"{path} is empty: nothing to import")
    if size > MOST_BYTES:
        raise UsageError(
            f"{path} has {size} bytes, at most {MOST_BYTES} are read: keep the columns you need"
        )


def checked(log: Log) -> Log:
    """Return a log whose rows can be trusted, with infinities made undefined and noted.

    Raises:
        UsageError: none of its names is a metric, or a fraction has values beyond 0 to 1.
        DamagedError: steps go back within a run and metric, appear twice, or are negative.
    """
    rows = log.rows
    if rows.empty:
        raise UsageError(
            f"{log.path} holds no metric that the suite knows (it has"
            f" {listed(log.unmapped) or 'no numbers'}): name them in a mapping file,"
            " mapping=<file.yaml>"
        )
    _check_steps(log)
    values = rows["value"].to_numpy(dtype=float)
    infinite = np.isinf(values)
    undefined = int(np.isnan(values).sum())
    notes = list(log.notes)
    if infinite.any():
        notes.append(f"{int(infinite.sum())} infinite values are kept as undefined")
    if undefined:
        notes.append(f"{undefined} values are undefined (NaN) in the log")
    if (rows["seed"] == UNSTATED_SEED).any():
        notes.append(f"the seed is not stated: {UNSTATED_SEED} stands for it, and pairs with none")
    clean = rows.assign(value=np.where(infinite, np.nan, values))
    _check_fractions(log.path, clean)
    return Log(
        path=log.path,
        format=log.format,
        rows=clean,
        unmapped=log.unmapped,
        notes=tuple(dict.fromkeys(notes)),
    )


def listed(names: Iterable[str], most: int = 8) -> str:
    """Return the first names, and how many more there are."""
    known = list(names)
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more


def frame_of(rows: Sequence[tuple[str, int, int, str, float]]) -> pd.DataFrame:
    """Return rows of (arm, seed, step, metric, value) as a frame with the right types."""
    types = {"arm": "str", "seed": "int64", "step": "int64", "metric": "str", "value": "float64"}
    return pd.DataFrame(list(rows), columns=list(RAW)).astype(types)


def _check_fractions(path: Path, rows: pd.DataFrame) -> None:
    names = rows["metric"].astype(str)
    is_fraction = names.isin([name for name in set(names) if column_of(name).unit == "fraction"])
    wrong = rows[is_fraction & ((rows["value"] < -_ROUNDING) | (rows["value"] > 1.0 + _ROUNDING))]
    if len(wrong):
        row = wrong.iloc[0]
        raise UsageError(
            f"{path} has {row['metric']} = {row['value']:g} at step {row['step']}, expected a"
            " fraction from 0 to 1: if it is in percent, say so in a mapping file, by"
            f" {{name: {row['metric']}, scale: 0.01}}"
        )


def _check_steps(log: Log) -> None:
    rows = log.rows
    if (rows["step"] < 0).any() or (rows["step"] > np.iinfo(np.int32).max).any():
        raise DamagedError(f"{log.path} has a step that is negative or beyond 2^31: correct it")
    keys = ["arm", "seed", "metric"]
    change = rows.groupby(keys, sort=False, observed=True)["step"].diff()
    wrong = np.flatnonzero((change <= 0).to_numpy())
    if not wrong.size:
        return
    place = int(wrong[0])
    row, what = rows.iloc[place], float(change.iloc[place])
    before = int(row["step"] - what)
    said = "appears twice" if what == 0 else f"comes after step {before}"
    raise DamagedError(
        f"{log.path}: step {row['step']} of {row['metric']} {said} in arm {row['arm']}, seed"
        f" {row['seed']}: a run goes forward and states a number once; was it resumed, or are these"
        " two runs? Cut the log, or give each run its seed"
    )
