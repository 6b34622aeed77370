"""`python -m harness.report [ablation=<name>] [scale=] [partial=]`: a study's report, again.

Writes claims, figures, REPORT.md and report.html (a self-contained page) of a study again: from its
runs, or, where they are on another machine, from its tables. `partial=` names a request that is
less than the whole study, as the folder below `partial/` does.
Without `ablation=`: <results_dir>/<scale>/report.html, all claims and all studies of the scale.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from harness.cli import folder, name, read_arguments, run_command
from harness.schema import ExitCode, UsageError

OPTIONS = {
    "ablation": name(),
    "scale": name("micro"),
    "results_dir": folder("results"),
    "partial": name(),
}


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _report)


def _report(argv: Sequence[str]) -> int:
    # tables, figures and templates take seconds to import, and --help needs none of them
    from harness.report.console import summary
    from harness.report.page.writing import write_scale_page
    from harness.report.stored import has_runs, load_results, write_report, write_tables
    from harness.store.ledger import RunStore
    from harness.text import folded

    given = read_arguments(argv, OPTIONS)
    if not given["ablation"]:
        if given["partial"]:
            raise UsageError("partial= is part of one study: give ablation=<name>")
        print(f"wrote {write_scale_page(given['scale'], Path(given['results_dir']))}")
        return ExitCode.OK
    results, root, out = load_results(given)
    is_rebuilt = has_runs(RunStore(root), out)
    if is_rebuilt:
        write_tables(results, out)
    print(folded(summary(write_report(results, root, out), out)))
    if not is_rebuilt:
        print(f"\nmade from the tables: the runs that they name are not in {root / 'runs'}")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
