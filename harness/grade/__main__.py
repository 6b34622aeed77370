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
               and the picture of the curves; over earlier ones with --force
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli import (
    FORCE,
    choice,
    name,
    needed,
    out_folder,
    place,
    read_arguments,
    real,
    run_command,
    several,
    suggest,
    whole,
)
from harness.graders.registry import GRADERS, GraderUnavailableError
from harness.schema import ExitCode, UsageError
from harness.text import folded

if TYPE_CHECKING:
    import pandas as pd

    from harness.grade.output import Lab

OPTIONS = {
    "responses": needed(place()),
    "graders": several(choice(GRADERS, ",".join(GRADERS))),
    "references": place(),
    "stop_rule": choice(["yes", "no"], "yes"),
    "split": name(),
    "workers": whole(1, 1024, default=2),
    "limit_s": real(above=0.0),
    "format": choice(["table", "json", "csv"], "table"),
    "out": out_folder("GRADERS.md", "graders.json", "verdicts.csv"),
}


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _grade)


def run_lab(given: Mapping[str, Any]) -> Lab:
    """Grade stored responses.

    Args:
        given: the options of the command line.

    Raises:
        HarnessError: an option is wrong, there are no responses, or a grader is not installed.
    """
    # tables and figures take a second to import, and --help needs neither
    from harness.grade.output import Lab
    from harness.grade.responses import load_responses
    from harness.grade.tables import grade_with, verdict_table

    graders = tuple(dict.fromkeys(given["graders"].split(",")))
    responses = _chosen(load_responses(Path(given["responses"]), given["references"]), given)
    verdicts, timings = {}, {}
    for grader in graders:
        try:
            verdicts[grader], timings[grader] = grade_with(
                grader, responses, workers=given["workers"], limit_s=given["limit_s"]
            )
        except GraderUnavailableError as error:
            rest = ",".join(other for other in graders if other != grader)
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

    given = read_arguments(argv, OPTIONS, flags=[FORCE])
    lab = run_lab(given)
    if given["format"] == "json":
        print(json.dumps(lab_document(lab), indent=2))
    elif given["format"] == "csv":
        print(disagreements_csv(lab), end="")
    else:
        print(folded(lab_text(lab)))
    if given["out"]:
        for path in write_lab(lab, Path(given["out"]), replaces=given[FORCE]):
            print(f"wrote {path}", file=sys.stderr)
    return ExitCode.OK


def _chosen(responses: pd.DataFrame, given: Mapping[str, Any]) -> pd.DataFrame:
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
