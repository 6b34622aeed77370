"""`python -m harness.claims [claim=<id>] [...]`: the paper's findings and our verdicts.

    python -m harness.claims [scale=micro] [claim=<id>] [format=table|markdown|csv|json|pages]
    python -m harness.claims lint [scale=micro] [claim=<id>] [noise=<baseline>] [out=<csv>]

The claim sheet: every finding of the paper, what it publishes, what our stored runs say with
interval and seeds, the verdict of the rule that was written before them, and for each that is not
decided the command that would decide it. `claim=` takes an id (f07a) or a finding (7) and shows all
about it. `out=<directory>` writes claims.csv, claims.json and CLAIMS.md, over
earlier ones with --force. `format=pages` prints
docs/claims.md, the claims and rules without results. `results_dir=` and `baselines_dir=` say where
runs are stored; the results come first, then the latest baseline.

`lint` simulates every rule with the noise of stored runs before it judges real ones: how often it
says which word where its sentence is false, where it is true, and at the effect that its file
states; with `claim=` its operating curve. It ends with 10 if a rule errs in more than 5 % or finds
its effect in less than 80 %.

`verify [results_dir=] [baselines_dir=]` says whether rules, records, commits, results tables and
baselines agree, names every inconsistency, and what it cannot see. It ends with 10 if they do not
agree, with 11 if the history that would show it is not here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli import (
    FORCE,
    choice,
    folder,
    name,
    out_file,
    out_folder,
    place,
    read_arguments,
    run_command,
    suggest,
)
from harness.paths import BASELINES, CLAIMS, ROOT
from harness.schema import ExitCode, UsageError
from harness.store.files import write_atomic
from harness.writing import written_together

if TYPE_CHECKING:
    from harness.claims.sheet import Line

NOISE = "micro/noise@v1,micro/noise@v2"
"""Stored runs whose noise rules are linted with; a rule takes the first that have its metrics."""

PLACES = {"results_dir": folder("results"), "baselines_dir": place()}
OPTIONS = {
    "scale": name("micro"),
    "claim": name(),
    "format": choice(["table", "markdown", "csv", "json", "pages"], "table"),
    **PLACES,
    "out": out_folder("CLAIMS.md", "claims.csv", "claims.json"),
}
LINT_OPTIONS = {
    "scale": name("micro"),
    "claim": name(),
    "noise": place(NOISE),
    "out": out_file(),
}


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _claims)


def _claims(argv: Sequence[str]) -> int:
    # tables and statistics take a second to import, and --help needs none of them
    from harness.claims import layout
    from harness.claims.page import page
    from harness.claims.reading import read_claims
    from harness.claims.rows import claim_sheet, stored_rows

    if argv and argv[0] == "lint":
        return _lint(argv[1:])
    if argv and argv[0] == "verify":
        return _verify(argv[1:])
    given = read_arguments(argv, OPTIONS, flags=[FORCE])
    if given["format"] == "pages":
        print(page(read_claims(CLAIMS)), end="")
        return ExitCode.OK
    scale = given["scale"]
    baselines = Path(given["baselines_dir"] or BASELINES)
    lines = claim_sheet(scale, stored_rows(scale, Path(given["results_dir"]), baselines))
    shown = _chosen(lines, given["claim"])
    if given["claim"] and given["format"] == "table":
        print("\n\n".join(layout.full_text(line, scale) for line in shown))
    else:
        print(layout.FORMATS[given["format"]](shown, scale))
    if given["out"]:
        for path in write_sheet(lines, scale, Path(given["out"]), replaces=given[FORCE]):
            print(f"wrote {path}", file=sys.stderr)
    return ExitCode.OK


def _lint(argv: Sequence[str]) -> int:
    from harness.claims import lint_table
    from harness.claims.reading import read_claims
    from harness.store.bundle import find_bundle, read_bundle

    given = read_arguments(argv, LINT_OPTIONS, flags=[FORCE])
    if given["claim"] and given["out"]:
        raise UsageError("out= stores the figures of all rules: leave claim= out")
    names = given["noise"].split(",")
    if any(name.partition("/")[0] != given["scale"] for name in names):
        raise UsageError(
            f"noise={given['noise']} is of another scale than {given['scale']}: name stored runs of"
            " that scale (harness.baseline list), or run some first"
        )
    noises = [read_bundle(find_bundle(name, BASELINES)) for name in names]
    claims = [
        claim
        for claim in read_claims(CLAIMS)
        if given["scale"] in claim.rules and given["claim"] in ("", claim.id)
    ]
    if not claims:
        raise UsageError(f"no claim {given['claim']} has a rule for scale {given['scale']}")
    found = lint_table.lint(claims, given["scale"], noises)
    rows = [lint_table.row_of(one, given["scale"]) for one in found]
    print(lint_table.text(rows))
    if given["claim"]:
        print(f"\n{lint_table.curve_text(found[0])}")
    if given["out"]:
        write_atomic(Path(given["out"]), lint_table.csv_text(rows))
        print(f"wrote {given['out']}")
    return ExitCode.WORSE if any(row.objection for row in rows) else ExitCode.OK


def _verify(argv: Sequence[str]) -> int:
    from harness.claims.verifying import remarks_text, verify

    given = read_arguments(argv, PLACES)
    baselines = Path(given["baselines_dir"] or BASELINES)
    remarks = verify(ROOT, Path(given["results_dir"]), baselines)
    print(remarks_text(remarks))
    if any(remark.is_fault for remark in remarks):
        return ExitCode.WORSE
    return ExitCode.CANNOT_TELL if any(remark.is_blind for remark in remarks) else ExitCode.OK


def _chosen(lines: Sequence[Line], wanted: str) -> list[Line]:
    if not wanted:
        return list(lines)
    found = [line for line in lines if wanted in (line.claim.id, str(line.claim.finding))]
    if not found:
        raise UsageError(
            f"there is no claim or finding {wanted!r}:"
            f" {suggest(wanted, [line.claim.id for line in lines])}"
        )
    return found


def write_sheet(
    lines: Sequence[Line], scale: str, out: Path, *, replaces: bool = True
) -> list[Path]:
    """Write the sheet in three forms; return the files.

    Raises:
        UsageError: they cannot be written, or are there and are not to be replaced.
    """
    from harness.claims import layout

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
    with written_together(out, "claims", replaces=replaces) as half:
        for file, content in files.items():
            write_atomic(half / file, content)
    return [out / file for file in files]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
