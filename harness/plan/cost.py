"""How long a request takes: from finished runs of its scale, or from the scale's own estimate."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from harness.schema import Attempt, CellSpec, DamagedError, Status, UsageError
from harness.store.ledger import RUNS
from harness.store.records import RECORD_FILE, read_record


class Estimate(NamedTuple):
    """Seconds per cell, and where the number comes from."""

    cell_s: float
    source: str


class Finished(NamedTuple):
    """A finished attempt: its training steps and the seconds that it took."""

    steps: int
    seconds: float


def estimate_cell(
    spec: CellSpec, settings: Mapping[str, Any], finished: Sequence[Finished]
) -> Estimate:
    """Return the seconds of one cell.

    Args:
        spec: any cell of the request; all have the same steps and evaluations.
        settings: `launcher.estimate` of the scale: start_s, step_s, evaluation_s.
        finished: attempts of this scale on this machine.

    Returns:
        The median of finished attempts with the same number of steps; else the settings, with
        `step_s` replaced by the median of finished attempts, if there are any.
    """
    trainer = spec.config["verl"]["trainer"]
    steps = trainer["total_training_steps"]
    same = [run.seconds for run in finished if run.steps == steps]
    if same:
        return Estimate(statistics.median(same), _median_of(len(same)))
    fixed = settings["start_s"] + settings["evaluation_s"] * evaluations(trainer)
    rates = [(run.seconds - settings["start_s"]) / run.steps for run in finished]
    if rates:
        # evaluations are part of these rates; a start that was quicker than estimated may make one
        # negative
        step_s = max(statistics.median(rates), 0.0)
        return Estimate(settings["start_s"] + steps * step_s, _median_of(len(rates)))
    return Estimate(fixed + steps * settings["step_s"], "estimated for the reference machine")


def evaluations(trainer: Mapping[str, Any]) -> int:
    """Return a run's number of evaluations: step 0, every `test_freq` steps, and the last step."""
    last, every = trainer["total_training_steps"], trainer.get("test_freq", -1)
    steps = {0} if trainer.get("val_before_train", True) else set()
    if every > 0:
        steps |= {*range(every, last + 1, every), last}
    return len(steps)


def finished_runs(scale_dir: Path) -> list[Finished]:
    """Return the finished attempts of all ablations of a scale; what cannot be read is left out.

    Args:
        scale_dir: `results_dir/scale`.
    """
    found = []
    for path in sorted(scale_dir.glob(f"*/{RUNS}/*/{RECORD_FILE}")):
        try:
            attempts = read_record(path).attempts
        except (DamagedError, UsageError):
            continue
        found += [_finished(attempt) for attempt in attempts if _is_timed(attempt)]
    return found


def minutes(seconds: float) -> str:
    """Return "about 12 min", or "about 3 h 20 min"."""
    hours, rest = divmod(max(round(seconds / 60), 1), 60)
    return f"about {hours} h {rest:02} min" if hours else f"about {rest} min"


def _median_of(count: int) -> str:
    return f"median of {count} finished run{'s' if count > 1 else ''} here"


def _is_timed(attempt: Attempt) -> bool:
    return attempt.status is Status.DONE and attempt.ended is not None and bool(attempt.last_step)


def _finished(attempt: Attempt) -> Finished:
    assert attempt.ended is not None and attempt.last_step is not None
    span = datetime.fromisoformat(attempt.ended) - datetime.fromisoformat(attempt.started)
    return Finished(attempt.last_step, span.total_seconds())
