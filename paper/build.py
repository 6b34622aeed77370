"""`python -m paper.build all|figure=<id>|table=<id> [...]`: the paper's figures, and ours.

    python -m paper.build all | figure=<id> | table=<id> [source=] [format=] [out=]

Draws the figures and tables of the paper, and our own, each with a table of what is drawn (.csv)
and its references, runs, gaps, claims and verdicts (.json).

    python -m paper.build all                         # everything, published and ours
    python -m paper.build figure=fig7 source=paper    # Fig. 7 from the published points
    python -m paper.build table=table2
    python -m paper.build figure=v2fig8 source=micro/kl_penalty@v3 format=svg,pdf,png

  source       paper: published data alone; a scale (micro): our runs at it; both: published data
               and all our runs (default); or a stored study: the name of a baseline, a directory,
               an archive, or a log
  format       of figures, with commas between: svg (default), pdf, png
  out          directory (results/paper/<source>); over earlier files with --force
  results_dir  where our runs are stored (results); baselines_dir: where baselines are

`all` writes README.md beside them as well: each with its command, sources, verdicts and gaps.
What cannot be built is named at the end, and the exit code is 2; the rest is built. The same input
gives the same bytes. docs/paper.md lists all ids.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli import (
    FORCE,
    choice,
    folder,
    name,
    out_folder,
    place,
    read_arguments,
    run_command,
    several,
)
from harness.paths import BASELINES
from harness.schema import ExitCode, HarnessError, UsageError
from harness.store.files import write_atomic
from harness.text import visible

if TYPE_CHECKING:
    from paper.catalogue import Item
    from paper.inputs import Inputs

OPTIONS = {
    "figure": name(),
    "table": name(),
    "source": place("both"),
    "format": several(choice(["svg", "pdf", "png"], "svg")),
    "out": out_folder(),
    "results_dir": folder("results"),
    "baselines_dir": place(),
}
OUT = Path("results", "paper")


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _build)


def _build(argv: Sequence[str]) -> int:
    # tables, statistics and figures take seconds to import, and --help needs none of them
    from paper.index import write_index
    from paper.inputs import read_inputs

    given = read_arguments(argv, OPTIONS, flags=["all", FORCE])
    items, formats = _items(given), given["format"].split(",")
    source = given["source"]
    inputs = read_inputs(
        source,
        results_dir=Path(given["results_dir"]),
        baselines=Path(given["baselines_dir"] or BASELINES),
    )
    out = Path(given["out"]) if given["out"] else OUT / _folder(source)
    _check_writable(out)
    replaces = given[FORCE] or not given["out"]
    failed = build(items, inputs, out, formats, replaces=replaces)
    if given["all"]:
        write_index([item.id for item in items], source, out, replaces=replaces)
    for problem in (*inputs.problems, *failed):
        print(visible(f"error: {problem}"), file=sys.stderr)
    print(f"{len(items) - len(failed)} of {len(items)} written to {out}")
    return ExitCode.USAGE if failed or inputs.problems else ExitCode.OK


def build(
    items: Sequence[Item],
    inputs: Inputs,
    out: Path,
    formats: Sequence[str],
    *,
    replaces: bool = True,
) -> list[str]:
    """Write items; return a sentence for each that could not be made or written."""
    from paper.product import write_product

    failed = []
    for item in items:
        try:
            write_product(item.make(inputs), inputs, out, formats, replaces=replaces)
        except HarnessError as error:
            failed.append(f"{item.id} is not built: {error}")
    return failed


def _items(given: Mapping[str, Any]) -> list[Item]:
    from paper.catalogue import catalogue, find_item

    given_keys = [key for key in ("all", "figure", "table") if given[key]]
    if len(given_keys) != 1:
        raise UsageError("name what to build: all, figure=<id> or table=<id> (docs/paper.md)")
    if given["all"]:
        return list(catalogue().values())
    return [find_item(given[given_keys[0]], given_keys[0])]


def _folder(source: str) -> str:
    """Return a source's name as the name of a directory."""
    return re.sub(r"[^\w@.=-]+", "-", source).strip("-.") or "source"


def _check_writable(out: Path) -> None:
    probe = out / ".write.tmp"
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomic(probe, "")
        probe.unlink()
    except (OSError, UsageError) as error:
        raise UsageError(
            f"the output directory {out} cannot be written: give out=<writable directory>"
        ) from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
