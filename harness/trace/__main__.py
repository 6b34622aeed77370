"""`python -m harness.trace table=<path> row=<row_id>`: where a number of a report comes from.

  table=  runs, steps or samples.parquet, effects.csv, verdicts.json, comparison.json, claims.json
          or claims.csv, the tables of a stored bundle, or a report (.md) beside any of them; the
          CSV of a redrawn figure or table (results/paper)
  row=    a row_id, the id of a claim, or a number that is made of several rows:
          `<run>/final/<metric>` at the end of training, `<arm>/final/<metric>` its mean over the
          seeds of an arm, `<arm>/start/<metric>` that at the first step, `<arm>/mean/<metric>`
          over the steps after the first; the number of a row, from 1, in the CSV of a figure

Prints the row, the rows it was made from, its runs with their files (or how to make them), the
code and the formula.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.cli import needed, place, read_arguments, run_command, text
from harness.schema import ExitCode
from harness.text import folded

OPTIONS = {"table": needed(place()), "row": needed(text())}

_LONGEST = 100
_HIDDEN = ("row_id", "rows", "made_from")


def trace_text(path: Path, row_id: str) -> str:
    """Return everything that is known about where a row comes from.

    Raises:
        HarnessError: there is no such table or row, or a table is damaged.
    """
    # tables take half a second to import, and --help needs none of them
    from harness.trace.origins import MAKERS, formula_of, home_of, origin_of
    from harness.trace.runs import commit_of, run_lines, shown, study_of
    from harness.trace.tables import find_row

    row = find_row(path, row_id)
    study = study_of(home_of(row))
    origin = origin_of(row, study)
    commit = commit_of(row.table)
    runs = tuple(dict.fromkeys(origin.run_ids))
    blocks = [
        [f"{row.kind} {row.row_id} of {shown(row.table)}", *_values(row.values)],
        ["made from", *(f"  {line}" for line in origin.lines)] if origin.lines else [],
        ["formula", *(f"  {line}" for line in formula_of(row))] if formula_of(row) else [],
        [
            "code",
            f"  made by {MAKERS[row.kind]}",
            f"  the table is of commit {commit}" if commit else "  the table is not committed",
        ],
        [line for run in runs for line in run_lines(study, run)],
        ["the runs are made again by", f"  {study.command}"] if study.command and runs else [],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _trace)


def _trace(argv: Sequence[str]) -> int:
    given = read_arguments(argv, OPTIONS)
    print(folded(trace_text(Path(given["table"]), given["row"])))
    return ExitCode.OK


def _values(values: Mapping[str, Any]) -> list[str]:
    lines = []
    for key, value in values.items():
        text = " ".join(str(value).split())
        if key not in _HIDDEN:
            lines.append(f"  {key}: {text if len(text) <= _LONGEST else text[:_LONGEST] + '...'}")
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
