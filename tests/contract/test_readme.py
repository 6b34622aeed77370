"""The README says what is: its numbers are the report's, its links and commands exist."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPY = re.compile(r"<!-- copied from (\S+), a test compares -->\n(.*?)\n<!-- end -->", re.DOTALL)
COPIES = 2
"""Blocks of the README that are copies: the claims, the time of a cell."""


def readme_problems(readme: str) -> list[str]:
    """What in a README does not agree with the repository around it."""
    copies = COPY.findall(readme)
    problems = [] if len(copies) == COPIES else [f"{len(copies)} copied blocks, not {COPIES}"]
    for source, block in copies:
        if block.strip() not in (ROOT / source).read_text():
            problems.append(f"a copy differs from {source}")
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        if "://" not in target and not (ROOT / target).exists():
            problems.append(f"no file {target}")
    for module in set(re.findall(r"python -m (harness\.\w+)", readme)):
        if importlib.util.find_spec(module) is None:
            problems.append(f"no command {module}")
    return problems


def broken_links(text: str, folder: Path) -> list[str]:
    """Targets of a Markdown text in a folder that do not exist; those on the network aside."""
    found = re.findall(
        r"\]\(([^)#\s]+)(?:#[^)]*)?\)", re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
    )
    return [one for one in found if "://" not in one and not (folder / one).exists()]


PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "harness/**/*.md",
        "baselines/**/*.md",
        "results/**/*.md",
    )
    for path in ROOT.glob(pattern)
    if not {"runs", "partial"}
    & set(path.relative_to(ROOT / "results").parts if path.is_relative_to(ROOT / "results") else ())
)


def test_every_link_and_picture_of_every_page_is_there() -> None:
    assert len(PAGES) > 20
    broken = {
        str(path): found for path in PAGES if (found := broken_links(path.read_text(), path.parent))
    }
    assert broken == {}
    assert broken_links("[x](no.md) ![y](no.png) [z](README.md#part) `[c](d)`", ROOT) == [
        "no.md",
        "no.png",
    ]


def test_the_readme_shows_the_central_figures_and_the_page() -> None:
    readme = (ROOT / "README.md").read_text()
    for target in (
        "gae_lambda/figures/overview.png",
        "kl_penalty/figures/overview.png",
        "paper/both/own2.svg",
        "report/kl_penalty.html",
    ):
        assert f"{target})" in readme


def test_the_readme_agrees_with_the_repository() -> None:
    assert readme_problems((ROOT / "README.md").read_text()) == []


def test_a_number_a_link_or_a_command_that_is_wrong_would_be_noticed() -> None:
    readme = (ROOT / "README.md").read_text()
    changed = readme.replace(" reproduced,", " proved,", 1)
    changed += "[x](no/such.md) python -m harness.nothing"
    assert len(readme_problems(changed)) == 3
    assert readme_problems(readme.replace("<!-- copied from", "<!-- from")) != []
    for source, block in COPY.findall(readme):
        wrong = readme.replace(block, re.sub(r"\d+", "77", block))
        assert readme_problems(wrong) == [f"a copy differs from {source}"]
