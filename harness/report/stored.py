"""Results of a request: collected from its runs, written, and read again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.claims.layout import documents, markdown
from harness.claims.origin import rule_origin
from harness.claims.rows import claim_sheet, rows_of_tables
from harness.claims.sheet import Line
from harness.metrics.streams import RunFiles
from harness.metrics.tables import read_parquet, write_parquet
from harness.paths import ABLATIONS
from harness.report.console import summary
from harness.report.deviations import of_runs
from harness.report.document import document
from harness.report.figures import write_figures
from harness.report.page.writing import write_study_page
from harness.report.results import Asked, Results, assemble
from harness.schema import SCHEMA_VERSION, CellSpec, RunRecord, UsageError
from harness.spec.config import load_ablation
from harness.spec.matrix import arm_differences
from harness.spec.shadow import SCALE_PREFIX
from harness.store.files import write_atomic, write_json
from harness.store.ledger import RunStore
from harness.store.records import spec_document, spec_from

TABLES = ("runs", "steps", "samples")


def write_results(
    root: Path,
    out: Path,
    cells: Sequence[CellSpec],
    ablation: Mapping[str, Any],
    *,
    command: str = "",
) -> Results:
    """Write the tables, the figures, the verdict and the report of a request.

    Args:
        root: `results_dir/scale/ablation`; the runs are below it.
        out: where to write: `root` for the whole study, `root/partial/<label>` for less.
        cells: what was asked for, at least one cell, whether it ran or not.
        ablation: the ablation file as a mapping.
        command: the command line that makes the same again; "" derives it from the label.

    Returns:
        What was written, for `print_summary` and `harness.compare`.

    Raises:
        HarnessError: a stream is damaged, or `out` cannot be written.
    """
    results = collect_results(root, out, cells, ablation, command=command)
    out.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        write_parquet(getattr(results.tables, name), out / f"{name}.parquet")
    write_atomic(out / "effects.csv", results.effects.to_csv(index=False, float_format="%.9g"))
    scale = results.asked.scale
    lines = [] if results.is_too_little else claims_of(results, out)
    verdicts = verdict_document(results)
    write_json(out / "verdicts.json", {**verdicts, "claims": documents(lines, scale)})
    write_figures(results, out)
    claims, deviations = markdown(lines, scale) if lines else "", of_runs(scale, results.configs)
    write_atomic(out / "REPORT.md", document(results, claims, deviations))
    write_study_page(out, ablation, _place(root, out))
    return results


def claims_of(results: Results, place: Path) -> list[Line]:
    """Return the claims that an ablation speaks to, judged on its runs; a shadow judges none."""
    if results.asked.scale.startswith(SCALE_PREFIX):
        return []
    asked, rows = results.asked, rows_of_tables(results.tables, place.as_posix())
    sheet = claim_sheet(asked.scale, lambda name: rows if name == asked.ablation else None)
    return [line for line in sheet if line.claim.ablation == asked.ablation]


def collect_results(
    root: Path,
    out: Path,
    cells: Sequence[CellSpec],
    ablation: Mapping[str, Any],
    *,
    command: str = "",
) -> Results:
    """Compute what `write_results` writes; writes nothing. Arguments and errors are the same."""
    store = RunStore(root)
    label = "" if out == root else out.name
    place = ABLATIONS / f"{root.name}.yaml"
    asked = Asked(
        ablation=root.name,
        scale=root.parent.name,
        document=ablation,
        label=label,
        command=command or _command(root, label),
        place=f"ablations/{place.name}",
        differences=[(item.key, item.values) for item in arm_differences(cells)],
        origin=rule_origin(place, root.parent.name, ablation),
    )
    return assemble([_run_files(store, cell) for cell in cells], asked)


def print_summary(results: Results, out: Path) -> None:
    """Print the tables, the verdict and the paths of a request."""
    print(summary(results, out))


def verdict_document(results: Results) -> dict[str, Any]:
    """Return what stands in verdicts.json; an undefined number is null."""
    rule, verdict, origin = results.rule, results.verdict, results.asked.origin
    rows = []
    if rule is not None and verdict is not None:
        rows.append(
            {
                "row_id": f"{results.asked.ablation}:{results.asked.scale}",
                "verdict": str(verdict.word),
                "reason": verdict.reason,
                "label": verdict.label,
                "is_exploratory": bool(results.exploratory_reason()),
                "exploratory_reason": results.exploratory_reason(),
                "claim": rule.claim,
                "rule": rule.text(),
                "rule_commit": origin.commit or None,
                "rule_date": origin.date or None,
                "metric": rule.metric,
                "level": rule.level,
                "seeds": list(verdict.seeds),
                "differences": [
                    {"arm": rule.arm, "minus": other, **_finite(gain._asdict())}
                    for other, gain in verdict.differences.items()
                ],
            }
        )
    return {
        "schema_version": SCHEMA_VERSION,
        "command": results.asked.command,
        "label": results.asked.label,
        "rows": rows,
    }


def stored_cells(store: RunStore, out: Path, steps: int) -> list[CellSpec]:
    """Return the cells of a request that ran earlier.

    They are those of its tables. For the whole study the finished or broken runs with its number of
    steps are added, since a session that was killed wrote no tables.

    Raises:
        UsageError: nothing is stored, a run of the tables is not, or two runs claim the same arm
            and seed.
    """
    stored = {run.path.name: run.path for run in store.runs()}
    names = _listed(store, out, set(stored))
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


def load_results(given: Mapping[str, str], *, is_written: bool) -> tuple[Results, Path]:
    """Return the results of a request that ran earlier, and their directory.

    Args:
        given: ablation, scale, results_dir and partial.
        is_written: write its files again; else nothing is written.

    Raises:
        HarnessError: there is no such ablation, nothing is stored, or a file is damaged.
    """
    ablation = load_ablation(given["ablation"])
    root, out = _folders(given)
    cells = stored_cells(RunStore(root), out, int(ablation["steps"]))
    make = write_results if is_written else collect_results
    return make(root, out, cells, ablation, command=_stored_command(out)), out


def _folders(given: Mapping[str, str]) -> tuple[Path, Path]:
    """Return the directory of an ablation, and the one of the request below it."""
    root = Path(given["results_dir"], given["scale"], given["ablation"])
    return root, root / "partial" / given["partial"] if given["partial"] else root


def _place(root: Path, out: Path) -> str:
    return (root.relative_to(root.parent.parent) / out.relative_to(root)).as_posix()


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


def _listed(store: RunStore, out: Path, stored: set[str]) -> list[str]:
    """Return the runs of the tables in `out` that were started, if there are tables."""
    path = out / "runs.parquet"
    if not path.is_file():
        return []
    runs = read_parquet(path)
    names = [str(name) for name in runs.loc[runs["attempts"] > 0, "run_id"]]
    gone = [name for name in names if name not in stored]
    if gone:
        raise UsageError(
            f"{store.runs_dir} lacks {len(gone)} of the {len(names)} runs of {path}, such as"
            f" {gone[0]}, and the tables would lose them: run the request again, or give"
            " results_dir=<another>"
        )
    return names


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
    path = out / "verdicts.json"
    if not path.is_file():
        return ""
    return str(json.loads(path.read_text()).get("command", ""))


def _command(root: Path, label: str) -> str:
    words = [f"ablation={root.name}", f"scale={root.parent.name}", *filter(None, label.split(","))]
    return f"python -m harness.run {' '.join(words)}"


def _finite(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {key: value if math.isfinite(value) else None for key, value in numbers.items()}
