"""Whether a candidate is the same result as the baseline, whatever its ids say."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from harness.compare.sides import Side


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
