"""The curves of a study as the page draws them: few points, extremes kept, gaps named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from harness.metrics.columns import EVALUATION, TRAINING, column_of, label_of
from harness.plots import COLOURS
from harness.schema import UsageError

MOST_POINTS = 300
"""Most points of one drawn curve."""

MOST_SEED_POINTS = 400_000
"""Most points of the curves of single seeds on a page; beyond, only means and bands are drawn."""

MOST_ARMS_AT_FIRST = 10
"""More arms than this can be ticked; so many are drawn when the page opens."""

MOST_SEEDS_AT_FIRST = 30
"""With more runs than this, single seeds are drawn only when asked for."""

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x")
_FEWEST_TO_SMOOTH = 20
_DIGITS = 5


class Rows(NamedTuple):
    """The rows of one metric: place of the arm (-1 is another), seed, step and value."""

    arm_N: np.ndarray
    seed_N: np.ndarray
    step_N: np.ndarray
    value_N: np.ndarray


class Grid(NamedTuple):
    """The values of one metric and arm: steps, seeds, and step by seed; NaN is missing."""

    step_T: np.ndarray
    seed_S: np.ndarray
    value_TS: np.ndarray


def kept_points(value_N: np.ndarray, most: int = MOST_POINTS) -> np.ndarray:
    """Return the points of a curve that are drawn: of equal stretches the lowest and the highest.

    Args:
        value_N: values in the order of their steps; NaN is a gap.
        most: at most so many points, at least 5.

    Returns:
        Indices in order: the first and the last point and, of each stretch, the lowest value, the
        highest, and one of its gaps, so that a hole stays a hole. A short curve is kept whole.
    """
    count = value_N.size
    if count <= most:
        return np.arange(count)
    stretches = (most - 2) // 3
    inner = value_N[1:-1]
    width = -(-inner.size // stretches)
    padding = (0, width * stretches - inner.size)
    value_SW = np.pad(inner, padding, constant_values=np.nan).reshape(stretches, width)
    start_S = 1 + width * np.arange(stretches)
    is_gap = np.isnan(value_SW)
    has_value = ~is_gap.all(axis=1)
    found = [
        (start_S + np.where(is_gap, np.inf, value_SW).argmin(axis=1))[has_value],
        (start_S + np.where(is_gap, -np.inf, value_SW).argmax(axis=1))[has_value],
        (start_S + is_gap.argmax(axis=1))[is_gap.any(axis=1)],
    ]
    # the padding looks like a gap: what is found in it lies beyond the curve and is cut off below
    inside = np.concatenate(found)
    return np.unique(np.concatenate([[0], inside[inside < count - 1], [count - 1]]))


def smoothing_window(count: int) -> int:
    """Return the odd number of points of the smoothing: a tenth of the curve; 0 if it has few."""
    return max(3, count // 10 // 2 * 2 + 1) if count >= _FEWEST_TO_SMOOTH else 0


def arm_styles(arms: Sequence[str]) -> list[dict[str, Any]]:
    """Return name, colour, dash and symbol of each arm: colours as in the figures, then dashes."""
    return [
        {
            "name": arm,
            "colour": COLOURS[place % len(COLOURS)],
            "dash": _DASHES[place // len(COLOURS) % len(_DASHES)],
            "symbol": _SYMBOLS[place % len(_SYMBOLS)],
            "shown": place < MOST_ARMS_AT_FIRST,
        }
        for place, arm in enumerate(arms)
    ]


def ordered_metrics(first: Sequence[str], present: Sequence[str]) -> list[str]:
    """Return all metrics: the first ones, whether present or not, then in the glossary's order."""
    names = [column.name for column in TRAINING]
    for column in EVALUATION:
        names += sorted(name for name in present if name.startswith(f"{column.name}_"))
    known = [name for name in names if name in set(present)]
    return list(dict.fromkeys([*first, *known, *sorted(present)]))


def all_curves(
    steps: pd.DataFrame,
    arms: Sequence[str],
    metrics: Sequence[str],
    most_seed_points: int = MOST_SEED_POINTS,
) -> list[dict[str, Any]]:
    """Return the curves of metrics in their order.

    Args:
        steps: columns arm, seed, step, metric, value; of finished runs.
        arms: the control first.
        metrics: full names; one without rows is a named gap.
        most_seed_points: of the curves of single seeds, over all metrics: the first come first.

    Returns:
        Per metric name, label, unit, help, whether its points are marked, `window` (points of the
        smoothing; 0 is none), `gap` (what is missing, in words) and one curve per arm, None without
        a value. A curve has x (steps), mean, low and high over seeds, n (seeds), and, thinned by
        themselves, the smoothed mean and the seeds.
    """
    by_metric = _rows_by_metric(steps, arms)
    # the mean and the band of every metric are drawn; what a page has no room for is single seeds
    curves, left = [], most_seed_points
    for metric in metrics:
        rows = by_metric.get(metric, Rows(*(np.empty(0),) * 4))
        grids = {arm: grid for at, arm in enumerate(arms) if (grid := _grid(rows, at)) is not None}
        points = sum(min(len(g.step_T), MOST_POINTS) * len(g.seed_S) for g in grids.values())
        has_seeds = points <= left
        left -= points if has_seeds else 0
        window = smoothing_window(max((len(grid.step_T) for grid in grids.values()), default=0))
        curves.append(
            {
                **_description(metric),
                "window": window,
                "gap": _gap(rows, arms, grids),
                "hasSeeds": has_seeds,
                "arms": [
                    _curve(grids[arm], window, has_seeds=has_seeds) if arm in grids else None
                    for arm in arms
                ],
            }
        )
    return curves


