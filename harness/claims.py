"""`python -m harness.claims [scale=micro] [claim=<id>] [format=table|markdown|csv|json|pages]`.

The claim sheet: every finding of the paper, what it publishes, what our stored runs say with
interval and seeds, the verdict of the rule that was written before them, and for each that is not
decided the command that would decide it. `claim=` takes an id (f07a) or a finding (7) and shows all
about it. `out=<directory>` writes claims.csv, claims.json and CLAIMS.md. `format=pages` prints
docs/claims.md, the claims and rules without results. `results_dir=` and `baselines_dir=` say where
runs are stored; the results come first, then the latest baseline.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from harness.arguments import read_words, run_command
from harness.claimsheet import layout
from harness.claimsheet.measuring import Rows
from harness.claimsheet.page import page
from harness.claimsheet.reading import read_claims
from harness.claimsheet.sheet import Line, RowsOf, make_sheet
from harness.config import ROOT, ablation_files, group_choices
from harness.metrics.tables import Tables, read_parquet
from harness.names import near
from harness.provenance import commit_note
from harness.reports.bundle import check_replicates, find_bundle, read_bundle, versions
from harness.schema import ExitCode, UsageError
from harness.store.files import write_atomic

PAPER = ROOT / "baselines" / "papers" / "open_reasoner_zero"
CLAIMS = PAPER / "claims"
BASELINES = ROOT / "baselines" / "runs"
WORDS = {
    "scale": "micro",
    "claim": "",
    "format": "table",
    "results_dir": "results",
    "baselines_dir": "",
    "out": "",
}
FORMATS: Mapping[str, Callable[[Sequence[Line], str], str]] = {
    "table": layout.table,
    "markdown": layout.markdown,
    "csv": layout.csv_text,
    "json": layout.json_text,
}


def main(words: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(words, __doc__ or "", _claims)


def claim_sheet(scale: str, rows_of: RowsOf) -> list[Line]:
    """Return the sheet of all claims of the paper at a scale.

    Raises:
        UsageError: a claim file is wrong, or neither the suite nor a claim knows the scale.
    """
    scales, claims = list(group_choices()["scale"]), read_claims(CLAIMS)
    known = {*scales, *(name for claim in claims for name in (claim.scale, *claim.meaningful))}
    if scale not in known:
        raise UsageError(f"there is no scale {scale!r}: {near(scale, sorted(known))}")
    return make_sheet(claims, scale, rows_of, ablation_files(), scales)


def stored_rows(scale: str, results_dir: Path, baselines: Path) -> RowsOf:
    """Return a function that finds the stored runs of an ablation: results, else a baseline."""

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
    tables = Tables(
        **{n: read_parquet(folder / f"{n}.parquet") for n in ("runs", "steps", "samples")}
    )
    return rows_of_tables(tables, folder.as_posix())


def rows_of_tables(tables: Tables, place: str) -> Rows:
    """Return the rows of a study's tables; `place` is where they are stored, for links."""
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
    )


def code_note(commits: Iterable[str]) -> str:
    """Return which of the commits that made runs cannot be looked at here, and why; "" if none."""
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
    )


def _claims(words: Sequence[str]) -> int:
    given = read_words(words, WORDS)
    if given["format"] == "pages":
        print(page(read_claims(CLAIMS)), end="")
        return ExitCode.OK
    if given["format"] not in FORMATS:
        hint = near(given["format"], [*FORMATS, "pages"])
        raise UsageError(f"unknown format {given['format']!r}: {hint}")
    scale = given["scale"]
    baselines = Path(given["baselines_dir"] or BASELINES)
    lines = claim_sheet(scale, stored_rows(scale, Path(given["results_dir"]), baselines))
    shown = _chosen(lines, given["claim"])
    if given["claim"] and given["format"] == "table":
        print("\n\n".join(layout.full_text(line, scale) for line in shown))
    else:
        print(FORMATS[given["format"]](shown, scale))
    if given["out"]:
        for path in write_sheet(lines, scale, Path(given["out"])):
            print(f"wrote {path}", file=sys.stderr)
    return ExitCode.OK


def _chosen(lines: Sequence[Line], wanted: str) -> list[Line]:
    if not wanted:
        return list(lines)
    found = [line for line in lines if wanted in (line.claim.id, str(line.claim.finding))]
    if not found:
        raise UsageError(
            f"there is no claim or finding {wanted!r}:"
            f" {near(wanted, [line.claim.id for line in lines])}"
        )
    return found


def write_sheet(lines: Sequence[Line], scale: str, out: Path) -> list[Path]:
    """Write the sheet in three forms; return the files."""
    out.mkdir(parents=True, exist_ok=True)
    parts = [
        f"# Claims at scale {scale}",
        f"{layout.counts(lines)}.",
        layout.markdown(lines, scale),
    ]
    text = "\n\n".join([*parts, *(f"Note: {note}." for note in layout.code_notes(lines))]) + "\n"
    files = {
        "CLAIMS.md": text,
        "claims.csv": layout.csv_text(lines, scale) + "\n",
        "claims.json": layout.json_text(lines, scale) + "\n",
    }
    for name, content in files.items():
        write_atomic(out / name, content)
    return [out / name for name in files]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
