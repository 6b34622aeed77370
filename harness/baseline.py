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

from harness.config import ROOT
from harness.names import near
from harness.report import load_results, read_words
from harness.reports.bundle import bundle_names, find_bundle, read_bundle
from harness.reports.bundling import store_bundle
from harness.schema import ExitCode, HarnessError, UsageError

BASELINES = ROOT / "baselines" / "runs"
VERBS = ("store", "verify")
WORDS = {
    "scale": "micro",
    "results_dir": "results",
    "partial": "",
    "baselines_dir": "",
    "because": "",
}


def main(words: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    verb, rest = (words[0], words[1:]) if words else ("", words)
    if verb in ("", "-h", "--help"):
        print(__doc__)
        return ExitCode.OK if words else ExitCode.USAGE
    try:
        if verb not in VERBS:
            raise UsageError(f"unknown verb {verb!r}: {near(verb, VERBS)}")
        given = read_words(rest, WORDS, is_ablation_needed=verb == "store")
        _run(verb, given, Path(given["baselines_dir"] or BASELINES))
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
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
