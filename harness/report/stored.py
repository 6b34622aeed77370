"""Results of a request: collected from its runs or from its tables, written, and read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.claims.layout import documents
from harness.claims.rows import claim_sheet, rows_of_tables
from harness.claims.sheet import Line
from harness.metrics.streams import RunFiles
from harness.metrics.tables import build_tables, read_study_table, write_parquet
from harness.report.results import GROUP, TABLES, Results, arm_order, assemble, read_results
from harness.report.study import FILE, read_study, study_of, write_study
from harness.schema import SCHEMA_VERSION, CellSpec, RunRecord, UsageError
from harness.spec.ablation import document_at, load_ablation
from harness.spec.shadow import SCALE_PREFIX
from harness.store.files import write_atomic, write_json
from harness.store.ledger import RunStore
from harness.store.records import spec_document, spec_from
from harness.writing import written_together

REPORT = "report"
"""What all else is together that is made of the tables."""


def write_results(
    root: Path,
    out: Path,
    cells: Sequence[CellSpec],
    ablation: Mapping[str, Any],
    *,
    command: str = "",
) -> Results:
    """Write the tables, the figures, the claims and the report of a request from its runs.

    Args:
        root: `results_dir/scale/ablation`; the runs are below it.
        out: where to write: `root` for the whole study, `root/partial/<label>` for less.
        cells: what was asked for, at least one cell, whether it ran or not.
        ablation: the ablation file as a mapping.
        command: the command line that makes the same again; "" derives it from the label.

    Returns:
        What was written, for the console and `harness.compare`.

    Raises:
        HarnessError: a stream is damaged, or `out` cannot be written.
    """
    results = collect_results(root, out, cells, ablation, command=command)
    write_tables(results, out)
    return write_report(results, root, out)


def write_tables(results: Results, out: Path) -> None:
    """Write the tables and study.json, from which all else is made."""
    with written_together(out, GROUP, outdates=REPORT) as half:
        for name in TABLES:
            write_parquet(getattr(results.tables, name), half / f"{name}.parquet")
        write_study(results.study, half)


def write_report(results: Results, root: Path, out: Path) -> Results:
    """Write what is made of the tables; return the results with their claims.

    Args:
        results: of a request.
        root: `results_dir/scale/ablation`.
        out: directory of the tables.
    """
    # figures and what shows them take a second to import, and who only compares needs none
    from harness.report.document import document
    from harness.report.figures import FACTORS, write_figures
    from harness.report.page.writing import write_study_page

    results = replace(results, claims=claims_of(results, out))
    place = root.relative_to(root.parent.parent) / out.relative_to(root)
    with written_together(out, REPORT) as half:
        effects = results.effects.to_csv(index=False, float_format="%.9g")
        write_atomic(half / "effects.csv", effects)
        if not results.factors.empty:
            table = results.factors.to_csv(index=False, float_format="%.9g")
            write_atomic(half / f"{FACTORS}.csv", table)
        write_json(half / "verdicts.json", verdict_document(results))
        write_figures(results, half)
        write_atomic(half / "REPORT.md", document(results))
        write_study_page(results, half, place.as_posix(), beside=out)
    return results


def claims_of(results: Results, place: Path) -> list[Line]:
    """Return the claims that an ablation speaks to, judged on its runs.

    None are judged of less than the study or of a shadow.
    """
    study = results.study
    if results.is_too_little or study.scale.startswith(SCALE_PREFIX):
        return []
    rows = rows_of_tables(results.tables, place.as_posix(), study.data)
    sheet = claim_sheet(study.scale, lambda name: rows if name == study.ablation else None)
    return [line for line in sheet if line.claim.ablation == study.ablation]


def collect_results(
    root: Path,
    out: Path,
    cells: Sequence[CellSpec],
    ablation: Mapping[str, Any],
    *,
    command: str = "",
) -> Results:
    """Compute from runs what `write_results` writes, without the claims; writes nothing.

    Arguments and errors are the same.
    """
    store = RunStore(root)
    runs = [_run_files(store, cell) for cell in cells]
    label = "" if out == root else out.name
    arms = arm_order(ablation, {cell.arm for cell in cells})
    command = command or _command(root, label)
    study = study_of(runs, arms, root=root, label=label, command=command)
    return assemble(build_tables(runs), study, ablation)


def verdict_document(results: Results) -> dict[str, Any]:
    """Return the document of verdicts.json; an undefined number is null."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": results.study.command,
        "label": results.study.label,
        "claims": documents(results.claims, results.study.scale),
    }


