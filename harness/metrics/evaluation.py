"""Evaluation rows: from generations/<step>.jsonl to sample rows, and from those to metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd

from harness.metrics.column import OUTCOMES, Column
from harness.metrics.columns import EVALUATION, SAMPLE_FIELDS, short_split
from harness.metrics.streams import RunFiles, generation_files, read_lines
from harness.schema import DamagedError

TEXT_QUESTIONS = 8
"""Text is kept for the first 8 questions of a split, sample 0, at the first and last step only."""

TEXT_LIMIT = 2000
"""Longest text kept, in characters; what is cut ends in an ellipsis."""

_KEYS = ["step", "split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which evaluation rows a finished run must have.

    Attributes:
        steps: evaluated steps, the last training step among them.
        questions: split -> number of questions; empty if the spec does not say.
        samples: samples per question.
    """

    steps: tuple[int, ...]
    questions: Mapping[str, int]
    samples: int

    @property
    def rows(self) -> float:
        """Number of rows of all steps and splits; NaN if the spec does not say."""
        if not self.questions:
            return math.nan
        return float(len(self.steps) * self.samples * sum(self.questions.values()))


@dataclass(slots=True)
class Samples:
    """The sample rows of one run, and what was wrong with its files.

    Attributes:
        rows: one mapping per sample that was scored.
        torn: torn last lines dropped.
        unscored: rows without our reward's fields (a session that failed): not results.
    """

    rows: list[dict[str, Any]]
    torn: int = 0
    unscored: int = 0


def evaluation_plan(spec: Mapping[str, Any]) -> Plan:
    """Return the evaluation rows that the resolved config of a run asks for.

    The splits are the stems of `verl.data.val_files`; their sizes are `evaluation.questions`
    (split -> number) where that is given, else `dataset.eval_size` for each.
    """
    config = spec["config"]
    verl = config["verl"]
    trainer = verl["trainer"]
    last, every = int(trainer["total_training_steps"]), int(trainer.get("test_freq", -1))
    steps = {0} if trainer.get("val_before_train", True) else set()
    if every > 0:
        steps |= {*range(every, last + 1, every), last}
    files = verl["data"].get("val_files") or []
    splits = [Path(str(name)).stem for name in ([files] if isinstance(files, str) else files)]
    size = config.get("dataset", {}).get("eval_size")
    questions = config.get("evaluation", {}).get("questions")
    if questions is None:
        questions = {split: int(size) for split in splits} if size is not None else {}
    return Plan(
        steps=tuple(sorted(steps)),
        questions=dict(questions),
        samples=int(verl["actor_rollout_ref"]["rollout"]["val_kwargs"]["n"]),
    )


def read_samples(run: RunFiles) -> Samples:
    """Read the sample rows of a run's last attempt, sorted by step, split, question and sample.

    Raises:
        DamagedError: a sample appears twice, or a field has a value that it cannot have.
    """
    files = generation_files(run)
    samples = Samples([])
    for step, path in files:
        lines = read_lines(path)
        samples.torn += lines.torn
        scored = [row for row in lines.rows if row.get("question_id") is not None]
        samples.unscored += len(lines.rows) - len(scored)
        with_text = step in (files[0][0], files[-1][0])
        samples.rows += _step_rows(run, step, path, scored, with_text=with_text)
    return samples


