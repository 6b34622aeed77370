"""Whether two sides are the very same runs, or the same work done twice."""

from __future__ import annotations

import pandas as pd

from harness.compare.sides import Side


def same_runs(candidate: Side, baseline: Side) -> bool:
    """Return whether both sides are the very same runs: the same cells, and the same numbers.

    An id says what a cell computes, not where: another machine gives the same ids other numbers.
    """
    if not same_work(candidate, baseline):
        return False
    shared = set(candidate.metrics) & set(baseline.metrics)
    return _numbers(candidate, shared).equals(_numbers(baseline, shared))


def same_work(candidate: Side, baseline: Side) -> bool:
    """Return whether both sides are runs of the same cells, done once or twice."""
    ids = [{cell["cell_id"] for cell in side.cells} for side in (candidate, baseline)]
    return ids[0] == ids[1]


def _numbers(side: Side, metrics: set[str]) -> pd.Series:
    """Return the values of some metrics by run, metric and step, in order."""
    rows = side.curves[side.curves["metric"].astype(str).isin(metrics)]
    keys = {"run_id": "str", "metric": "str", "step": "int64"}
    return rows.astype(keys).set_index(list(keys))["value"].sort_index()
