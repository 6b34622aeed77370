"""Whether two sides are the very same runs, or the same work done twice."""

from __future__ import annotations

from collections.abc import Sequence

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


def repeated_metrics(candidate: Side, baseline: Side, metric: str) -> tuple[str, ...]:
    """Return the metrics that make a candidate the same result as the baseline; none if it is not.

    It is, whatever its ids say, if the judged metric is equal in every seed of the baseline at each
    step, and the training reward as well where both have it. A metric that is the same for all
    seeds and steps proves nothing: other runs may reach the same floor.

    Args:
        candidate: what is judged.
        baseline: what it is judged by.
        metric: the judged one.
    """
    needed = [metric]
    if "reward" in candidate.metrics and "reward" in baseline.metrics and metric != "reward":
        needed.append("reward")
    for name in needed:
        mine, other = (_by_seed(side, name, baseline.seeds) for side in (candidate, baseline))
        is_whole = other.notna().all() and set(other.index.unique("seed")) == set(baseline.seeds)
        if not (is_whole and mine.equals(other)):
            return ()
        if name == metric and other.nunique() < 2:
            return ()
    return tuple(needed)


def _by_seed(side: Side, metric: str, seeds: Sequence[int]) -> pd.Series:
    """Return the values of a metric by seed and step, in order."""
    rows = side.curves[side.curves["metric"].astype(str) == metric]
    rows = rows[rows["seed"].isin(seeds)].astype({"seed": "int64", "step": "int64"})
    return rows.set_index(["seed", "step"])["value"].sort_index()
