"""`python -m harness.claims [claim=<id>] [...]`: the paper's findings and our verdicts.

    python -m harness.claims [scale=micro] [claim=<id>] [format=table|markdown|csv|json|pages]

The claim sheet: every finding of the paper, what it publishes, what our stored runs say with
interval and seeds, the verdict of the rule that was written before them, and for each that is not
decided the command that would decide it. `claim=` takes an id (f07a) or a finding (7) and shows all
about it. `out=<directory>` writes claims.csv, claims.json and CLAIMS.md. `format=pages` prints
docs/claims.md, the claims and rules without results. `results_dir=` and `baselines_dir=` say where
runs are stored; the results come first, then the latest baseline.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli import read_words, run_command, suggest
from harness.paths import BASELINES, CLAIMS
from harness.schema import ExitCode, UsageError
from harness.store.files import write_atomic

if TYPE_CHECKING:
    from harness.claims.sheet import Line

WORDS = {
    "scale": "micro",
    "claim": "",
    "format": "table",
    "results_dir": "results",
    "baselines_dir": "",
    "out": "",
}


def main(words: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(words, __doc__ or "", _claims)


def _claims(words: Sequence[str]) -> int:
    # tables and statistics take a second to import, and --help needs none of them
    from harness.claims import layout
    from harness.claims.page import page
    from harness.claims.reading import read_claims
    from harness.claims.rows import claim_sheet, stored_rows

    given = read_words(words, WORDS)
    if given["format"] == "pages":
        print(page(read_claims(CLAIMS)), end="")
        return ExitCode.OK
    if given["format"] not in layout.FORMATS:
        hint = suggest(given["format"], [*layout.FORMATS, "pages"])
        raise UsageError(f"unknown format {given['format']!r}: {hint}")
    scale = given["scale"]
    baselines = Path(given["baselines_dir"] or BASELINES)
    lines = claim_sheet(scale, stored_rows(scale, Path(given["results_dir"]), baselines))
    shown = _chosen(lines, given["claim"])
    if given["claim"] and given["format"] == "table":
        print("\n\n".join(layout.full_text(line, scale) for line in shown))
    else:
        print(layout.FORMATS[given["format"]](shown, scale))
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
            f" {suggest(wanted, [line.claim.id for line in lines])}"
        )
    return found


def write_sheet(lines: Sequence[Line], scale: str, out: Path) -> list[Path]:
    """Write the sheet in three forms; return the files."""
    from harness.claims import layout

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
