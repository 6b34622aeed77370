"""The rows that claims are judged on: of results, of stored bundles, of tables in memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.claims.measuring import Rows
from harness.claims.reading import read_claims
from harness.claims.sheet import Line, RowsOf, make_sheet
from harness.cli import suggest
from harness.metrics.tables import Tables, read_study_table
from harness.paths import CLAIMS, ROOT
from harness.provenance import commit_note
from harness.schema import DamagedError, UsageError
from harness.spec.choices import ablation_files, group_choices
from harness.store.bundle import check_replicates, find_bundle, read_bundle, versions
from harness.store.data_names import STUDY_FILE, control_data
from harness.store.files import read_json
from harness.writing import check_together


def claim_sheet(scale: str, rows_of: RowsOf) -> list[Line]:
    """Return the sheet of all claims of the paper at a scale.

    Raises:
        UsageError: a claim file is wrong, or neither the suite nor a claim knows the scale.
    """
    scales, claims = list(group_choices()["scale"]), read_claims(CLAIMS)
    known = {*scales, *(name for claim in claims for name in (claim.scale, *claim.meaningful))}
    if scale not in known:
        raise UsageError(f"there is no scale {scale!r}: {suggest(scale, sorted(known))}")
    return make_sheet(claims, scale, rows_of, ablation_files(), scales)


def stored_rows(scale: str, results_dir: Path, baselines: Path) -> RowsOf:
    """Make a function that finds the stored runs of an ablation: results, else a baseline."""

    def rows_of(ablation: str) -> Rows | None:
        folder = results_dir / scale / ablation
        if (folder / "runs.parquet").is_file():
            return rows_of_results(folder)
        if versions(baselines / scale / ablation):
            return _rows_of_bundle(f"{scale}/{ablation}", baselines)
        return None

    return rows_of


def rows_of_results(folder: Path) -> Rows:
    """Return the rows of a directory of results.

    Raises:
        DamagedError: a table cannot be read, or two finished runs are one replicate.
    """
    check_together(folder, "tables")
    tables = Tables(**{n: read_study_table(folder, n) for n in ("runs", "steps", "samples")})
    return rows_of_tables(tables, folder.as_posix(), data_of_results(folder))


def data_of_results(folder: Path) -> str:
    """Return the data set of the control of a directory of results; "" where no file says it.

    Raises:
        DamagedError: study.json is there and is not one.
    """
    path = folder / STUDY_FILE
    if not path.is_file():
        return ""
    try:
        return control_data(read_json(path)["protocol"])
    except (AttributeError, KeyError, TypeError) as error:
        raise DamagedError(
            f"{path} does not hold the protocol of a study: restore it from git, or write it again"
            " with python -m harness.report where the runs are"
        ) from error


def rows_of_tables(tables: Tables, place: str, data: str) -> Rows:
    """Return the rows of a study's tables.

    Args:
        tables: of the study.
        place: where they are stored, for links.
        data: name of the data set of its control; "" is unknown.

    Raises:
        DamagedError: two finished runs are one replicate.
    """
    runs = tables.runs
    is_done = runs["is_included"].astype(bool)
    left, done = runs[~is_done], runs[is_done]
    check_replicates(zip(done["arm"].astype(str), done["seed"].astype(int), strict=True), place)
    return Rows(
        tables=tables,
        place=place,
        started=dict(zip(runs["run_id"].astype(str), runs["started"].astype(str), strict=True)),
        unfinished=list(zip(left["arm"].astype(str), left["seed"].astype(int), strict=True)),
        code_note=code_note(done["commit"].astype(str)),
        data=data,
    )


def code_note(commits: Iterable[str]) -> str:
    """Name the commits that made runs and cannot be looked at here, and say why; "" if none."""
    noted = {commit: commit_note(ROOT, commit) for commit in dict.fromkeys(commits)}
    return "; ".join(f"{commit[:12]}: {note}" for commit, note in noted.items() if note)


def _rows_of_bundle(name: str, baselines: Path) -> Rows:
    bundle = read_bundle(find_bundle(name, baselines))
    cells = bundle.manifest["cells"]
    started = {str(cell["run_id"]): str(cell.get("started") or "") for cell in cells}
    return Rows(
        tables=bundle.tables,
        place=bundle.name,
        started=started,
        unfinished=[(str(c["arm"]), int(c["seed"])) for c in cells if c["status"] != "done"],
        code_note=code_note(bundle.manifest["commits"]),
        data=control_data(bundle.manifest["protocol"], bundle.manifest["control"]),
    )
