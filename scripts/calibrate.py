"""`python scripts/calibrate.py run [methods|gate] | tables`: the studies of docs/statistics.md.

`run` makes every figure anew and writes all tables of the page, or those of one part. `methods`
(about four minutes of one core): intervals, tests and looks; their figures go to
docs/lab/0004-calibration.csv, and the tables are made from it. `gate`: the answers of the gate of
harness.compare; its table holds all figures. `tables` writes those of `methods` from the file.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from calibration import Row, all_rows
from calibration_bootstraps import all_bootstraps
from calibration_gate import table as gate_table
from calibration_hierarchy import all_hierarchies
from calibration_looks import FAMILY, all_looks

from harness.stats.looks import Design
from harness.store.files import write_atomic
from harness.writing import whole_file

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "lab" / "0004-calibration.csv"
PAGE = ROOT / "docs" / "statistics.md"
REPEATS = 3000
START, END = "<!-- calibration: written by scripts/calibrate.py -->", "<!-- end -->"
GATE_START = "<!-- calibration of the gate: written by scripts/calibrate.py -->"
REQUESTS = (["run"], ["run", "methods"], ["run", "gate"], ["tables"])


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    if list(argv) not in REQUESTS:
        print((__doc__ or "").strip())
        return 0 if {"-h", "--help"} & set(argv) else 2
    if "gate" not in argv:
        if "run" in argv:
            write_rows(every_row(REPEATS), FIGURES)
        _write(tables(read_rows(FIGURES)), START)
    if argv[0] == "run" and "methods" not in argv:
        _write(gate_table(), GATE_START)
    print(f"wrote {PAGE}")
    return 0


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Write the figures as CSV."""
    with whole_file(path) as half, half.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(row._replace(found=round(row.found, 5)) for row in rows)


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


