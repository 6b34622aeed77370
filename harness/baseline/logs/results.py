"""Results of lm-evaluation-harness and of lighteval: accuracies of one model, at one step.

Source: lm-evaluation-harness 0.4.9, docs/interface.md and evaluator.py (`results`, `n-shot`);
lighteval 0.11, docs, "Saving and reading results" (`config_general`, `results`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from harness.baseline.logs.limits import read_document, step_number
from harness.baseline.logs.log import Log
from harness.baseline.logs.mapping import Mapping
from harness.baseline.logs.points import Point, log_of
from harness.schema import DamagedError, UsageError

LM_EVAL, LIGHTEVAL = "lm-eval", "lighteval"

_PLAIN = ("acc", "exact_match", "extractive_match", "em")
"""Metrics that a task has one of, and that are its accuracy."""

_OTHERS = ("acc_norm", "math_verify", "qem", "pem", "pqem")
_SAMPLED = re.compile(
    r"(?:\w+_)?(?:avg@(?:n:n=|k:k=|k=)?|pass@1:|pass@k:k=1&n=)(?P<k>\d{1,6})(?:_samples)?"
)
"""The mean over samples, in lighteval's several ways to write it. pass@k of more is none."""


class _Score(NamedTuple):
    """A number of a results file: as the file names it, and as we do."""

    foreign: str
    ours: str
    value: object


def read_lm_eval(path: Path, mapping: Mapping) -> Log:
    """Read results_*.json of lm-evaluation-harness; see `_log` for errors."""
    document = read_document(path)
    shots = document.get("n-shot") if isinstance(document, dict) else None
    return _log(path, LM_EVAL, document, mapping, shots if isinstance(shots, dict) else {})


def read_lighteval(path: Path, mapping: Mapping) -> Log:
    """Read results_*.json of lighteval; see `_log` for errors."""
    return _log(path, LIGHTEVAL, read_document(path), mapping, {})


def _log(
    path: Path, format_: str, document: Any, mapping: Mapping, shots: dict[str, object]
) -> Log:
    """Return the accuracies of a document.

    Raises:
        UsageError: two of its numbers become one metric, or the step of the mapping is none.
        DamagedError: it has no results, or an accuracy is not a number.
    """
    results = document.get("results") if isinstance(document, dict) else None
    if not isinstance(results, dict) or not all(isinstance(v, dict) for v in results.values()):
        raise DamagedError(f"{path} has no mapping `results` of tasks: is it a results file?")
    scores = [
        _Score(f"{task}/{metric}", _ours(task, metric, shots.get(task)), value)
        for task, values in results.items()
        for metric, value in values.items()
        # lighteval's mean over all tasks is of no task
        if task != "all"
    ]
    text = mapping.fixed.get("step", "0")
    step = step_number(int(text) if text.isascii() and text.isdigit() else text, f"step={text}")
    notes = ["an evaluation of one model: its seed is not that of a training"]
    if "step" not in mapping.fixed:
        notes.append("the training step of the model is not stated: 0 stands for it, see step=")
    _check_plain(path, scores)
    point = Point(str(path), step, {score.foreign: score.value for score in scores})
    aliases = [(score.foreign, score.ours) for score in scores if score.ours]
    return log_of(path, format_, [point], mapping, aliases=aliases, notes=notes)


def _check_plain(path: Path, scores: list[_Score]) -> None:
    seen: dict[str, str] = {}
    for score in scores:
        if score.ours and seen.setdefault(score.ours, score.foreign) != score.foreign:
            raise UsageError(
                f"{path} has two accuracies that become {score.ours}, {seen[score.ours]!a} and"
                f" {score.foreign!a}: name one in a mapping file"
            )


def _ours(task: str, metric: str, shots: object) -> str:
    """Return our name of an accuracy; "" of another number.

    What makes it another measurement is in the name: the number of examples in the prompt, how the
    answer is found in a response, how many samples it is the mean of.
    """
    name, _, found_by = metric.partition(",")
    sampled = _SAMPLED.fullmatch(name)
    if "stderr" in name or not (sampled or name in _PLAIN or name in _OTHERS):
        return ""
    *_, own, count = task.split("|") if "|" in task else (task, str(shots or 0))
    parts = [*_words(own)]
    parts += [f"{count}shot"] if count != "0" else []
    parts += [name] if name in _OTHERS else []
    parts += [found_by] if found_by not in ("", "none") else []
    whole = ".".join(parts) + (f"@{int(sampled['k'])}" if sampled else "")
    return f"accuracy_{whole}" if whole.isprintable() and len(whole) < 100 else ""


def _words(task: str) -> Iterator[str]:
    yield from (word for word in re.split(r"[/:\s]+", task) if word)
