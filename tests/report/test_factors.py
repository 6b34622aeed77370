"""The effects of factors, from run directories to table, figure and trace."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.report.document import document
from harness.report.results import Results
from harness.report.stored import write_results
from harness.schema import CellSpec
from harness.trace.__main__ import main as trace
from tests.synthetic_runs import DOCUMENT, Shape, make_cells, write_study

LEVEL = {"set": {"verl.algorithm.gamma": 1.0}}
TWO = {
    **DOCUMENT,
    "control": {"kl": "none", "data": "large"},
    "factors": {
        "kl": {level: DOCUMENT["factors"]["kl"][level] for level in ("none", "loss")},
        "data": {"large": LEVEL, "small": LEVEL},
    },
}


def cells_of(data: tuple[str, ...]) -> list[CellSpec]:
    made = make_cells(shape=Shape(), levels=("none", "loss"))
    return [replace(cell, levels={**cell.levels, "data": name}) for cell in made for name in data]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Results]:
    root = tmp_path_factory.mktemp("factors") / "micro" / "invented"
    cells = write_study(root, cells_of(("large", "small")), Shape())
    return root, write_results(root, root, cells, TWO, command="the command")


def test_an_effect_is_the_mean_over_the_other_factor(study: Any) -> None:
    root, results = study
    table = pd.read_csv(root / "factors.csv").set_index("row_id")
    finals = results.finals[results.finals["metric"] == "accuracy_easy"]
    per_arm = finals.pivot_table(index="seed", columns="arm", values="value")
    none = per_arm[["kl=none,data=large", "kl=none,data=small"]].mean(axis=1)
    loss = per_arm[["kl=loss,data=large", "kl=loss,data=small"]].mean(axis=1)
    row = table.loc["accuracy_easy:kl=loss"]
    assert row["estimate"] == pytest.approx((loss - none).mean())
    assert row["high"] < 0
    # both levels of data have the same invented numbers
    assert table.loc["accuracy_easy:kl=loss x data=small", "estimate"] == pytest.approx(0)
    assert list(table.loc[table["metric"] == "accuracy_easy", "effect"]) == [
        "kl=loss",
        "data=small",
        "kl=loss x data=small",
    ]


def test_report_and_figure_show_it(study: Any) -> None:
    root, results = study
    text = document(results)
    assert "## Factors, alone and in pairs" in text and "kl=loss x data=small" in text
    assert (root / "figures" / "factors.svg").is_file()
    assert "data=small" in (root / "report.html").read_text()


def test_a_row_leads_to_every_run_of_it(study: Any, capsys: Any) -> None:
    root, results = study
    row = "accuracy_easy:kl=loss x data=small"
    assert trace([f"table={root / 'REPORT.md'}", f"row={row}"]) == 0
    printed = capsys.readouterr().out
    for run in results.tables.runs["run_id"]:
        assert run in printed


def test_a_design_with_an_arm_missing_has_no_such_section(tmp_path: Path) -> None:
    root = tmp_path / "micro" / "invented"
    cells = write_study(root, cells_of(("large", "small")), Shape())
    kept = [cell for cell in cells if cell.arm != "kl=loss,data=small"]
    results = write_results(root, root, kept, TWO, command="the command")
    assert results.factors.empty
    assert not (root / "factors.csv").exists()
    assert "Factors, alone" not in document(results)


def test_a_seed_that_one_arm_lacks_is_left_out_of_every_effect(tmp_path: Path) -> None:
    root = tmp_path / "micro" / "invented"
    cells = write_study(root, cells_of(("large", "small")), Shape())
    kept = [cell for cell in cells if (cell.arm, cell.seed) != ("kl=loss,data=small", 2)]
    table = write_results(root, root, kept, TWO, command="the command").factors
    assert set(table["seeds"]) == {"1 3"}
    assert np.isfinite(table["estimate"]).all()
