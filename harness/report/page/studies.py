"""One study as the page shows it, read from the files that its report consists of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from harness.metrics.tables import SAMPLE_TYPES, read_parquet
from harness.report.page import curves, samples
from harness.report.page.grades import stored_grades
from harness.report.page.markdown import Block, blocks_of, sections_of
from harness.report.results import arm_order
from harness.schema import HarnessError

REPORT = "REPORT.md"
CLAIMS = "Claims of the paper"
_INSTEAD = (CLAIMS, "Figures")
"""Sections that the page has in a form of its own."""

_EARLY = ()
_MIDDLE = ("Arms", "Paired", "Answers")
_FILES = {
    "runs.parquet": "every run, with status and reason",
    "steps.parquet": "every value of every metric, step and run",
    "samples.parquet": "every evaluated sample; texts of the first questions",
    "effects.csv": "every arm against the control",
    "verdicts.json": "verdicts with rules, numbers and run ids",
    REPORT: "the tables of this page as plain text",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the report: its title, a name for links, and what stands in it."""

    title: str
    slug: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What the page shows of one study.

    Attributes:
        key: name of the ablation.
        title: of the ablation file.
        place: of its files below the results directory.
        head: question, size, and what must be said before any number.
        early / middle / late: sections before the curves, between curves and samples, after them.
        claims: of the paper, as REPORT.md has them.
        verdicts: the claims as verdicts.json has them.
        files: (name, what it holds) of the files that are there.
        gaps: what is missing, one sentence each.
        data: arms, metrics with curves, number of first charts, samples.
    """

    key: str
    title: str
    place: str
    head: Sequence[Block]
    early: Sequence[Section]
    middle: Sequence[Section]
    late: Sequence[Section]
    claims: Sequence[Block]
    verdicts: Sequence[Mapping[str, Any]]
    files: Sequence[tuple[str, str]]
    gaps: Sequence[str]
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much of a study the page may hold: samples, and points of the curves of single seeds."""

    samples: int = samples.MOST_SAMPLES
    seed_points: int = curves.MOST_SEED_POINTS

    def shared_by(self, studies: int) -> Budget:
        """Return the part of one of so many studies."""
        return Budget(samples=self.samples // studies, seed_points=self.seed_points // studies)


@dataclass(slots=True)
class _Files:
    """The files of a study; what cannot be read becomes a gap instead of an error."""

    folder: Path
    gaps: list[str] = field(default_factory=list)

    def table(self, name: str, loss: str) -> pd.DataFrame | None:
        """Return a table; None if it is not there or damaged, so that `loss` is not shown."""
        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            self.gaps.append(f"{path.name} is not there: {loss}.")
            return None
        try:
            return read_parquet(path)
        except HarnessError as error:
            self.gaps.append(f"{path.name} is not read, so {loss} ({error}).")
            return None

    def sections(self) -> dict[str, str]:
        """Return the sections of the report; only an empty head if there is none."""
        path = self.folder / REPORT
        if path.is_file():
            return sections_of(path.read_text(encoding="utf-8"))
        self.gaps.append(f"{REPORT} is not there: the page has no tables.")
        return {"": ""}

    def claims(self) -> list[Mapping[str, Any]]:
        """Return the claims of verdicts.json."""
        path = self.folder / "verdicts.json"
        if not path.is_file():
            self.gaps.append(f"{path.name} is not there: the claims have no rules and no runs.")
            return []
        try:
            return list(json.loads(path.read_text(encoding="utf-8")).get("claims", []))
        except (ValueError, AttributeError):
            self.gaps.append(f"{path.name} is damaged: the claims have no rules and no runs.")
            return []


def read_study(
    folder: Path, document: Mapping[str, Any], place: str, budget: Budget | None = None
) -> Study:
    """Read a study from the directory of its report.

    Args:
        folder: with REPORT.md and its tables; what is missing or damaged becomes a gap.
        document: the ablation file as a mapping.
        place: `<scale>/<ablation>`, and `partial/<label>` for less than the study.
        budget: how much the page may hold of it.
    """
    files = _Files(folder)
    bodies = files.sections()
    key = place.split("/")[1]
    sections = _sections(bodies, key)
    return Study(
        key=key,
        title=str(document["title"]),
        place=place,
        head=blocks_of(bodies[""], f"{document['title']}: head"),
        early=[part for part in sections if part.title.startswith(_EARLY)],
        middle=[part for part in sections if part.title.startswith(_MIDDLE)],
        late=[part for part in sections if not part.title.startswith(_EARLY + _MIDDLE)],
        claims=blocks_of(bodies.get(CLAIMS, ""), CLAIMS),
        verdicts=files.claims(),
        files=[(name, text) for name, text in _FILES.items() if (folder / name).is_file()],
        data=_data(files, document, key, budget or Budget()),
        gaps=files.gaps,
    )


def _sections(bodies: Mapping[str, str], key: str) -> list[Section]:
    return [
        Section(
            title=title,
            slug=f"{key}-{title.split(' (')[0].split(' [')[0].lower().replace(' ', '-')}",
            blocks=blocks_of(body, title),
        )
        for title, body in bodies.items()
        if title and title not in _INSTEAD
    ]


def _data(files: _Files, document: Mapping[str, Any], key: str, budget: Budget) -> dict[str, Any]:
    """Return what the scripts of the page draw from."""
    runs = files.table("runs", "no run is known to be finished, and no curve is drawn")
    steps = files.table("steps", "no curve is drawn")
    texts = files.table("samples", "no sample is shown")
    present = set() if runs is None else set(runs["arm"].astype(str))
    arms = [*arm_order(document, present)]
    arms += sorted(present - set(arms))
    drawn = _finished(files, runs, steps)
    metrics = sorted(set(drawn["metric"].astype(str)))
    first = curves.report_metrics(document, metrics)
    shown = samples.sample_data(
        pd.DataFrame(columns=list(SAMPLE_TYPES)) if texts is None else texts,
        arms,
        stored_grades(files.folder),
        budget.samples,
    )
    if texts is not None and not shown["total"]:
        files.gaps.append("samples.parquet has no row with a text: no sample is shown.")
    return {
        "key": key,
        "arms": curves.arm_styles(arms),
        "seedsAtFirst": runs is not None and len(runs) <= curves.MOST_SEEDS_AT_FIRST,
        "first": len(first),
        "metrics": curves.all_curves(
            drawn, arms, curves.ordered_metrics(first, metrics), budget.seed_points
        ),
        "samples": shown,
    }


def _finished(files: _Files, runs: pd.DataFrame | None, steps: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows of finished runs, as the figures draw them; a gap names the others."""
    columns = ["arm", "seed", "step", "metric", "value"]
    if runs is None or steps is None:
        return pd.DataFrame(columns=columns).astype({"value": float})
    is_done = runs["is_included"].astype(bool)
    if not is_done.all():
        files.gaps.append(
            f"{(~is_done).sum()} of {len(runs)} runs are not done and not drawn (see Runs)."
        )
    return steps.loc[steps["run_id"].isin(set(runs.loc[is_done, "run_id"])), columns]
