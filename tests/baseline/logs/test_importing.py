"""docs/importing.md: every example is executed, and every form has one."""

import re
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.baseline import __main__ as baseline
from harness.baseline.logs.reading import READERS
from harness.paths import ROOT
from harness.schema import ExitCode
from harness.store.bundle import find_bundle, read_bundle

PAGE = ROOT / "docs" / "importing.md"
EVENTS = Path(__file__).parent / "recorded" / "events.out.tfevents.1"

_BLOCK = re.compile(
    r"^```(?P<kind>\w*) ?(?P<name>\S*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
_GIVES = re.compile(r"\ngives (?P<metrics>[^\n]+) \(`(?P<format>[\w-]+)`\)")


class Example(NamedTuple):
    """A command of the page, and what stands below it."""

    words: list[str]
    metrics: list[str]
    format: str


def files_of(page: str) -> dict[str, str]:
    return {m["name"]: m["text"] for m in _BLOCK.finditer(page) if m["name"]}


def examples_of(page: str) -> list[Example]:
    found = []
    for block in _BLOCK.finditer(page):
        told = _GIVES.match(page, block.end() + 1)
        if not block["kind"] and told:
            words = shlex.split(block["text"])[3:]
            found.append(Example(words, re.findall(r"`([^`]+)`", told["metrics"]), told["format"]))
    return found


EXAMPLES = examples_of(PAGE.read_text())


def test_every_form_has_an_example() -> None:
    assert {example.format for example in EXAMPLES} == set(READERS)
    table = PAGE.read_text().split("| --- |", 1)[1].split("\n\n", 1)[0]
    assert set(re.findall(r"\| `([\w-]+)` \|$", table, re.MULTILINE)) == set(READERS)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.format)
def test_an_example_gives_what_the_page_says(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in files_of(PAGE.read_text()).items():
        Path(name).write_text(text)
    shutil.copy(EVENTS, tmp_path)
    assert baseline.main([*example.words, f"baselines_dir={tmp_path}"]) == ExitCode.OK
    name = next(word for word in example.words if word.startswith("name="))
    bundle = read_bundle(find_bundle(name.removeprefix("name="), tmp_path))
    assert sorted(bundle.manifest["metrics"]) == example.metrics
    assert {file["format"] for file in bundle.manifest["imported"]["files"]} == {example.format}


def test_an_example_that_says_something_else_is_noticed() -> None:
    changed = PAGE.read_text().replace("gives `reward` (`wandb`)", "gives `entropy` (`wandb`)")
    assert examples_of(changed) != EXAMPLES
