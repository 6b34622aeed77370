"""Runs every ablation at every scale of the paper as a shadow: real steps in miniature on a CPU.

`python scripts/shadow_all.py [scales=a,b] [ablations=a,b] [results_dir=results] [steps=2]`

Some hundred cells of about a minute. What is done is not done again, so that the same command goes
on where it stopped. Ends with a table and with 1 if anything failed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from harness.cli import (  # noqa: E402
    name,
    place,
    read_arguments,
    run_command,
    several,
    suggest,
    whole,
)
from harness.report.deviations import recipe_scales  # noqa: E402
from harness.schema import ExitCode, UsageError  # noqa: E402
from harness.spec.choices import ablation_files  # noqa: E402
from harness.text import aligned  # noqa: E402

OPTIONS = {
    "scales": several(name()),
    "ablations": several(name()),
    "results_dir": place("results"),
    "steps": whole(1, default=2),
}


def chosen(given: str, known: list[str]) -> list[str]:
    """Return the names of a comma-separated option, all of them if it names none.

    Raises:
        UsageError: one of them is unknown.
    """
    names = given.split(",") if given else known
    for one in names:
        if one not in known:
            raise UsageError(f"unknown name {one!r}: {suggest(one, known)}")
    return names


def run_one(scale: str, ablation: str, results_dir: str, steps: int) -> tuple[str, str, str, str]:
    """Run one ablation at one scale as a shadow; return its row of the table."""
    overrides = [f"ablation={ablation}", f"scale={scale}", "shadow=true", f"steps={steps}"]
    started = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "harness.run", *overrides, f"results_dir={results_dir}"],
        cwd=ROOT,
        check=False,
    )
    return scale, ablation, str(ended.returncode), f"{time.monotonic() - started:.0f}"


def main(argv: list[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", lambda rest: _shadow_all(list(rest)))


def _shadow_all(argv: list[str]) -> int:
    given = read_arguments(argv, OPTIONS)
    scales = chosen(given["scales"], recipe_scales())
    ablations = chosen(given["ablations"], list(ablation_files()))
    rows = [
        run_one(scale, ablation, given["results_dir"], given["steps"])
        for scale in scales
        for ablation in ablations
    ]
    print(aligned([("scale", "ablation", "exit code", "seconds"), *rows]))
    failed = sum(row[2] != "0" for row in rows)
    print(f"{len(rows) - failed} of {len(rows)} shadows ran")
    return ExitCode.CELLS_FAILED if failed else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
