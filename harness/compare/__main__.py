"""`python -m harness.compare candidate=<place> baseline=<name> [...]`: better, worse or alike?

Says whether a candidate is better or worse than what is stored, or the same within a margin, by
paired seeds where they match: effects with intervals, curves, cost, and the differences of the
configs. Either side is a directory of results, the name, directory or archive of a bundle, or a
log; or both are directories of python -m harness.evaluate: two models, paired by question.

  candidate_arm= baseline_arm=  which arm; the only one, the same name or the control by default
  metric=   that is judged; the first accuracy that both sides have by default
  margin=   loss that would count, in the metric's unit; by default harness/metrics/columns.py
  level=    of the intervals, 0.95 by default
  mapping=  a mapping file, for a candidate that is a log
  allow_partial=true  compares a candidate that lacks seeds or steps of the baseline; cannot pass
  out=      directory for COMPARISON.md, comparison.json and figures; over earlier ones with --force
  --gate    ends with 0 not worse by the margin, 10 worse, 11 cannot tell, 12 not comparable
  --anyway  compares what is not comparable; every output then carries the warning

`python -m harness.compare ablation=<name> [baseline=] [scale=] [results_dir=] [partial=]` says for
each run of a request whether it lies inside the band of the stored seeds. Exit code 12: nothing is
comparable.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli import (
    FORCE,
    folder,
    name,
    out_folder,
    place,
    read_arguments,
    real,
    run_command,
    switch,
    text,
)
from harness.paths import BASELINES
from harness.schema import ExitCode, UsageError
from harness.text import folded

if TYPE_CHECKING:
    from harness.compare.comparison import Comparison
    from harness.compare.effects import Settings

OF_REQUEST = {"scale": name("micro"), "results_dir": folder("results"), "partial": name()}
OF_SIDES = {
    "candidate_arm": text(),
    "baseline_arm": text(),
    "metric": name(),
    "margin": real(above=0.0),
    "level": real(above=0.0, below=1.0),
    "mapping": place(),
    "allow_partial": switch(),
    "out": out_folder("COMPARISON.md", "comparison.json"),
}
OPTIONS = {
    "candidate": place(),
    "ablation": name(),
    "baseline": place(),
    "baselines_dir": place(),
    **OF_SIDES,
    **OF_REQUEST,
}
FLAGS = ("--gate", "--anyway", FORCE)


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _compare)


def _compare(argv: Sequence[str]) -> int:
    given = read_arguments(argv, OPTIONS, flags=FLAGS)
    if bool(given["candidate"]) == bool(given["ablation"]):
        raise UsageError(
            "name what to compare, by one of candidate=<results, bundle or log> (with baseline=)"
            " and ablation=<name>"
        )
    if given["ablation"]:
        _refuse(given, [*OF_SIDES, *FLAGS], "ablation=")
        return _compare_request(given)
    _refuse(given, list(OF_REQUEST), "candidate=")
    return _compare_sides(given, argv)


def _refuse(given: Mapping[str, Any], names: Sequence[str], form: str) -> None:
    """Refuse options of the other form, which would do nothing."""
    for key in names:
        if given[key] != (OPTIONS[key].default if key in OPTIONS else False):
            raise UsageError(f"{key} does nothing beside {form}: see python -m harness.compare -h")


def _compare_request(given: Mapping[str, Any]) -> int:
    # tables and statistics take a second to import, and --help needs none of them
    from harness.compare.band import compare_with_bundle, print_placements
    from harness.report.stored import load_results
    from harness.store.bundle import find_bundle, read_bundle

    baselines = Path(given["baselines_dir"] or BASELINES)
    wanted = given["baseline"] or f"{given['scale']}/{given['ablation']}"
    bundle = read_bundle(find_bundle(wanted, baselines))
    results, _, _ = load_results(given)
    placements = compare_with_bundle(results, bundle)
    print_placements(placements)
    return placements.exit_code


def _compare_sides(given: Mapping[str, Any], argv: Sequence[str]) -> int:
    from harness.compare.effects import Settings
    from harness.compare.output import comparison_text, write_comparison
    from harness.evaluate.folder import is_evaluation

    if not given["baseline"]:
        raise UsageError("no baseline was named: give baseline=<name> (harness.baseline list)")
    settings = Settings(
        level=given["level"] or 0.95,
        margin=given["margin"],
        metric=given["metric"],
        allow_partial=given["allow_partial"],
    )
    of_models = is_evaluation(given["candidate"]) or is_evaluation(given["baseline"])
    comparison = (_of_evaluations if of_models else _of_studies)(given, settings)
    print(folded(comparison_text(comparison)))
    if given["out"]:
        command = " ".join(["python -m harness.compare", *argv])
        written = write_comparison(comparison, Path(given["out"]), command, replaces=given[FORCE])
        print("\nwritten: " + ", ".join(str(path) for path in written))
    return comparison.gate.code if given["--gate"] else ExitCode.OK


def _of_studies(given: Mapping[str, Any], settings: Settings) -> Comparison:
    from harness.baseline.sources import load_source
    from harness.compare.comparison import compare_sides
    from harness.compare.sides import side_of

    baselines = Path(given["baselines_dir"] or BASELINES)
    mapping = Path(given["mapping"]) if given["mapping"] else None
    stored = load_source(given["baseline"], baselines=baselines)
    new = load_source(given["candidate"], baselines=baselines, mapping=mapping, is_judged=True)
    arm = given["candidate_arm"]
    candidate = side_of(new, arm, "candidate", like=given["baseline_arm"])
    baseline = side_of(stored, given["baseline_arm"], "baseline", like=candidate.arm)
    return compare_sides(candidate, baseline, settings, is_forced=bool(given["--anyway"]))


def _of_evaluations(given: Mapping[str, Any], settings: Settings) -> Comparison:
    from harness.compare.comparability import NotComparableError
    from harness.compare.evaluations import compare_evaluations
    from harness.evaluate.folder import is_evaluation

    refused = ["candidate_arm", "baseline_arm", "mapping", "allow_partial"]
    _refuse(given, refused, "an evaluation")
    for role in ("candidate", "baseline"):
        if not is_evaluation(given[role]):
            raise NotComparableError(
                f"one side is an evaluation, and the {role} {given[role]} is not one: evaluate both"
                " models with python -m harness.evaluate"
            )
    return compare_evaluations(
        given["candidate"], given["baseline"], settings, is_forced=bool(given["--anyway"])
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
