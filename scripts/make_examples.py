"""Write everything again that is committed and made of stored results.

Usage: ``python scripts/make_examples.py [STEP ...]``, as ``make examples`` does; without a step all
of them, in the order in which one needs the other:

  reports   results/<scale>/<ablation>: tables, REPORT.md, figures (needs runs/, else they stay)
  grades    results/<scale>/<ablation>/graders: what every grader says of the stored texts (those of
            the first micro-world stay)
  claims    results/<scale>/CLAIMS.md, claims.csv, claims.json; docs/findings.md
  figures   results/paper/both and docs/paper.md
  preprint  results/paper/preprint.pdf and .json (needs typst)
  page      docs/report/kl_penalty.html and its pictures (needs playwright and Chromium, else the
            pictures stay)
  readme    the blocks of README.md that are copies

A step that fails or cannot be done is named at the end, the others are done; the exit code is then
1. What the texts around the copies say of a result has to be read again by a person.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from harness.store.files import write_atomic

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results"
EXAMPLE = ROOT / "docs" / "report" / "kl_penalty.html"
COPY = re.compile(
    r"(<!-- copied from (\S+), a test compares -->\n)(.*?)(\n<!-- end -->)", re.DOTALL
)
GRADES = Path("graders", "verdicts.csv")
KNOWN_ANSWERS = {"micro_families"}
"""Data sets whose answers the repository makes, so that texts can be graded again. Those of the
first micro-world (`micro`) are made no longer."""


class StepError(RuntimeError):
    """A step that was not done, and why."""


def studies(results: Path = RESULTS) -> list[Path]:
    """Return the directories of all studies that have results."""
    return sorted(path.parent for path in results.glob("*/*/runs.parquet"))


def data_sets(folder: Path) -> set[str]:
    """Return the names of the data sets of a study's arms."""
    arms = json.loads((folder / "study.json").read_text(encoding="utf-8"))["protocol"]["arms"]
    return {str(arm["config"]["dataset.name"]) for arm in arms.values()}


def copied(readme: str, read: Callable[[str], str]) -> str:
    """Return a text with every copied block taken from its source again.

    Args:
        readme: the text.
        read: returns the text of a source by the name in the mark.

    Raises:
        StepError: a source has no paragraph that begins as the block does.
    """

    def fresh(found: re.Match[str]) -> str:
        mark, source, block, end = found.groups()
        wanted = _beginning(block.splitlines()[0])
        for paragraph in read(source).split("\n\n"):
            lines = paragraph.strip().splitlines()
            if lines and _beginning(lines[0]) == wanted:
                return f"{mark}{paragraph.strip()}{end}"
        raise StepError(f"{source} has nothing that begins with {block.splitlines()[0]!r}")

    return COPY.sub(fresh, readme)


def _beginning(line: str) -> str:
    """Return the part of a paragraph's first line that no result changes: its name here."""
    if line.startswith("**"):
        return "a verdict in bold, " + line.split("**")[2].partition(":")[0].strip()
    words = re.sub(r"[\d.,]+", "#", line.partition(":")[0])
    return re.sub(r"\s+", " ", words).strip()


def write_reports() -> None:
    """Write report and figures of every study, from its runs where they are here."""
    for folder in studies():
        _run("harness.report", f"ablation={folder.name}", f"scale={folder.parent.name}")


def write_grades() -> None:
    """Let every grader read the stored texts, where their answers are known."""
    for folder in studies():
        if data_sets(folder) <= KNOWN_ANSWERS:
            scratch = ROOT / "build" / "grades" / folder.name
            arguments = (f"responses={folder / 'samples.parquet'}", "references=micro")
            _run("harness.grade", *arguments, f"out={scratch}", "--force")
            # the page needs the verdicts alone; the rest has times in it, never the same twice
            (folder / GRADES.parent).mkdir(exist_ok=True)
            write_atomic(folder / GRADES, (scratch / GRADES.name).read_bytes())


def write_claims() -> None:
    """Judge all claims on the stored results of every scale."""
    for scale in sorted({folder.parent.name for folder in studies()}):
        _run("harness.claims", f"scale={scale}", f"out=results/{scale}", "--force")
    _run("harness.docs", "findings")


def write_figures() -> None:
    """Draw the figures and tables of the paper, and the page that lists them."""
    _run("paper.build", "all")
    write_atomic(ROOT / "docs" / "paper.md", _run("paper.page"))


def write_preprint() -> None:
    """Build the preprint."""
    _run("paper.preprint")


def write_page() -> None:
    """Write the example of a report page, and take its pictures."""
    folder = RESULTS / "micro" / EXAMPLE.stem
    # by a copy without runs, as in a clone: that writes the page and nothing else
    clone = ROOT / "build" / "examples" / "micro" / EXAMPLE.stem
    shutil.rmtree(clone, ignore_errors=True)
    shutil.copytree(folder, clone, ignore=shutil.ignore_patterns("runs", "partial", "*.html"))
    _run("harness.report", f"ablation={EXAMPLE.stem}", f"results_dir={clone.parents[1]}")
    EXAMPLE.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(EXAMPLE, (clone / "report.html").read_bytes())
    _run_file("scripts/page_pictures.py", str(EXAMPLE), str(EXAMPLE.parent))


def write_readme() -> None:
    """Take the copied blocks of the README from their sources again."""
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    fresh = copied(text, lambda source: (ROOT / source).read_text(encoding="utf-8"))
    if fresh != text:
        write_atomic(path, fresh)
        print("README.md has new numbers: read the sentences around them again")


STEPS: Mapping[str, Callable[[], None]] = {
    "reports": write_reports,
    "grades": write_grades,
    "claims": write_claims,
    "figures": write_figures,
    "preprint": write_preprint,
    "page": write_page,
    "readme": write_readme,
}


def main(argv: Sequence[str]) -> int:
    """Do the steps that are named, or all; return 1 if one was not done."""
    unknown = [name for name in argv if name not in STEPS]
    if unknown:
        print(f"error: unknown step {unknown[0]!r}: one of {', '.join(STEPS)}", file=sys.stderr)
        return 2
    failed = []
    for name, took, problem in _done(argv or list(STEPS)):
        print(f"{name}: {problem or f'written ({took:.0f} s)'}", flush=True)
        failed += [name] if problem else []
    if failed:
        print(f"error: not done: {', '.join(failed)} (see above)", file=sys.stderr)
    return 1 if failed else 0


def _done(names: Sequence[str]) -> Iterator[tuple[str, float, str]]:
    """Do steps; yield name, seconds and what went wrong ("" is nothing) of each."""
    for name in [one for one in STEPS if one in names]:
        began = time.monotonic()
        problem = ""
        try:
            STEPS[name]()
        except (StepError, OSError) as error:
            problem = str(error)
        yield name, time.monotonic() - began, problem


def _run(module: str, *arguments: str) -> str:
    return _called([sys.executable, "-m", module, *arguments])


def _run_file(path: str, *arguments: str) -> str:
    return _called([sys.executable, path, *arguments])


def _called(command: Sequence[str]) -> str:
    """Return the output of a command.

    Raises:
        StepError: it failed; with the last line that it said.
    """
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode:
        said = (answer.stderr.strip() or answer.stdout.strip() or "nothing was said").splitlines()
        raise StepError(f"{' '.join(command[1:4])} failed: {said[-1]}")
    return answer.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
