"""docs/costs.md: a row for every recipe, and the page is what the planner says now."""

from dataclasses import replace

import pytest

from harness.docs.costs import cost_page, planned
from harness.paths import DOCS
from harness.plan.calibration import Calibration
from harness.plan.cell import CellPlan
from harness.report.deviations import recipe_scales
from harness.spec import config as configs

PAGE = DOCS / "costs.md"
# six compositions take ten seconds, too long for the core
pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def plans() -> tuple[dict[str, CellPlan], Calibration]:
    with configs.session():
        return planned()


def test_the_page_is_what_the_planner_says(plans) -> None:
    assert PAGE.read_text(encoding="utf-8") == cost_page(*plans), "python -m harness.docs costs"


def test_every_recipe_has_its_row_and_an_interval(plans) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| orz_")]
    assert [row.split("|")[1].strip() for row in rows] == list(recipe_scales())
    assert all(row.count("[") == 2 for row in rows)


def test_another_plan_would_change_the_page(plans) -> None:
    cells, calibration = plans
    scale, cell = next(iter(cells.items()))
    other = cost_page({**cells, scale: replace(cell, tokens=cell.tokens + 1e9)}, calibration)
    assert other != PAGE.read_text(encoding="utf-8")
