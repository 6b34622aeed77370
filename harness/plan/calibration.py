"""The three efficiencies, fitted to published runs, and how far they miss a run they have not seen.

    ln(GPU-hours) = ln(compute_s / compute + memory_s / memory + turns x turn_s) + error

The published runs are few and alike, so the fit is held by what is known beforehand: the sum of
squared errors, in units of a factor of 1.5, plus the squared distances of the logarithms of the
three efficiencies from `BEFORE`, in units of `SPREAD` (the most probable values under normal
errors).

The interval of a plan comes from leaving runs out: the largest factor by which a run is missed by
the efficiencies that were fitted without it, and without any other run of the same code. Were the
next run drawn like the published ones, it would lie outside with a chance of about one in (their
number + 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.plan.published import Published, published_runs
from harness.plan.steps import Efficiency

BEFORE = {"compute": 0.33, "memory": 0.6, "turn_s": 0.015}
"""Before any run is looked at: 33 % of peak as a user measured with veRL on H100 (verl issue 965);
the others are assumptions of the usual size."""

SPREAD = {"compute": math.log(2), "memory": math.log(1.5), "turn_s": math.log(2)}
"""Standard deviations of the logarithms of `BEFORE`: a factor of 2, of 1.5, of 2."""

ERROR = math.log(1.5)
"""Standard deviation of the logarithm of a published cost, for the weight of the fit."""

ROUNDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """One published run against the model.

    Attributes:
        run: the published run.
        fitted: predicted over published GPU-hours, with all runs in the fit.
        without_run: the same with this run left out of the fit.
        without_family: the same with every run of its family left out.
    """

    run: Published
    fitted: float
    without_run: float
    without_family: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a plan takes from the published runs.

    Attributes:
        efficiency: fitted to all.
        rows: each run against the model.
    """

    efficiency: Efficiency
    rows: tuple[LeftOut, ...]

    @property
    def factor(self) -> float:
        """Largest factor by which a run is missed when its family is left out, over 1."""
        return math.exp(max(abs(math.log(row.without_family)) for row in self.rows))

    @property
    def coverage(self) -> float:
        """Chance that the next run lies inside, were it drawn like the published ones."""
        return len(self.rows) / (len(self.rows) + 1)


def calibrate(runs: Sequence[Published] | None = None) -> Calibration:
    """Fit the efficiencies to published runs, and once more without each of them.

    Args:
        runs: None takes those of published.yaml.
    """
    runs = published_runs() if runs is None else runs
    everything = fit(runs)
    rows = []
    for run in runs:
        others = [other for other in runs if other is not run]
        strangers = [other for other in runs if other.family != run.family]
        rows.append(
            LeftOut(
                run=run,
                fitted=ratio(run, everything),
                without_run=ratio(run, fit(others)),
                without_family=ratio(run, fit(strangers)),
            )
        )
    return Calibration(efficiency=everything, rows=tuple(rows))


def ratio(run: Published, efficiency: Efficiency) -> float:
    """Return predicted over published GPU-hours."""
    return float(run.work_s @ _costs(efficiency)) / 3600 / run.gpu_hours


def fit(runs: Sequence[Published]) -> Efficiency:
    """Return the most probable efficiencies; without runs, those of `BEFORE`.

    Gauss-Newton in the logarithms of 1 / compute, 1 / memory and turn_s.
    """
    centre = np.log([1 / BEFORE["compute"], 1 / BEFORE["memory"], BEFORE["turn_s"]])
    weight = 1 / np.array([SPREAD["compute"], SPREAD["memory"], SPREAD["turn_s"]])
    at = centre.copy()
    # without runs the array would have one axis
    work = np.array([run.work_s for run in runs]).reshape(len(runs), 3)
    goal = np.log([3600 * run.gpu_hours for run in runs])
    for _ in range(ROUNDS):
        parts = work * np.exp(at)
        whole = parts.sum(axis=1)
        slope = np.vstack([parts / whole[:, None] / ERROR, np.diag(weight)])
        miss = np.concatenate([(np.log(whole) - goal) / ERROR, (at - centre) * weight])
        # half steps, since the sum of exponentials bends
        at = at - 0.5 * np.linalg.lstsq(slope, miss, rcond=None)[0]
    return _efficiency(at)


def _efficiency(at: NDArray[np.float64]) -> Efficiency:
    return Efficiency(
        # the fit knows no bound, but nothing gets more than all of a machine
        compute=min(float(np.exp(-at[0])), 1.0),
        memory=min(float(np.exp(-at[1])), 1.0),
        turn_s=float(np.exp(at[2])),
    )


def _costs(efficiency: Efficiency) -> NDArray[np.float64]:
    return np.array([1 / efficiency.compute, 1 / efficiency.memory, efficiency.turn_s])
