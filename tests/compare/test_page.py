"""docs/comparing.md states the rules and margins that the code has."""

import re

from harness.compare.comparability import ENGINE_RULES, KEY_RULES
from harness.compare.margins import CONVENTIONS
from harness.metrics.columns import EVALUATION
from harness.paths import ROOT

PAGE = ROOT / "docs" / "comparing.md"


def rows(page: str, name: str) -> list[list[str]]:
    block = page.split(f"<!-- {name}:", 1)[1].split("<!-- end -->", 1)[0]
    lines = [line for line in block.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def stated_margins(page: str) -> dict[str, tuple[str, str]]:
    """Column name -> (better, margin) as the page has them."""
    return {
        metric.removesuffix("_<split>"): (better, margin)
        for metrics, better, margin in rows(page, "margins")
        for metric in re.findall(r"`([^`]+)`", metrics)
    }


def coded_margins() -> dict[str, tuple[str, str]]:
    return {
        name: (
            convention.better,
            f"{100 * convention.margin:g} % of the baseline"
            if convention.is_relative
            else f"{convention.margin:g}",
        )
        for name, convention in CONVENTIONS.items()
    }


def test_the_page_has_every_rule() -> None:
    stated = [what for what, _ in rows(PAGE.read_text(), "rules")]
    assert stated == [
        "initial model",
        "evaluation questions",
        *(rule.what for rule in KEY_RULES),
        "engine",
    ]
    text = rows(PAGE.read_text(), "rules")[-1][1]
    for rule in ENGINE_RULES:
        for version in (rule.since, rule.before):
            assert ".".join(map(str, version)) in text


def test_the_page_has_every_margin() -> None:
    assert stated_margins(PAGE.read_text()) == coded_margins()
    changed = PAGE.read_text().replace("| higher | 0.05 |", "| higher | 0.5 |")
    assert stated_margins(changed) != coded_margins()


def test_splits_are_marked_where_there_are_any() -> None:
    text = PAGE.read_text()
    names = {column.name for column in EVALUATION}
    for name in CONVENTIONS:
        assert f"`{name}_<split>`" in text if name in names else f"`{name}`" in text
