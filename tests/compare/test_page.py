"""docs/comparing.md states the rules and margins that the code has."""

from harness.compare.comparability import ENGINE_RULES, KEY_RULES
from harness.docs.metrics import COMPARING as PAGE
from harness.docs.metrics import with_margins
from harness.schema import FORMULAS


def rows(page: str, name: str) -> list[list[str]]:
    block = page.split(f"<!-- {name}:", 1)[1].split("<!-- end -->", 1)[0]
    lines = [line for line in block.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_has_every_rule() -> None:
    stated = [what for what, _ in rows(PAGE.read_text(), "rules")]
    assert stated == [
        "micro-world",
        "initial model",
        "evaluation questions",
        *(rule.what for rule in KEY_RULES),
        "engine",
        FORMULAS,
    ]
    text = rows(PAGE.read_text(), "rules")[-2][1]
    for rule in ENGINE_RULES:
        for version in (rule.since, rule.before):
            assert ".".join(map(str, version)) in text


def test_the_margins_are_those_of_the_columns() -> None:
    page = PAGE.read_text()
    assert page == with_margins(page), "run python -m harness.docs.metrics"
    changed = page.replace("| higher  | 0.05 ", "| higher  | 0.5  ")
    assert page != changed != with_margins(changed) == page
