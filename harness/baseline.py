"""`python -m harness.baseline store|verify ablation=<name> [scale=] [results_dir=] [because=]`.

A baseline is a stored study, for later runs to be compared with: baselines/runs/<scale>/<ablation>/
v<N>/. Its name is `<scale>/<ablation>@v<N>`. It is never changed: a new study is the next version.
`store` refuses a study that is partial, has unfinished runs, or was made by an unknown or changed
commit, unless because=<reason> says why. `verify` checks every byte of every baseline.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.arguments import read_verb, read_words, run_command
from harness.config import ROOT
from harness.report import load_results
from harness.reports.bundle import bundle_names, find_bundle, read_bundle
from harness.reports.bundling import store_bundle
from harness.schema import ExitCode

BASELINES = ROOT / "baselines" / "runs"
VERBS = ("store", "verify")
WORDS = {
    "ablation": "",
    "scale": "micro",
    "results_dir": "results",
    "partial": "",
    "baselines_dir": "",
    "because": "",
}


def main(words: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(words, __doc__ or "", _baseline)


def _baseline(words: Sequence[str]) -> int:
    verb, rest = read_verb(words, VERBS)
    given = read_words(rest, WORDS, needed=["ablation"] if verb == "store" else [])
    _run(verb, given, Path(given["baselines_dir"] or BASELINES))
    return ExitCode.OK


def _run(verb: str, given: Mapping[str, str], baselines: Path) -> None:
    if verb == "store":
        results, _ = load_results(given, is_written=False)
        folder = baselines / given["scale"] / given["ablation"]
        print(f"stored {store_bundle(results, folder, because=given['because'])}")
        return
    for name in bundle_names(baselines):
        bundle = read_bundle(find_bundle(name, baselines))
        seeds = ", ".join(map(str, bundle.manifest["seeds"]))
        print(f"{name}  {len(bundle.manifest['arms'])} arms, seeds {seeds}: intact")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
