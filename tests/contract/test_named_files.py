"""Files that code and pages name are there: a moved file leaves no sentence behind."""

import re
from pathlib import Path

from harness.paths import ROOT

NAMED = re.compile(r"(?<![\w/.-])((?:harness|scripts)/[\w/]+\.(?:py|yaml|json|txt))\b")
PARTS = re.compile(r'"(harness|scripts|tests)"((?: / "[\w.]+")+)')
READ = sorted(
    path
    for folder in ("harness", "paper", "scripts", "docs", "baselines/papers", "ablations")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".md", ".yaml") and path.is_file()
)
READ += [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml")]


def lost(text: str) -> list[str]:
    """Files and folders of the checkout that a text names and that are not there."""
    named = [*NAMED.findall(text)]
    for top, rest in PARTS.findall(text):
        named.append("/".join([top, *re.findall(r'"([\w.]+)"', rest)]))
    return [name for name in named if not (ROOT / name).exists()]


def test_every_file_that_is_named_is_there() -> None:
    found = {str(path.relative_to(ROOT)): lost(path.read_text()) for path in READ}
    assert {path: names for path, names in found.items() if names} == {}


def test_the_paths_that_tests_put_together_are_there() -> None:
    # a test that looks into a folder which is gone finds nothing wrong in it
    own = (Path(__file__), ROOT / "tests" / "test_commands.py")
    found = [
        name
        for path in (ROOT / "tests").rglob("*.py")
        if path not in own
        for name in lost("\n".join(m.group(0) for m in PARTS.finditer(path.read_text())))
    ]
    assert found == []


def test_a_file_that_is_gone_is_found() -> None:
    assert lost("see harness/verdicts.py, `harness/schema.py`") == ["harness/verdicts.py"]
    assert lost('ROOT / "harness" / "planning"') == ["harness/planning"]
