"""One study as the page shows it: the sections of its report, its curves and its samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harness.report.document import head, sections
from harness.report.page import curves, samples
from harness.report.results import Results
from harness.report.sections import Block, Section

_FILES = {
    "runs.parquet": "every run, with status and reason",
    "steps.parquet": "every value of every metric, step and run",
    "samples.parquet": "every evaluated sample; texts of the first questions",
    "effects.csv": "every arm against the control",
    "factors.csv": "every factor of a full design, alone and in pairs",
    "verdicts.json": "verdicts with rules, numbers and run ids",
    "REPORT.md": "the tables of this page as plain text",
}
GRADES = Path("graders", "verdicts.csv")
"""`python -m harness.grade ... out=<folder of the study>/graders` writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What the page shows of one study.

    Attributes:
        key: name of the ablation.
        title: of the ablation file.
        place: of its files below the results directory.
        head: question, size, and what must be said before any number.
        sections: of its report, in order.
        files: (name, what it holds) of the files that are there.
        gaps: what is missing, one sentence each.
        data: arms, metrics with curves, number of first charts, samples.
    """

    key: str
    title: str
    place: str
    head: Sequence[Block]
    sections: Sequence[Section]
    files: Sequence[tuple[str, str]]
    gaps: Sequence[str]
    data: Mapping[str, Any]

    def sections_at(self, place: str) -> list[Section]:
        """Return the sections of one place, see `harness.report.sections.Section`."""
        return [section for section in self.sections if section.place == place]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much of a study the page may hold: samples, and points of the curves of single seeds."""

    samples: int = samples.MOST_SAMPLES
    seed_points: int = curves.MOST_SEED_POINTS

    def shared_by(self, studies: int) -> Budget:
        """Return the part of one of so many studies."""
        return Budget(samples=self.samples // studies, seed_points=self.seed_points // studies)


def read_study(
    results: Results,
    folder: Path,
    place: str,
    budget: Budget | None = None,
    *,
    half: Path | None = None,
) -> Study:
    """Return a study as the page shows it.

    Args:
        results: of the study.
        folder: of its files, with what graders said of its samples; the tables are not read again.
        place: `<scale>/<ablation>`, and `partial/<label>` for less than the study.
        budget: how much the page may hold of it.
        half: where files lie that are about to take their place in `folder`.
    """
    data = _data(results, place.split("/")[1], folder, budget or Budget())
    return Study(
        key=data["key"],
        title=str(results.document["title"]),
        place=place,
        head=head(results),
        sections=sections(results),
        files=[
            (name, text)
            for name, text in _FILES.items()
            if any((place / name).is_file() for place in (folder, half or folder))
        ],
        gaps=_gaps(results, data),
        data=data,
    )


def stored_grades(folder: Path) -> dict[str, dict[str, str]]:
    """Return grader -> row_id of a sample -> outcome and reason, in words.

    Args:
        folder: of the study; without a table of graders there are none.
    """
    path = folder / GRADES
    if not path.is_file():
        return {}
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    graders = [name for name in table.columns if f"{name}_reason" in table.columns]
    return {
        grader: {
            row_id: f"{outcome} ({reason})" if reason else outcome
            for row_id, outcome, reason in zip(
                table["row_id"], table[grader], table[f"{grader}_reason"], strict=True
            )
        }
        for grader in graders
    }


def _data(results: Results, key: str, folder: Path, budget: Budget) -> dict[str, Any]:
    """Return the data that the scripts of the page draw from."""
    tables, arms = results.tables, results.arms
    columns = ["arm", "seed", "step", "metric", "value"]
    drawn = tables.steps.loc[tables.steps["run_id"].isin(set(results.done["run_id"])), columns]
    metrics = curves.ordered_metrics(results.metrics, sorted(set(drawn["metric"].astype(str))))
    return {
        "key": key,
        "arms": curves.arm_styles(arms),
        "seedsAtFirst": len(tables.runs) <= curves.MOST_SEEDS_AT_FIRST,
        "first": len(results.metrics),
        "metrics": curves.all_curves(drawn, arms, metrics, budget.seed_points),
        "samples": samples.sample_data(tables.samples, arms, stored_grades(folder), budget.samples),
    }


def _gaps(results: Results, data: Mapping[str, Any]) -> list[str]:
    requested, gaps = len(results.tables.runs), []
    if left := requested - len(results.done):
        gaps.append(f"{left} of {requested} runs are not done and not drawn (see Runs).")
    if not data["samples"]["total"]:
        gaps.append("samples.parquet has no row with a text: no sample is shown.")
    return gaps