def stored_cells(store: RunStore, out: Path, steps: int) -> list[CellSpec]:
    """Return the cells of a request that ran earlier.

    They are those of its tables. For the whole study the finished or broken runs with its number of
    steps are added, since a session that was killed wrote no tables.

    Raises:
        UsageError: nothing is stored, or two runs claim the same arm and seed.
    """
    stored = {run.path.name: run.path for run in store.runs()}
    path = out / "runs.parquet"
    names = _listed(path) if path.is_file() else []
    if out == store.root:
        names += [
            name
            for name, path in stored.items()
            if name not in names and _steps(store, path) == steps
        ]
    if not names:
        raise UsageError(
            f"{store.runs_dir} holds no run of this request: run it first"
            " (python -m harness.run), or name its folder below partial/ by partial="
        )
    cells = [spec_from(store.load(stored[name])[0]) for name in names]
    _check_single(store, cells)
    return cells


def load_results(given: Mapping[str, str]) -> tuple[Results, Path, Path]:
    """Return the results of a request that ran earlier, without claims; writes nothing.

    `given` has ablation, scale, results_dir and partial.

    Returns:
        The results, the directory of the ablation, and the one of the request.

    Raises:
        HarnessError: there is no such ablation, nothing is stored, or a file is damaged.
    """
    # a shadow has the arms of the scale that it is of
    scale = given["scale"].removeprefix(SCALE_PREFIX)
    ablation = document_at(load_ablation(given["ablation"]), scale)
    root = Path(given["results_dir"], given["scale"], given["ablation"])
    out = root / "partial" / given["partial"] if given["partial"] else root
    store = RunStore(root)
    # from its runs where all are here, so that a session that was killed before it wrote tables is
    # seen too; else, as in a fresh clone, from its tables
    if not has_runs(store, out):
        return read_results(out, ablation), root, out
    cells = stored_cells(store, out, int(ablation["steps"]))
    return collect_results(root, out, cells, ablation, command=_stored_command(out)), root, out


def has_runs(store: RunStore, out: Path) -> bool:
    """Tell whether every run that the tables name is here; True if there are no tables yet."""
    path = out / "runs.parquet"
    return not path.is_file() or set(_listed(path)) <= {run.path.name for run in store.runs()}


def _run_files(store: RunStore, cell: CellSpec) -> RunFiles:
    """Return the files of a cell; one that never ran has a record without attempts."""
    record = store.record(cell)
    if record is None:
        record = RunRecord(
            cell_id=cell.cell_id,
            arm=cell.arm,
            seed=cell.seed,
            ablation=cell.ablation,
            scale=cell.scale,
        )
    # a record says "running" after its process was killed; the lock knows better
    record.status = store.status(cell)
    return RunFiles(path=store.run_dir(cell), spec=spec_document(cell), record=record)


def _listed(path: Path) -> list[str]:
    """Return the runs of a table that were started."""
    runs = read_study_table(path.parent, "runs")
    return [str(name) for name in runs.loc[runs["attempts"] > 0, "run_id"]]


def _steps(store: RunStore, path: Path) -> int:
    spec, _ = store.load(path)
    return int(spec["config"]["verl"]["trainer"]["total_training_steps"])


def _check_single(store: RunStore, cells: Sequence[CellSpec]) -> None:
    seen: dict[tuple[str, int], str] = {}
    for cell in cells:
        other = seen.setdefault((cell.arm, cell.seed), cell.run_name)
        if other != cell.run_name:
            raise UsageError(
                f"{store.runs_dir} holds two runs of {cell.arm} seed {cell.seed}, {other} and"
                f" {cell.run_name}: run the request again (finished cells stay), it knows its own"
            )


def _stored_command(out: Path) -> str:
    return read_study(out).command if (out / FILE).is_file() else ""


def _command(root: Path, label: str) -> str:
    overrides = [
        f"ablation={root.name}",
        f"scale={root.parent.name}",
        *filter(None, label.split(",")),
    ]
    return f"python -m harness.run {' '.join(overrides)}"
