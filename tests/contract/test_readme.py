"""The README says what is: its numbers are the report's, its links and commands exist."""

import importlib.util
import re
from itertools import dropwhile, takewhile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "results" / "micro" / "kl_penalty" / "REPORT.md"


def table_of(text: str, heading: str) -> list[str]:
    """The rows of the first table below a heading."""

    def is_row(line: str) -> bool:
        return line.startswith("|")

    below = text.split(heading, 1)[1].splitlines()
    return list(takewhile(is_row, dropwhile(lambda line: not is_row(line), below)))


def readme_problems(readme: str, report: str) -> list[str]:
    """What in a README does not agree with the report beside it."""
    problems = []
    block = readme.split("<!-- arms:", 1)[1].split("<!-- end -->", 1)[0]
    written = [line for line in block.splitlines() if line.startswith("|")]
    if written != table_of(report, "## Arms at the end of training"):
        problems.append("the table of arms differs from REPORT.md")
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        if not (ROOT / target).exists():
            problems.append(f"no file {target}")
    for module in set(re.findall(r"python -m (harness\.\w+)", readme)):
        if importlib.util.find_spec(module) is None:
            problems.append(f"no command {module}")
    return problems


def test_the_readme_agrees_with_the_repository() -> None:
    readme = (ROOT / "README.md").read_text()
    assert readme_problems(readme, REPORT.read_text()) == []


def test_a_number_a_link_or_a_command_that_is_wrong_would_be_noticed() -> None:
    readme, report = (ROOT / "README.md").read_text(), REPORT.read_text()
    changed = readme.replace("→ 0.", "→ 1.", 1) + "[x](no/such.md) python -m harness.nothing"
    assert len(readme_problems(changed, report)) == 3
