"""`python -m harness.grade responses=<place> [...]`: where graders of responses disagree.

The grader lab: grades stored responses with several graders, and says where they disagree and
which reward each would have given.

  responses=   a .jsonl stream (generations/<step>.jsonl of a run, or rows with response, reference
               and finish_reason), a directory with such streams below it (a run, or all runs of a
               study), or samples.parquet, of which the rows with text are graded
  references=  the answers of a table: `micro`, a data file in verl's schema (.parquet), or a
               .jsonl with question_id and reference
  graders=     any of orz, math_verify, verl, with commas between; all of them if left out
  stop_rule=   yes: only finished responses earn, as in the paper; no: every right one does
  split=       only the responses of this split
  workers=     processes per grader (2)
  limit_s=     CPU seconds per response, for all graders; each has its own if left out
  format=      table, json, or csv (the disagreements)
  out=         directory for GRADERS.md, graders.json, verdicts.csv, disagreements.csv, curves.csv
               and the picture of the curves
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli import read_arguments, run_command, suggest
from harness.graders.registry import GRADERS, GraderUnavailableError
from harness.schema import ExitCode, UsageError
from harness.text import folded

if TYPE_CHECKING:
    import pandas as pd

    from harness.grade.output import Lab

DEFAULTS = {
    "graders": ",".join(GRADERS),
    "references": "",
    "stop_rule": "yes",
    "split": "",
    "workers": "2",
    "limit_s": "",
    "format": "table",
    "out": "",
}
CHOICES = {"stop_rule": ("yes", "no"), "format": ("table", "json", "csv")}


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _grade)


def run_lab(given: Mapping[str, str]) -> Lab:
    """Grade stored responses.

    Args:
        given: the options of the command line; "" is not given.

    Raises:
        HarnessError: an option is wrong, there are no responses, or a grader is not installed.
    """
    # tables and figures take a second to import, and --help needs neither
    from harness.grade.output import Lab
    from harness.grade.responses import load_responses
    from harness.grade.tables import grade_with, verdict_table

    graders = _graders(given["graders"])
    responses = _chosen(load_responses(Path(given["responses"]), given["references"]), given)
    limit_s = _positive(given, "limit_s") if given["limit_s"] else None
    verdicts, timings = {}, {}
    for name in graders:
        try:
            verdicts[name], timings[name] = grade_with(
                name, responses, workers=int(_positive(given, "workers")), limit_s=limit_s
            )
        except GraderUnavailableError as error:
            rest = ",".join(other for other in graders if other != name)
            raise UsageError(f"{error}: install it, or give graders={rest}") from error
    has_stop_rule = given["stop_rule"] == "yes"
    return Lab(
        source=given["responses"],
        graders=graders,
        table=verdict_table(responses, verdicts, has_stop_rule=has_stop_rule),
        timings=timings,
        has_stop_rule=has_stop_rule,
    )


def _grade(argv: Sequence[str]) -> int:
    from harness.grade.output import disagreements_csv, lab_document, lab_text, write_lab

    given = read_arguments(argv, DEFAULTS, needed=["responses"])
    for key, choices in CHOICES.items():
        if given[key] not in choices:
            raise UsageError(f"unknown {key} {given[key]!r}: {suggest(given[key], choices)}")
    lab = run_lab(given)
    if given["format"] == "json":
        print(json.dumps(lab_document(lab), indent=2))
    elif given["format"] == "csv":
        print(disagreements_csv(lab), end="")
    else:
        print(folded(lab_text(lab)))
    if given["out"]:
        for path in write_lab(lab, Path(given["out"])):
            print(f"wrote {path}", file=sys.stderr)
    return ExitCode.OK


def _graders(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name for name in text.split(",") if name))
    unknown = next((name for name in names if name not in GRADERS), None)
    if unknown is not None or not names:
        raise UsageError(f"unknown grader {unknown or ''!r}: {suggest(unknown or '', GRADERS)}")
    return names


def _chosen(responses: pd.DataFrame, given: Mapping[str, str]) -> pd.DataFrame:
    """Return the responses of the split, all of which say how they ended if that matters."""
    if given["split"]:
        splits = list(dict.fromkeys(responses["split"].astype(str)))
        responses = responses[responses["split"] == given["split"]].reset_index(drop=True)
        if responses.empty:
            raise UsageError(f"unknown split {given['split']!r}: {suggest(given['split'], splits)}")
    unstated = int((responses["finish_reason"] == "").sum())
    if unstated and given["stop_rule"] == "yes":
        raise UsageError(
            f"{unstated} of {len(responses)} responses do not say how they ended"
            " (finish_reason): give stop_rule=no"
        )
    return responses


def _positive(given: Mapping[str, str], key: str) -> float:
    try:
        value = float(given[key])
    except ValueError:
        value = 0.0
    # not `<`: NaN is refused as well
    if not value >= (1.0 if key == "workers" else 0.001):
        raise UsageError(f"{key}={given[key]} is not a positive number")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
