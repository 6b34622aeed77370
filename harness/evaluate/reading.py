"""Reading a finished evaluation: what it is, and a score per question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harness.evaluate.folder import GROUP, read_document
from harness.evaluate.output import SAMPLES
from harness.metrics.columns import EVALUATION
from harness.metrics.evaluation import sample_values
from harness.metrics.tables import read_parquet
from harness.schema import DamagedError, UsageError
from harness.untrusted.tables import TEXT
from harness.writing import check_together

METRICS = ("accuracy", "truncated", "unparsable", "format", "response_tokens")
"""Of every benchmark, in the order in which two evaluations are compared by them."""

_KINDS = dict.fromkeys(("benchmark", "question_id", "finish_reason", "outcome"), TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A finished evaluation, read from its directory.

    Attributes:
        name: model and directory, for outputs.
        id: hash of what it is.
        identity: see `plan.Plan.identity`.
        scores: per benchmark and question, means over the samples: index (benchmark, question_id),
            columns `METRICS`.
    """

    name: str
    id: str
    identity: Mapping[str, Any]
    scores: pd.DataFrame

    @property
    def measured(self) -> Mapping[str, Any]:
        """What must be the same on both sides of a comparison."""
        measured: Mapping[str, Any] = self.identity["measured"]
        return measured

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """Names, in the order of the suite."""
        return tuple(self.measured["questions"])


def read_evaluation(text: str) -> Stored:
    """Read the directory of a finished evaluation.

    Raises:
        UsageError: it is not finished, or has no single samples.
        DamagedError: its files do not fit each other.
    """
    directory = Path(text)
    document = read_document(directory)
    identity, path = document["identity"], directory / SAMPLES
    if "questions" not in identity.get("measured", {}):
        raise UsageError(
            f"{directory} is an evaluation by lm-evaluation-harness, which keeps its samples in a"
            " form of its own: compare its EVALUATION.md by hand"
        )
    if not path.is_file():
        raise UsageError(
            f"the evaluation {directory} is not finished: run its harness.evaluate command again"
        )
    check_together(directory, GROUP)
    table = read_parquet(path, _KINDS)
    _check(directory, table, identity["measured"])
    values = {c.name: sample_values(table, c) for c in EVALUATION if c.name in METRICS}
    # by how it ended, for without the stop rule an answer that was cut off may be correct
    values["truncated"] = table["finish_reason"] != "stop"
    keys = ["benchmark", "question_id"]
    scored = table[keys].assign(**{name: values[name].astype(float) for name in METRICS})
    scores = scored.groupby(keys, sort=True).mean()
    return Stored(
        name=f"{identity['model']['name']} ({directory.name})",
        id=str(document["id"]),
        identity=identity,
        scores=scores,
    )


def _check(directory: Path, table: pd.DataFrame, measured: Mapping[str, Any]) -> None:
    found = table.groupby("benchmark")["question_id"].agg(["nunique", "size"])
    for name, counted in measured["questions"].items():
        rows = counted["count"] * measured["samples"]
        seen = tuple(map(int, found.loc[name])) if name in found.index else (0, 0)
        if seen != (counted["count"], rows):
            raise DamagedError(
                f"{directory / SAMPLES} has {seen[1]} samples of {seen[0]} questions of {name},"
                f" expected {rows} of {counted['count']}: run the evaluation's command again"
            )
