"""`python -m harness`: every command of the suite, and what it is for."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.cli import run_command, suggest
from harness.paths import ROOT
from harness.schema import ExitCode, UsageError
from harness.text import aligned

ORDER = {
    "the pipeline": ("doctor", "plan", "run", "cells", "report", "claims", "compare"),
    "side doors": (
        *("baseline", "trace", "power", "evaluate", "grade", "data"),
        *("profile", "mine", "deviations", "docs"),
    ),
}
"""Group -> commands in the order in which a user meets them; any other ends the last group."""

PLACES = ("harness/*.py", "harness/*/__main__.py", "paper/*.py")

_FIRST_LINE = re.compile(r"`python -m ((?:harness|paper)\.\w+)[^`]*`: (.+)")


def commands(root: Path = ROOT) -> dict[str, str]:
    """Return command -> what it is for: the modules whose docstring begins with how to run them.

    Args:
        root: of a checkout. Its modules are read, not imported.
    """
    found = {}
    for path in sorted(path for place in PLACES for path in root.glob(place)):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        first = _FIRST_LINE.match(" ".join(text.partition("\n\n")[0].split()))
        if first:
            found[first[1]] = first[2].removesuffix(".")
    return found


def listing(root: Path = ROOT) -> str:
    """Return the commands of a checkout in groups, one line each."""
    said = commands(root)
    named = [f"harness.{name}" for names in ORDER.values() for name in names]
    ours = [name for name in said if name.startswith("harness.") and name not in named]
    groups = {group: [f"harness.{name}" for name in names] for group, names in ORDER.items()}
    groups[list(groups)[-1]] += ours
    groups["the paper"] = [name for name in said if name.startswith("paper.")]
    rows = {group: [name for name in names if name in said] for group, names in groups.items()}
    table = aligned([(f"  {name}", said[name]) for names in rows.values() for name in names])
    lines = table.split("\n")
    blocks = []
    for group, names in rows.items():
        blocks.append("\n".join([group, *lines[: len(names)]]))
        lines = lines[len(names) :]
    return "\n\n".join(["python -m <command> --help tells all about one.", *blocks])


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, f"{__doc__}\n\n{listing()}", _list)


def _list(argv: Sequence[str]) -> int:
    if argv:
        hint = suggest(f"harness.{argv[0]}", commands())
        raise UsageError(f"unknown command {argv[0]!r}: {hint}; run one as python -m <command>")
    print(listing())
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
