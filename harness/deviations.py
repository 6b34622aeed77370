"""`python -m harness.deviations [scale=<name>] [out=<file>]`: where we differ from the paper.

Every training setting of the paper: its text, its authors' code, their later word, what veRL can
do, what the recipes set, and what that may change. The first four and the last come from
baselines/papers/open_reasoner_zero/deviations.yaml, what we set from the composed recipes.
`out=` writes over an earlier file with --force.
`scale=` shows the values of one scale; without it those of orz_7b, with the others where they
differ. A report of runs at a scale of the paper has the same table, with what its runs had set.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from harness.cli import FORCE, name, out_file, read_arguments, run_command, suggest
from harness.schema import ExitCode, UsageError
from harness.store.files import write_atomic


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _deviations)


def _deviations(argv: Sequence[str]) -> int:
    from harness.report.deviations import composed, page, read_settings, recipe_scales
    from harness.spec import config as configs

    given = read_arguments(argv, {"scale": name(), "out": out_file()}, flags=[FORCE])
    scales = recipe_scales()
    if given["scale"]:
        if given["scale"] not in scales:
            raise UsageError(f"unknown scale {given['scale']!r}: {suggest(given['scale'], scales)}")
        scales = [given["scale"]]
    with configs.session():
        text = page(read_settings(), composed(scales))
    if given["out"]:
        write_atomic(Path(given["out"]), text)
        print(f"wrote {given['out']}")
    else:
        print(text, end="")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
