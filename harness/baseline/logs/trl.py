"""TRL's record of a run, trainer_state.json of the Trainer of transformers: its `log_history`.

Source: transformers 5.10, trainer_callback.py, TrainerState; TRL 0.24, docs, "GRPO Trainer", logged
metrics.
"""

from __future__ import annotations

from pathlib import Path

from harness.baseline.logs.limits import read_document, step_number
from harness.baseline.logs.log import Log
from harness.baseline.logs.mapping import Mapping
from harness.baseline.logs.points import Point, log_of
from harness.schema import DamagedError

FORMAT = "trl"

ALIASES = (
    ("reward", "reward"),
    ("completions/mean_length", "response_length"),
    ("completion_length", "response_length"),
    ("completions/max_length", "response_length_max"),
    ("completions/clipped_ratio", "clipped_share"),
    ("kl", "kl_loss"),
    ("grad_norm", "policy_gradient_norm"),
    ("learning_rate", "policy_learning_rate"),
)
"""(TRL's name, ours), of two for one metric the newer first. Not its loss: a KL term is in it."""


def read_trl(path: Path, mapping: Mapping) -> Log:
    """Read the history of a trainer; whatever is no number and not asked for is left out.

    Raises:
        DamagedError: it has no history, or an entry of it no step.
    """
    document = read_document(path)
    history = document.get("log_history") if isinstance(document, dict) else None
    if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
        raise DamagedError(f"{path} has no list `log_history`: is it a trainer_state.json?")
    points = []
    for number, entry in enumerate(history, start=1):
        place = f"entry {number} of log_history in {path}"
        data = {name: value for name, value in entry.items() if name != "step"}
        points.append(Point(place, step_number(entry.get("step"), place), data))
    return log_of(path, FORMAT, points, mapping, aliases=ALIASES, notes=_notes(document))


def _notes(document: dict[str, object]) -> list[str]:
    notes = []
    every, done, asked = (document.get(k) for k in ("logging_steps", "global_step", "max_steps"))
    if isinstance(every, int | float) and every > 1:
        notes.append(f"each value is a mean over {every:g} steps (logging_steps)")
    if isinstance(done, int) and isinstance(asked, int) and done < asked:
        notes.append(f"the record ends at step {done} of {asked}: the run was not finished")
    return notes
