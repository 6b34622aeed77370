"""`python -m harness.docs [<page> ...]`: writes the pages of docs/ that are made of other files.

Pages: algorithms, ablations, metrics, comparing (its margins), reliability (its diagnoses), costs,
planning (with its picture), deviations, claims, findings; all of them if none is named. Tests
compare each with what it is made of.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from harness.cli import run_command, suggest
from harness.paths import DOCS
from harness.schema import ExitCode, UsageError
from harness.store.files import write_atomic


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _docs)


def _docs(argv: Sequence[str]) -> int:
    pages = _pages()
    for name in argv:
        if name not in pages:
            raise UsageError(f"unknown page {name!r}: {suggest(name, pages)}")
    for name in argv or pages:
        path = DOCS / f"{name}.md"
        write_atomic(path, pages[name]())
        print(f"wrote {path}")
    return ExitCode.OK


def _pages() -> dict[str, Callable[[], str]]:
    """Return page -> what makes its text."""
    # recipes, statistics and figures take seconds to import, and --help needs none of them
    from harness.claims.page import page as claims_page
    from harness.claims.reading import read_claims
    from harness.docs.catalogue import ablations_page, algorithms_page
    from harness.docs.costs import cost_page, planned
    from harness.docs.diagnoses import RELIABILITY, with_diagnoses
    from harness.docs.findings import page as findings_page
    from harness.docs.metrics import COMPARING, glossary, with_margins
    from harness.docs.planning import draw_picture, example, planning_page
    from harness.paths import CLAIMS
    from harness.report.deviations import composed, read_settings, recipe_scales
    from harness.report.deviations import page as deviations_page
    from harness.spec.config import session

    def costs() -> str:
        with session():
            return cost_page(*planned())

    def planning() -> str:
        with session():
            request, calibration = example()
        draw_picture(request, DOCS)
        return planning_page(request, calibration)

    def deviations() -> str:
        with session():
            return deviations_page(read_settings(), composed(recipe_scales()))

    return {
        "algorithms": algorithms_page,
        "ablations": ablations_page,
        "metrics": glossary,
        "comparing": lambda: with_margins(COMPARING.read_text()),
        "reliability": lambda: with_diagnoses(RELIABILITY.read_text()),
        "costs": costs,
        "planning": planning,
        "deviations": deviations,
        "claims": lambda: claims_page(read_claims(CLAIMS)),
        "findings": findings_page,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
