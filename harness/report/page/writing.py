"""Writes report.html: the page of one study, or of all studies of a scale with the whole sheet."""

from __future__ import annotations

from pathlib import Path

from harness.claims import layout
from harness.claims.measuring import Rows
from harness.claims.rows import claim_sheet, stored_rows
from harness.claims.sheet import RowsOf
from harness.cli import suggest
from harness.paths import BASELINES
from harness.report.deviations import of_recipe
from harness.report.document import claim_blocks
from harness.report.page.page import NAME, Page, render
from harness.report.page.studies import Budget, Study, read_study
from harness.report.results import Results, read_results
from harness.schema import DamagedError, UsageError
from harness.spec.ablation import document_at, load_ablation
from harness.spec.choices import ablation_files, group_choices
from harness.store.files import write_atomic

NO_CLAIMS = (
    "No claim was judged: this is less than a study, or the paper says nothing that it speaks to."
)
NO_RESULTS = (
    "No study has results at this scale yet. The sheet says what each claim needs:"
    " run one of its commands, then write this page again."
)


def write_study_page(results: Results, half: Path, place: str, *, beside: Path) -> Path:
    """Write the page of one study beside its report.

    Args:
        results: of the study, with the claims that were judged on it.
        half: where to write.
        place: `<scale>/<ablation>`, and `partial/<label>` for less than the study.
        beside: directory of the tables, in which everything of `half` is about to take its place.

    Raises:
        UsageError: the directory cannot be written.
    """
    study = read_study(results, beside, place, half=half)
    scale, ablation, *part = place.split("/")
    overrides = [
        f"ablation={ablation}",
        f"scale={scale}",
        *(f"partial={name}" for name in part[1:]),
    ]
    page = Page(
        title=results.title,
        claims=[block for section in study.sections_at("claims") for block in section.blocks],
        no_claims=NO_CLAIMS,
        verdicts=layout.documents(results.claims, scale),
        studies=[study],
        gaps=[],
        command=f"python -m harness.report {' '.join(overrides)}",
    )
    return _written(page, half)


def write_scale_page(scale: str, results_dir: Path) -> Path:
    """Write the page of a scale: all claims of the paper, and every study that has results.

    Args:
        scale: name of the scale.
        results_dir: with `<scale>/<ablation>/`; without any the page says so.

    Raises:
        HarnessError: there is no such scale, a claim file is damaged, or the directory cannot be
            written. A damaged study is a gap that the page names.
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
    gaps: list[str] = []
    lines = claim_sheet(scale, _readable(stored_rows(scale, results_dir, BASELINES), gaps))
    studies = _studies(root, gaps)
    page = Page(
        title=f"All claims and studies ({scale} scale)",
        claims=claim_blocks(lines, scale),
        no_claims="",
        verdicts=layout.documents(lines, scale),
        recipe=of_recipe(scale),
        studies=studies,
        gaps=gaps if gaps or studies else [NO_RESULTS],
        command=f"python -m harness.report scale={scale}",
    )
    return _written(page, root)


def _readable(rows_of: RowsOf, gaps: list[str]) -> RowsOf:
    """Return a finder of runs for which damaged ones are none; the gap is named."""

    def found(ablation: str) -> Rows | None:
        try:
            return rows_of(ablation)
        except DamagedError as error:
            gaps.append(f"No claim is judged on the runs of {ablation}: {error}.")
            return None

    return found


def _studies(root: Path, gaps: list[str]) -> list[Study]:
    """Return the studies of a scale; of one that is damaged nothing is shown but the gap."""
    names = [name for name in ablation_files() if (root / name / "runs.parquet").is_file()]
    budget = Budget().shared_by(max(1, len(names)))
    studies = []
    for name in names:
        try:
            results = read_results(root / name, document_at(load_ablation(name), root.name))
        except DamagedError as error:
            gaps.append(f"The study {name} is not shown: {error}.")
        else:
            studies.append(read_study(results, root / name, f"{root.name}/{name}", budget))
    return studies


def _written(page: Page, folder: Path) -> Path:
    path = folder / NAME
    write_atomic(path, render(page))
    return path