def _rows_by_metric(steps: pd.DataFrame, arms: Sequence[str]) -> dict[str, Rows]:
    """Return the rows of each metric; plain arrays, since a study can have millions of rows."""
    code_N, names = pd.factorize(steps["metric"])
    order_N = np.argsort(code_N, kind="stable")
    edges = np.searchsorted(code_N[order_N], np.arange(len(names) + 1))
    arm_N = np.asarray(pd.Categorical(steps["arm"], categories=list(arms)).codes)
    columns = [arm_N, *(steps[name].to_numpy() for name in ("seed", "step"))]
    columns.append(steps["value"].to_numpy(dtype=float))
    return {
        str(name): Rows(*(column[order_N[edges[at] : edges[at + 1]]] for column in columns))
        for at, name in enumerate(names)
    }


def _grid(rows: Rows, arm: int) -> Grid | None:
    """Return the values of an arm, step by seed; None if none is finite."""
    is_own = (rows.arm_N == arm) & np.isfinite(rows.value_N)
    if not is_own.any():
        return None
    step_T, row_N = np.unique(rows.step_N[is_own], return_inverse=True)
    seed_S, column_N = np.unique(rows.seed_N[is_own], return_inverse=True)
    value_TS = np.full((step_T.size, seed_S.size), np.nan)
    value_TS[row_N, column_N] = rows.value_N[is_own]
    return Grid(step_T, seed_S, value_TS)


def _curve(grid: Grid, window: int, *, has_seeds: bool) -> dict[str, Any]:
    mean_T = np.nanmean(grid.value_TS, axis=1)
    low_T, high_T = np.nanmin(grid.value_TS, axis=1), np.nanmax(grid.value_TS, axis=1)
    third = MOST_POINTS // 3
    kept = (
        np.arange(mean_T.size)
        if mean_T.size <= MOST_POINTS
        else np.unique(np.concatenate([kept_points(v, third) for v in (mean_T, low_T, high_T)]))
    )
    curve = {
        "x": grid.step_T[kept].tolist(),
        "mean": _rounded(mean_T[kept]),
        "low": _rounded(low_T[kept]),
        "high": _rounded(high_T[kept]),
        "n": int(grid.seed_S.size),
        "seeds": [],
    }
    if window:
        rolling = pd.Series(mean_T).rolling(window, center=True, min_periods=window)
        smooth_T = rolling.mean().to_numpy()
        kept = kept_points(smooth_T)
        curve |= {"smoothX": grid.step_T[kept].tolist(), "smooth": _rounded(smooth_T[kept])}
    if has_seeds:
        for at, seed in enumerate(grid.seed_S):
            kept = kept_points(grid.value_TS[:, at])
            value_T = _rounded(grid.value_TS[kept, at])
            line = {"seed": int(seed), "x": grid.step_T[kept].tolist(), "y": value_T}
            curve["seeds"].append(line)
    return curve


def _rounded(value_N: np.ndarray) -> list[float | None]:
    """Return values with five significant digits; a gap is None."""
    return [float(f"{v:.{_DIGITS}g}") if np.isfinite(v) else None for v in value_N]


def _description(metric: str) -> dict[str, Any]:
    try:
        column = column_of(metric)
    except UsageError:
        text = {"label": metric, "unit": "1", "help": "Not in docs/metrics.md."}
        return {"name": metric, **text, "marked": False}
    return {
        "name": metric,
        "label": label_of(metric),
        "unit": column.unit,
        "help": column.help.replace("`", ""),
        "marked": column.source == "evaluation",
    }


def _gap(rows: Rows, arms: Sequence[str], grids: Mapping[str, Grid]) -> str:
    """Return a sentence on what a metric lacks; "" for nothing."""
    count, undefined = rows.value_N.size, int((~np.isfinite(rows.value_N)).sum())
    if not count:
        return "No finished run has a value of this metric."
    if not grids:
        return f"All {count} values of this metric are undefined (NaN)."
    notes = []
    if undefined:
        notes.append(f"{undefined} of {count} values are undefined (NaN).")
    absent = [arm for arm in arms if arm not in grids]
    if absent:
        notes.append(f"No value in: {', '.join(absent)}.")
    thin = [arm for arm, grid in grids.items() if np.isnan(grid.value_TS).any()]
    if thin:
        notes.append(f"Not every seed has every step, so a mean may be of fewer: {thin[0]}.")
    return " ".join(notes)
