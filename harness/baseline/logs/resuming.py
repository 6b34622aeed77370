"""A run that was resumed states some steps twice: the later attempt counts, and it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

_KEYS = ("arm", "seed", "metric")


class Joined(NamedTuple):
    """Rows of resumed runs.

    Attributes:
        is_kept_R: the rows that count, shape (rows,).
        repeated: (arm, seed, first, last) of each run with steps that a later attempt states again.
        wrong: first row of a curve that no resuming explains; None if there is none.
    """

    is_kept_R: np.ndarray
    repeated: list[tuple[str, int, int, int]]
    wrong: int | None


def join_attempts(rows: pd.DataFrame, attempt_R: np.ndarray | None = None) -> Joined:
    """Find which rows count where a run was begun again.

    An attempt continues another if it begins after it, and states again whatever it has from there
    on. Nothing else is joined: two runs that were taken for one would lose their numbers.

    Args:
        rows: as `Log` has them.
        attempt_R: number of each row's attempt, by the time that it ran; where the steps of a curve
            go back, if it is not given.
    """
    step_R = rows["step"].to_numpy()
    is_kept_R = np.ones(len(rows), dtype=bool)
    again: dict[tuple[str, int], list[int]] = {}
    groups: Mapping[Any, Any] = rows.groupby(list(_KEYS), sort=False, observed=True).indices
    for (arm, seed, _), place_N in groups.items():
        step_N = step_R[place_N]
        if attempt_R is None:
            parts = np.split(np.arange(len(step_N)), np.flatnonzero(np.diff(step_N) <= 0) + 1)
        else:
            attempt_N = attempt_R[place_N]
            parts = [np.flatnonzero(attempt_N == number) for number in np.unique(attempt_N)]
        left = _superseded([step_N[part] for part in parts])
        if left is None:
            return Joined(is_kept_R, [], int(place_N[parts[1][0] if parts[1:] else 0]))
        for part, is_left in zip(parts, left, strict=True):
            is_kept_R[place_N[part[is_left]]] = False
            again.setdefault((str(arm), int(seed)), []).extend(step_N[part[is_left]].tolist())
    repeated = [(*run, min(steps), max(steps)) for run, steps in again.items() if steps]
    return Joined(is_kept_R, repeated, None)


def _superseded(parts: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """Tell which steps of each attempt a later one replaces; None if it does not continue it."""
    if any((np.diff(step_N) <= 0).any() for step_N in parts):
        return None
    if any(step_N[0] <= parts[0][0] for step_N in parts[1:]):
        return None
    left = []
    for number, step_N in enumerate(parts):
        later = parts[number + 1 :]
        begin = min((int(other[0]) for other in later), default=None)
        is_left_N = np.zeros(len(step_N), dtype=bool) if begin is None else step_N >= begin
        if is_left_N.any() and not np.isin(step_N[is_left_N], np.concatenate(later)).all():
            return None
        left.append(is_left_N)
    return left


def told(repeated: Sequence[tuple[str, int, int, int]], later: str) -> list[str]:
    """Return a note for each run that was resumed; `later` is which attempt counts."""
    return [
        f"{arm}, seed {seed}, was resumed: of steps {first} to {last}, which are stated twice,"
        f" {later} counts"
        for arm, seed, first, last in repeated
    ]