def evaluation_values(frame: pd.DataFrame) -> Iterator[tuple[int, str, float]]:
    """Yield (step, metric, value) of the sample rows of one run, in the order of the glossary.

    A step or split without rows, or without a sample that counts, yields nothing: it is missing,
    not 0.

    Args:
        frame: rows of the samples table of one run.
    """
    if frame.empty:
        return
    # one split of the rows for all metrics
    keyed = frame[[*_KEYS, "question_id"]].assign(
        **{c.name: sample_values(frame, c) for c in EVALUATION if c.over != "rows"}
    )
    grouped = keyed.groupby(_KEYS, observed=True)
    values = grouped[[c.name for c in EVALUATION if c.over == "samples"]].mean()
    over = {
        c.name: _over_questions(keyed, c.name, "mean" if c.over == "questions" else "max")
        for c in EVALUATION
        if c.over in ("questions", "best")
    }
    rows = {c.name: grouped.size() for c in EVALUATION if c.over == "rows"}
    for key, row in values.assign(**over, **rows).iterrows():
        step, split = cast(tuple[int, str], key)
        for column in EVALUATION:
            value = float(row[column.name])
            if not math.isnan(value):
                yield int(step), f"{column.name}_{short_split(str(split))}", value


def sample_values(frame: pd.DataFrame, column: Column) -> pd.Series:
    """Return the values, one per sample, whose mean is an evaluation metric (with a field)."""
    assert column.field is not None
    values = frame[column.field.name]
    return values == column.equals if column.equals else values


def _over_questions(keyed: pd.DataFrame, name: str, within: str) -> pd.Series:
    questions = keyed.groupby([*_KEYS, "question_id"], observed=True)[name].agg(within)
    return questions.groupby(_KEYS, observed=True).mean()


def _step_rows(
    run: RunFiles, step: int, path: Path, scored: list[dict[str, Any]], *, with_text: bool
) -> list[dict[str, Any]]:
    """Return the table rows of one evaluation."""
    keyed = {}
    for row in scored:
        key = (str(row["split"]), str(row["question_id"]), int(row["sample"]))
        if key in keyed:
            raise DamagedError(
                f"sample {key[2]} of question {key[1]} ({key[0]}) appears twice in {path}: expected"
                " one row per sample; run the cell again"
            )
        keyed[key] = row
    chosen = _text_questions(keyed) if with_text else set()
    rows = []
    # in an order of their own: veRL writes rows as its queue hands them out
    for key in sorted(keyed):
        text = keyed[key] if key in chosen else {}
        rows.append({**_fields(path, keyed[key]), **_identity(run, step, key), **_text(text)})
    return rows


def _identity(run: RunFiles, step: int, key: tuple[str, str, int]) -> dict[str, Any]:
    split, question, sample = key
    return {
        "row_id": f"{run.short_id}/{step}/{split}/{question}/{sample}",
        "run_id": run.run_id,
        "arm": run.record.arm,
        "seed": run.record.seed,
        "step": step,
        "split": split,
        "question_id": question,
        "sample": sample,
    }


def _fields(path: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    if row.get("outcome") not in OUTCOMES or row.get("correct") not in (0, 1):
        raise DamagedError(
            f"question {row['question_id']} in {path} has outcome {row.get('outcome')!r} and"
            f" correct {row.get('correct')!r}: expected one of {', '.join(OUTCOMES)}, and 0 or 1"
        )
    fields = {}
    for field in SAMPLE_FIELDS:
        try:
            fields[field.name] = field.read(row)
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedError(
                f"question {row['question_id']} in {path} has no {field.name}: its row has"
                f" {field.key} {row.get(field.key)!r}, expected {field.dtype}; run the cell again"
            ) from error
    return fields


def _text_questions(keys: Mapping[tuple[str, str, int], Any]) -> set[tuple[str, str, int]]:
    """Return the keys whose text is kept: sample 0 of the first questions of each split."""
    kept: set[tuple[str, str, int]] = set()
    for split in {split for split, _, _ in keys}:
        questions = sorted({q for s, q, _ in keys if s == split})[:TEXT_QUESTIONS]
        kept |= {(split, question, 0) for question in questions}
    return kept


def _text(row: Mapping[str, Any]) -> dict[str, str | None]:
    return {"prompt": _capped(row.get("input")), "response": _capped(row.get("output"))}


def _capped(text: str | None) -> str | None:
    if text is None or len(text) <= TEXT_LIMIT:
        return text
    return f"{text[: TEXT_LIMIT - 1]}…"
