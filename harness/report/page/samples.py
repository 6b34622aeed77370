"""The samples that the page shows: chosen evenly, with reflection and repetition marked."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from harness.graders.reflection import REFLECTION_WORDS
from harness.metrics.columns import short_split

MOST_SAMPLES = 600
"""Most samples on one page."""

REPEATED_WORDS = 6
"""So many words in a row that stood in the same response before are a repetition."""

REPEATED_CHARS = 20
"""So many characters that only repeat a short unit are a repetition, words or not."""

REFLECTION, REPETITION = 1, 2
"""Marks of a piece of text; both together are 3."""

STORED = ("score", "correct", "format_ok")
"""Columns of the samples table that hold a score."""

_REFLECTING = re.compile("|".join(map(re.escape, REFLECTION_WORDS)), re.IGNORECASE)
# one unit of 1 to 12 characters, not blank, and at least three more of it
_UNIT = re.compile(r"((?=\S).{1,12}?)\1{3,}", re.DOTALL)

Span = tuple[int, int]
Grades = Mapping[str, Mapping[str, str]]
"""Grader -> row_id of a sample -> what it said, in words."""


def marked_text(text: str) -> list[list[Any]]:
    """Return a text in pieces, each with its mark: 0, `REFLECTION`, `REPETITION` or their sum."""
    marks = bytearray(len(text))
    for match in _REFLECTING.finditer(text):
        _mark(marks, match.span(), REFLECTION)
    for span in repetitions(text):
        _mark(marks, span, REPETITION)
    pieces: list[list[Any]] = []
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or marks[end] != marks[start]:
            pieces.append([text[start:end], marks[start]])
            start = end
    return pieces


def repetitions(text: str) -> list[Span]:
    """Return the passages in which a text repeats itself.

    Passages of at least `REPEATED_WORDS` words that stood in it before, and stretches of at least
    `REPEATED_CHARS` characters that repeat a unit of up to 12 characters. The first occurrence is
    not part of it.

    Returns:
        (start, end) in characters, in no order; they may overlap.
    """
    words = [match.span() for match in re.finditer(r"\S+", text)]
    seen: set[tuple[str, ...]] = set()
    spans: list[Span] = []
    for first in range(len(words) - REPEATED_WORDS + 1):
        chosen = words[first : first + REPEATED_WORDS]
        key = tuple(text[start:end] for start, end in chosen)
        if key in seen:
            spans.append((chosen[0][0], chosen[-1][1]))
        seen.add(key)
    for match in _UNIT.finditer(text):
        start, end = match.start() + len(match[1]), match.end()
        if end - start >= REPEATED_CHARS:
            spans.append((start, end))
    return spans


def sample_data(
    samples: pd.DataFrame, arms: Sequence[str], grades: Grades, most: int = MOST_SAMPLES
) -> dict[str, Any]:
    """Return the samples of the page: groups of one question, seed and step, an arm each.

    Args:
        samples: the samples table; only rows with a text are shown.
        arms: the control first.
        grades: of further graders.
        most: at most so many samples; whole groups, the first seeds first, every question once
            before the next seed.

    Returns:
        total (rows with a text), shown, most, scores (names), prompts (each once), and groups with
        split, question, seed, sample, step, prompt (index) and rows.
    """
    stored = [name for name in STORED if name in samples.columns]
    texts = samples.loc[samples["response"].notna() & samples["arm"].isin(arms)]
    records = sorted(texts.to_dict("records"), key=_group_of)
    prompts: dict[str, int] = {}
    groups: list[dict[str, Any]] = []
    shown = 0
    for (seed, sample, split, question, step), found in itertools.groupby(records, _group_of):
        rows = {str(row["arm"]): row for row in found}
        if shown + len(rows) > most:
            break
        shown += len(rows)
        text = next(iter(rows.values()))["prompt"]
        groups.append(
            {
                "split": short_split(split),
                "question": question,
                "seed": seed,
                "sample": sample,
                "step": step,
                "prompt": prompts.setdefault(text if isinstance(text, str) else "", len(prompts)),
                "rows": [
                    _row(rows[arm], place, stored, grades)
                    for place, arm in enumerate(arms)
                    if arm in rows
                ],
            }
        )
    return {
        "total": len(records),
        "shown": shown,
        "most": most,
        "scores": [*stored, *grades],
        "prompts": list(prompts),
        "groups": groups,
    }


def _group_of(row: Mapping[Any, Any]) -> tuple[int, int, str, str, int]:
    """Return the key that the samples of a group share; it sorts as the page does."""
    seed, sample, step = (int(row[key]) for key in ("seed", "sample", "step"))
    return seed, sample, str(row["split"]), str(row["question_id"]), step


def _row(row: Mapping[Any, Any], arm: int, stored: Sequence[str], grades: Grades) -> dict[str, Any]:
    given = [given.get(str(row["row_id"]), "") for given in grades.values()]
    return {
        "arm": arm,
        "id": str(row["row_id"]),
        "outcome": str(row["outcome"]),
        "finish": str(row["finish_reason"]),
        "tokens": int(row["response_tokens"]),
        "scores": [*(f"{float(row[name]):g}" for name in stored), *given],
        "pieces": marked_text(str(row["response"])),
    }


def _mark(marks: bytearray, span: Span, mark: int) -> None:
    for place in range(*span):
        marks[place] |= mark
