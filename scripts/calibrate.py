"""`python scripts/calibrate.py [run|tables]`: the simulation studies behind docs/statistics.md.

`run` (about three minutes of one core) makes every figure anew and writes it to
docs/lab/0004-calibration.csv; both write the tables of docs/statistics.md from that file.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from calibration import Row, all_rows

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "lab" / "0004-calibration.csv"
PAGE = ROOT / "docs" / "statistics.md"
REPEATS = 3000
START, END = "<!-- calibration: written by scripts/calibrate.py -->", "<!-- end -->"


def main(words: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    if list(words) not in (["run"], ["tables"]):
        print((__doc__ or "").strip())
        return 0 if {"-h", "--help"} & set(words) else 2
    if list(words) == ["run"]:
        write_rows(all_rows(REPEATS), FIGURES)
    PAGE.write_text(with_tables(PAGE.read_text(), tables(read_rows(FIGURES))))
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Write the figures as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(row._replace(found=round(row.found, 4)) for row in rows)


def read_rows(path: Path) -> list[Row]:
    """Read the figures again.

    Raises:
        ValueError: the file has other columns.
    """
    with path.open(newline="") as file:
        header, *lines = csv.reader(file)
    if tuple(header) != Row._fields:
        raise ValueError(f"{path} has columns {header}, expected {list(Row._fields)}")
    return [
        Row(study, world, method, int(seeds), float(nominal), float(found), int(repeats))
        for study, world, method, seeds, nominal, found, repeats in lines
    ]


def tables(rows: Sequence[Row]) -> str:
    """Return the tables of the page, in Markdown."""
    parts = [
        (
            "Share of nominal 95 % intervals that hold the true difference, in per cent, with"
            " 3 / 5 / 10 seeds:"
        ),
        _table([row for row in rows if row.study == "coverage"]),
        "False positives of one-sided tests at 5 %, in per cent, with 3 / 5 / 10 seeds:",
        _table([row for row in rows if row.study == "false positives"]),
        "At least one false finding in the whole, in per cent, with 3 / 5 / 10 seeds (5 is right):",
        _table([row for row in rows if row.study == "any false finding"], is_long=True),
        (
            "A difference of 0 is excluded at any of 40 looks, one after each seed, in per cent"
            " (5 is right):"
        ),
        _table([row for row in rows if row.study == "40 looks"]),
    ]
    repeats = sorted({row.repeats for row in rows})
    error = 100 * (0.05 * 0.95 / repeats[-1]) ** 0.5
    few = 100 * (0.05 * 0.95 / repeats[0]) ** 0.5
    parts.append(
        f"{repeats[-1]} data sets a figure, {repeats[0]} for the looks: at 5 or 95 % a figure has"
        f" a standard error of {error:.1f} points, and {few:.1f} for the looks."
    )
    return "\n\n".join(parts)


def with_tables(page: str, text: str) -> str:
    """Return the page with its tables replaced.

    Raises:
        ValueError: the page has no place for them.
    """
    if page.count(START) != 1 or END not in page.split(START)[1]:
        raise ValueError(f"the page must have {START} once, and {END} after it")
    before, after = page.split(START)
    return f"{before}{START}\n\n{text}\n\n{END}{after.split(END, 1)[1]}"


def _table(rows: Sequence[Row], *, is_long: bool = False) -> str:
    """Return a table with a column for each method, or with a row for each world and method."""
    methods = list(dict.fromkeys(row.method for row in rows))
    worlds = list(dict.fromkeys(row.world for row in rows))
    cells = {
        (world, method): " / ".join(
            f"{100 * row.found:.1f}" for row in rows if (row.world, row.method) == (world, method)
        )
        for world in worlds
        for method in methods
    }
    if is_long:
        lines = [["what is looked at", "how", "found"]]
        lines += [[world, method, cells[world, method]] for world, method in cells]
        lines = [line for line in lines if line[2]]
    else:
        lines = [["scores", *methods]]
        lines += [[world, *(cells[world, method] or "-" for method in methods)] for world in worlds]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
