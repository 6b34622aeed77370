"""Tries faults of the disk at every write, sync and rename of commands that write.

Usage: ``python scripts/trust_faults.py [most=1000] [cases=<name>,...]``, as ``make trust`` does.

Each operation of a command fails, tears (three ways where it writes), is killed, and is lost with
the power; afterwards every file of the sandbox must be what it was or what it becomes, and files
that belong together must not be mixed unmarked. `most` bounds the faults of one command. Prints a
table and ends with 1 if a file was harmed.
"""

from __future__ import annotations

import io
import random
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from harness.cli import name, read_arguments, run_command, several, whole  # noqa: E402
from harness.schema import ExitCode  # noqa: E402
from harness.text import markdown_table  # noqa: E402
from tests.faults.cases import CASES, Case  # noqa: E402
from tests.faults.shim import MODES, Fault, Outcome, try_faults  # noqa: E402

OPTIONS = {"most": whole(1, 1_000_000, default=1000), "cases": several(name())}
PARTS = (0.0, 0.5, 0.99)
"""Shares of a torn write that reach the file."""


def all_faults(count: int, most: int) -> list[Fault]:
    """Return every fault of so many operations, or a random `most` of them, always the same."""
    faults = [
        Fault(number, mode, part)
        for number in range(1, count + 1)
        for mode in MODES
        for part in (PARTS if mode != "fail" else PARTS[:1])
    ]
    return faults if len(faults) <= most else random.Random(most).sample(faults, most)


def run_case(case: Case, most: int) -> Outcome:
    """Try the faults of one command in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="faults-") as place:
        base, root = Path(place, "inputs"), Path(place, "sandbox")
        base.mkdir()
        root.mkdir()
        # what a command says stands between the lines of the table else
        with redirect_stdout(io.StringIO()):
            command = case.begin(base, root)
            return try_faults(command, root, lambda count: all_faults(count, most), case.varies)


def main(argv: list[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", lambda rest: _trust(list(rest)))


def _trust(argv: list[str]) -> int:
    given = read_arguments(argv, OPTIONS)
    wanted = given["cases"].split(",") if given["cases"] else [case.name for case in CASES]
    rows, problems = [], list[str]()
    for case in (case for case in CASES if case.name in wanted):
        started = time.monotonic()
        outcome = run_case(case, given["most"])
        took = f"{time.monotonic() - started:.0f}"
        print(f"{case.name}: {outcome.faults} faults, {took} s", file=sys.stderr, flush=True)
        harmed = str(len(outcome.problems))
        rows.append([case.name, str(outcome.operations), str(outcome.faults), harmed])
        problems += [f"{case.name}: {problem}" for problem in outcome.problems]
    total = sum(int(row[2]) for row in rows)
    rows.append(["all", str(sum(int(row[1]) for row in rows)), str(total), str(len(problems))])
    print(markdown_table(["command", "operations", "faults", "harmed"], rows))
    print("".join(f"\n{problem}" for problem in problems))
    return ExitCode.DEFECT if problems else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