def every_row(repeats: int) -> Iterator[Row]:
    """Yield the figures of every study, with as many repeats of each data set."""
    yield from all_rows(repeats)
    yield from all_bootstraps(repeats)
    yield from all_hierarchies(max(2 * repeats // 3, 50))
    yield from all_looks(repeats)


def tables(rows: Sequence[Row]) -> str:
    """Return the tables of the page, in Markdown: one function each, in the order of the page."""
    return "\n\n".join(table(rows) for table in TABLES)


def coverage_table(rows: Sequence[Row]) -> str:
    """Table of the coverage of intervals from one number per seed."""
    head = (
        "Share of nominal 95 % intervals that hold the true difference, in per cent, with"
        " 3 / 5 / 10 seeds:"
    )
    return _titled(head, _table(_of(rows, "coverage")))


def bootstraps_table(rows: Sequence[Row]) -> str:
    """Table of the coverage of bootstraps by number of seeds."""
    head = (
        "Share of nominal 95 % bootstrap intervals of a mean that hold the true one, in per cent,"
        " with normal / exponential noise:"
    )
    turned = [
        row._replace(world=f"{row.seeds} seeds", study=row.world)
        for row in sorted(_of(rows, "bootstrap by seeds"), key=lambda row: row.seeds)
    ]
    return _titled(head, _table(turned, first="seeds"))


def hierarchy_table(rows: Sequence[Row]) -> str:
    """Return coverage and width of intervals where arms share their requests."""
    head = (
        "Arms that share their sampling seeds, 32 questions x 4 samples: coverage of nominal 95 %"
        " intervals in per cent, and the median width in that of the t interval, with 3 / 5 / 8 /"
        " 12 seeds. The last column is the bootstrap that this suite had before:"
    )
    kinds = (("coverage", _per_cent), ("width", _plain))
    parts = [
        [row._replace(world=f"{row.world}, {kind}") for row in _of(rows, f"hierarchy, {kind}")]
        for kind, _ in kinds
    ]
    lines = [
        _table(part, write=write).splitlines()
        for part, (_, write) in zip(parts, kinds, strict=True)
    ]
    return _titled(head, "\n".join([*lines[0], *lines[1][2:]]))


def false_positives_table(rows: Sequence[Row]) -> str:
    """Table of the error rates of one-sided tests."""
    head = "False positives of one-sided tests at 5 %, in per cent, with 3 / 5 / 10 seeds:"
    return _titled(head, _table(_of(rows, "false positives")))


def families_table(rows: Sequence[Row]) -> str:
    """Table of the rates of any false finding in a family or along a curve."""
    head = (
        "At least one false finding in the whole, in per cent, with 3 / 5 / 10 seeds (5 is right):"
    )
    return _titled(head, _table(_of(rows, "any false finding"), is_long=True))


def monitors_table(rows: Sequence[Row]) -> str:
    """Table of the error rates of monitors over many looks."""
    head = (
        "A difference of 0 is excluded at any of 64 looks, one after each seed, in per cent (5 is"
        " right):"
    )
    return _titled(head, _table(_of(rows, "64 looks")))


def bounds_table(rows: Sequence[Row]) -> str:
    """Return the critical values of the looks; they are computed, not simulated."""
    del rows
    head = (
        "Looks at 5, 8 and 12 seeds that err in 2.5 % on one side, all together: one-sided p at or"
        " below which a look decides, its t, and the level of its two-sided interval. Holm's first"
        " step of m claims has m claims open, the next m - 1:"
    )
    lines = [["claims open", *(f"{n} seeds: p / t / level" for n in Design().seeds)]]
    for claims in range(1, FAMILY + 1):
        looks = Design().for_step(claims).looks
        cells = [f"{look.p:.5f} / {look.t:.2f} / {100 * look.level:.2f} %" for look in looks]
        lines.append([str(claims), *cells])
    return _titled(head, _markdown(lines))


def look_errors_table(rows: Sequence[Row]) -> str:
    """Table of the error rates of looks."""
    head = (
        "Looks at 5, 8 and 12 seeds, what is found at any of them though there is nothing, in per"
        " cent (2.5 is right for one claim, 0.31 for the first of eight):"
    )
    return _titled(head, _table(_of(rows, "looks, errors"), write=_per_cent_finely))


def look_family_table(rows: Sequence[Row]) -> str:
    """Table of the error rates of Holm over whole sequences."""
    head = "Any false finding at any look, in per cent (2.5 is right):"
    return _titled(head, _table(_of(rows, "looks, family"), is_long=True))


def look_powers_table(rows: Sequence[Row]) -> str:
    """Table of the power of looks."""
    head = (
        "A true difference has been found by 5 / 8 / 12 seeds, in per cent of the studies; columns:"
        " the difference in standard deviations of a difference by seed:"
    )
    return _titled(head, _table(_of(rows, "looks, power"), write=_whole_per_cent))


def precision(rows: Sequence[Row]) -> str:
    """Say how many data sets are behind a figure."""
    repeats = [row.repeats for row in rows]
    fewest, usual = min(repeats), max(set(repeats), key=repeats.count)
    error = 100 * (0.05 * 0.95 / fewest) ** 0.5
    return (
        f"{usual} data sets a figure or more, {fewest} where scores have questions and samples: at"
        f" 5 or 95 % a figure has a standard error of {error:.1f} points at most."
    )


TABLES = (
    coverage_table,
    bootstraps_table,
    hierarchy_table,
    false_positives_table,
    families_table,
    monitors_table,
    bounds_table,
    look_errors_table,
    look_family_table,
    look_powers_table,
    precision,
)
"""What stands between the marks of the page; a new study adds its rows above and a table here."""


def _write(text: str, start: str) -> None:
    write_atomic(PAGE, with_tables(PAGE.read_text(), text, start))


def with_tables(page: str, text: str, start: str = START) -> str:
    """Return the page with tables replaced; `ValueError` if it has no place for them."""
    if page.count(start) != 1 or END not in page.split(start)[1]:
        raise ValueError(f"the page must have {start} once, and {END} after it")
    before, after = page.split(start)
    return f"{before}{start}\n\n{text}\n\n{END}{after.split(END, 1)[1]}"


def _of(rows: Sequence[Row], study: str) -> list[Row]:
    return [row for row in rows if row.study == study]


def _per_cent(found: float) -> str:
    return f"{100 * found:.1f}"


def _per_cent_finely(found: float) -> str:
    return f"{100 * found:.2f}"


def _whole_per_cent(found: float) -> str:
    return f"{100 * found:.0f}"


def _plain(found: float) -> str:
    return f"{found:.2f}"


def _table(
    rows: Sequence[Row],
    *,
    is_long: bool = False,
    first: str = "scores",
    write: Callable[[float], str] = _per_cent,
) -> str:
    """Return a table with a column for each method, or with a row for each world and method."""
    methods = list(dict.fromkeys(row.method for row in rows))
    worlds = list(dict.fromkeys(row.world for row in rows))
    cells = {
        (world, method): " / ".join(
            write(row.found) for row in rows if (row.world, row.method) == (world, method)
        )
        for world in worlds
        for method in methods
    }
    if is_long:
        lines = [["what is looked at", "how", "found"]]
        lines += [[world, method, cells[world, method]] for world, method in cells]
        lines = [line for line in lines if line[2]]
    else:
        lines = [[first, *methods]]
        lines += [[world, *(cells[world, method] or "-" for method in methods)] for world in worlds]
    return _markdown(lines)


def _markdown(lines: list[list[str]]) -> str:
    lines = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _titled(head: str, table: str) -> str:
    return f"{head}\n\n{table}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
