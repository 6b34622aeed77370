"""`python -m harness.compare ablation=<name> [baseline=<name>@v<N>] [scale=] [results_dir=]`.

Compares the stored runs of a request with a baseline, the latest of its scale and ablation if none
is named, and says for each run whether it lies inside or outside the band of the stored seeds.
`partial=` names a request that is less than the whole study. Exit code 12: nothing is comparable.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from harness.arguments import read_words, run_command
from harness.baseline import BASELINES
from harness.report import load_results
from harness.reports.bundle import find_bundle, read_bundle, versions
from harness.reports.comparison import Comparison, compare_with_bundle, comparison_text
from harness.reports.results import Results

WORDS = {
    "scale": "micro",
    "results_dir": "results",
    "partial": "",
    "baseline": "",
    "baselines_dir": "",
}


def compare_with_latest(results: Results, baselines: Path = BASELINES) -> Comparison | None:
    """Compare a request with the latest baseline of its scale and ablation; None if none is stored.

    Raises:
        DamagedError: a file of the baseline is missing or changed.
    """
    study = f"{results.asked.scale}/{results.asked.ablation}"
    if not versions(baselines / study):
        return None
    return compare_with_bundle(results, read_bundle(find_bundle(study, baselines)))


def print_comparison(comparison: Comparison | None) -> None:
    """Print a comparison, or that there is nothing to compare with."""
    print("no stored study to compare with" if comparison is None else comparison_text(comparison))


def main(words: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(words, __doc__ or "", _compare)


def _compare(words: Sequence[str]) -> int:
    given = read_words(words, WORDS, needed=["ablation"])
    baselines = Path(given["baselines_dir"] or BASELINES)
    name = given["baseline"] or f"{given['scale']}/{given['ablation']}"
    bundle = read_bundle(find_bundle(name, baselines))
    results, _ = load_results(given, is_written=False)
    comparison = compare_with_bundle(results, bundle)
    print_comparison(comparison)
    return comparison.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
