"""Writes report.html: the page of one study, or of all studies of a scale with the whole sheet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.claims import layout
from harness.claims.rows import claim_sheet, stored_rows
from harness.cli import suggest
from harness.paths import BASELINES
from harness.report.deviations import of_recipe
from harness.report.page.markdown import blocks_of
from harness.report.page.page import NAME, Page, render
from harness.report.page.studies import Budget, read_study
from harness.schema import UsageError
from harness.spec.choices import ablation_files, group_choices
from harness.spec.config import load_ablation
from harness.store.files import write_atomic

NO_CLAIMS = (
    "No claim was judged: this is less than a study, or the paper says nothing that it speaks to."
)
NO_RESULTS = (
    "No study has results at this scale yet. The sheet says what each claim needs:"
    " run one of its commands, then write this page again."
)


def write_study_page(out: Path, document: Mapping[str, Any], place: str) -> Path:
    """Write the page of one study beside its report, from the files that are there.

    Args:
        out: directory of the report and its tables.
        document: the ablation file as a mapping.
        place: `<scale>/<ablation>`, and `partial/<label>` for less than the study.

    Raises:
        UsageError: the directory cannot be written.
    """
    study = read_study(out, document, place)
    scale, ablation, *part = place.split("/")
    words = [f"ablation={ablation}", f"scale={scale}", *(f"partial={name}" for name in part[1:])]
    page = Page(
        title=f"{document['title']} ({scale} scale)",
        claims=study.claims,
        no_claims=NO_CLAIMS,
        verdicts=study.verdicts,
        studies=[study],
        gaps=[],
        command=f"python -m harness.report {' '.join(words)}",
    )
    return _written(page, out)


def write_scale_page(scale: str, results_dir: Path) -> Path:
    """Write the page of a scale: all claims of the paper, and every study that has results.

    Args:
        scale: name of the scale.
        results_dir: with `<scale>/<ablation>/`; without any the page says so.

    Raises:
        HarnessError: there is no such scale, a table or a claim file is damaged, or the directory
            cannot be written.
    """
    scales = list(group_choices()["scale"])
    if scale not in scales:
        raise UsageError(f"unknown scale {scale!r}: {suggest(scale, scales)}")
    root = results_dir / scale
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot make {root}: {error.strerror}; give results_dir=<another>"
        ) from error
    lines = claim_sheet(scale, stored_rows(scale, results_dir, BASELINES))
    names = [name for name in ablation_files() if (root / name / "runs.parquet").is_file()]
    budget = Budget().shared_by(max(1, len(names)))
    studies = [
        read_study(root / name, load_ablation(name), f"{scale}/{name}", budget) for name in names
    ]
    page = Page(
        title=f"All claims and studies ({scale} scale)",
        claims=blocks_of(layout.markdown(lines, scale), "claims"),
        no_claims="",
        verdicts=layout.documents(lines, scale),
        recipe=blocks_of(of_recipe(scale), "deviations of the recipe"),
        studies=studies,
        gaps=[] if studies else [NO_RESULTS],
        command=f"python -m harness.report scale={scale}",
    )
    return _written(page, root)


def _written(page: Page, folder: Path) -> Path:
    path = folder / NAME
    write_atomic(path, render(page))
    return path
