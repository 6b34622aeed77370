"""GPU-hours of a study: used so far, needed for what is asked, and a cap on both.

A GPU-hour is a GPU that a cell holds for an hour, whether it computes or not: failed and stopped
attempts count. At micro scale, where there is no GPU, a cell counts as one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.launch.accounting import ACCOUNTS_FILE
from harness.plan.calibration import calibrate
from harness.plan.cell import plan_cell
from harness.plan.cost import estimate_cell, finished_runs
from harness.plan.hardware import gpu_entries, read_gpu
from harness.plan.recipe import read_recipe
from harness.schema import Attempt, CellSpec, HarnessError, RunRecord, Status, UsageError
from harness.spec.study import Study
from harness.store.ledger import METRICS_FILE, RunStore

# the check reads every record of the study
CHECK_EVERY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A cap, and what it is held against. All in GPU-hours.

    Attributes:
        allowed: the cap.
        used: by every attempt of the study so far, running ones up to now.
        in_flight: what cells that are queued or run will still take.
        new: of the cells that are to be launched.
        cells: how many these are.
    """

    allowed: float
    used: float
    in_flight: float
    new: float
    cells: int

    def check(self) -> None:
        """Refuse a request that would go over the cap.

        Raises:
            UsageError: with the sum.
        """
        total = self.used + self.in_flight + self.new
        if total > self.allowed:
            raise UsageError(
                f"the request needs about {total:.4g} GPU-hours ({self.used:.4g} used +"
                f" {self.in_flight:.4g} in flight + {self.new:.4g} for {self.cells} cells) and"
                f" launcher.budget_gpu_hours={self.allowed:g} allows less: raise it, or ask for"
                " fewer seeds, levels or steps"
            )


def allowed_gpu_hours(launcher: Mapping[str, Any]) -> float | None:
    """Return the cap of a request, None if it has none.

    Raises:
        UsageError: it is no number over 0.
    """
    given = launcher.get("budget_gpu_hours")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < math.inf:
        raise UsageError(f"launcher.budget_gpu_hours is {given!r}: expected a number over 0")
    return float(given)


def gpus_of(config: Mapping[str, Any]) -> int:
    """Return the number of GPUs that a cell holds; on a CPU its one logical one."""
    trainer = config["verl"]["trainer"]
    return int(trainer.get("nnodes", 1)) * int(trainer.get("n_gpus_per_node", 1))


def cell_gpu_hours(study: Study, cell: CellSpec) -> float:
    """Return the GPU-hours of a cell from step 0 to its end.

    On GPUs by the plan for the kind that `launcher.gpu` names (docs/planning.md), on a CPU by what
    finished cells took.

    Raises:
        UsageError: no kind of GPU is named.
    """
    launcher = study.request.launcher
    if cell.config["verl"]["trainer"].get("device") == "cpu":
        finished = finished_runs(study.request.results_dir / study.request.scale)
        estimate = estimate_cell(cell, launcher["estimate"], finished)
        return estimate.cell_s / 3600 * gpus_of(cell.config)
    if not launcher.get("gpu"):
        kinds = ", ".join(gpu_entries())
        raise UsageError(
            "launcher.budget_gpu_hours needs the kind of GPU for its estimate: give"
            f" launcher.gpu=<kind>, one of {kinds}"
        )
    plan = plan_cell(read_recipe(cell.config), read_gpu(launcher["gpu"]), calibrate())
    return float(plan.gpu_hours.middle)


def make_budget(
    study: Study, store: RunStore, new: Sequence[CellSpec], in_flight: Sequence[CellSpec]
) -> Budget | None:
    """Return the budget of a request; None if it has no cap.

    Args:
        study: the request.
        store: its runs.
        new: cells that are to be launched.
        in_flight: cells that are queued or run.

    Raises:
        UsageError: see `cell_gpu_hours` and `allowed_gpu_hours`.
    """
    allowed = allowed_gpu_hours(study.request.launcher)
    if allowed is None:
        return None
    at = time.time()
    # once per arm: its seeds cost the same
    need = {cell.arm: cell_gpu_hours(study, cell) for cell in (*new, *in_flight)}
    begun = [_current_hours(store, cell, at) for cell in in_flight]
    left = (max(need[c.arm] - b, 0.0) for c, b in zip(in_flight, begun, strict=True))
    return Budget(
        allowed=allowed,
        used=used_gpu_hours(store, at),
        in_flight=sum(left),
        new=sum(need[cell.arm] for cell in new),
        cells=len(new),
    )


def used_gpu_hours(store: RunStore, at: float) -> float:
    """Return the GPU-hours of all attempts of a study; a record that cannot be read counts nothing.

    Args:
        store: of the study.
        at: epoch seconds until which a running attempt counts.
    """
    total = 0.0
    for path in sorted(store.runs_dir.glob("*/record.json")):
        try:
            spec, record = store.load(path.parent)
        except HarnessError:
            continue
        gpus = gpus_of(spec["config"])
        total += (
            gpus * sum(_seconds(path.parent, attempt, at) for attempt in record.attempts) / 3600
        )
    return total


def attempt_seconds(started: str, ended: str | None, last_sign: float | None, at: float) -> float:
    """Return the seconds for which an attempt has held its GPUs, at least 0.

    Args:
        started: ISO 8601.
        ended: ISO 8601; None while it runs, and for one that was killed.
        last_sign: epoch seconds of the newest line that it wrote; None if it wrote none.
        at: epoch seconds of now, for one that runs.
    """
    begin = datetime.fromisoformat(started).timestamp()
    if ended is not None:
        end = datetime.fromisoformat(ended).timestamp()
    else:
        # one that was killed has no end: it held its GPUs for as long as it wrote
        end = at if last_sign is None else min(last_sign, at)
    return max(end - begin, 0.0)


class Guard:
    """Watches the cap while cells run: the same for every launcher, on every machine.

    Every process that runs a cell looks for itself at what all of them have used, so the cap holds
    with nobody watching from outside.

    Args:
        store: of the study.
        allowed: the cap; None for none.
        clock: epoch seconds.
    """

    def __init__(
        self, store: RunStore, allowed: float | None, clock: Callable[[], float] = time.time
    ) -> None:
        self.store, self.allowed, self.clock = store, allowed, clock
        self._next = 0.0
        self._reason = ""

    def exceeded(self) -> str:
        """Return why nothing may go on, "" while the cap is kept; checked twice a minute."""
        if self.allowed is None or self._reason or self.clock() < self._next:
            return self._reason
        self._next = self.clock() + CHECK_EVERY_S
        used = used_gpu_hours(self.store, self.clock())
        if used > self.allowed:
            self._reason = f"the budget: {used:.4g} of {self.allowed:.4g} GPU-hours are used"
        return self._reason


def _current_hours(store: RunStore, cell: CellSpec, at: float) -> float:
    record: RunRecord | None = store.record(cell)
    if record is None or record.status is not Status.RUNNING:
        return 0.0
    attempt = record.attempts[-1]
    return gpus_of(cell.config) * _seconds(store.run_dir(cell), attempt, at) / 3600


def _seconds(run_dir: Path, attempt: Attempt, at: float) -> float:
    signs = (run_dir / f"attempt-{attempt.number}" / name for name in (ACCOUNTS_FILE, METRICS_FILE))
    return attempt_seconds(attempt.started, attempt.ended, _newest(signs), at)


def _newest(paths: Iterable[Path]) -> float | None:
    times = [path.stat().st_mtime for path in paths if path.exists()]
    return max(times, default=None)
