"""`python -m harness.report [ablation=<name>] [scale=] [results_dir=] [partial=]`: the report.

Reads the stored cells of a request again and writes its tables, figures, verdict, REPORT.md and
report.html, a page that needs nothing but itself. Where the runs are not stored, as in a fresh
clone, report.html alone is written, from the tables. `partial=` names a request that is less than
the whole study, as the folder below `partial/` does.
Without `ablation=`: <results_dir>/<scale>/report.html, all claims and all studies of the scale.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from harness.cli import read_words, run_command
from harness.report.page.writing import write_scale_page, write_study_page
from harness.report.stored import _folders, _place, load_results, print_summary
from harness.schema import ExitCode, UsageError
from harness.spec.config import load_ablation
from harness.store.ledger import RunStore

WORDS = {"ablation": "", "scale": "micro", "results_dir": "results", "partial": ""}


def main(words: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(words, __doc__ or "", _report)


def _report(words: Sequence[str]) -> int:
    given = read_words(words, WORDS)
    if not given["ablation"]:
        if given["partial"]:
            raise UsageError("partial= is part of one study: give ablation=<name>")
        print(f"wrote {write_scale_page(given['scale'], Path(given['results_dir']))}")
        return ExitCode.OK
    root, out = _folders(given)
    if (out / "runs.parquet").is_file() and not any(RunStore(root).runs()):
        path = write_study_page(out, load_ablation(given["ablation"]), _place(root, out))
        print(f"wrote {path} from the tables beside it: {root} holds no runs")
        return ExitCode.OK
    print_summary(*load_results(given, is_written=True))
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
