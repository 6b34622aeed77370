"""Published numbers: the stored ones are whole, and an entry that says too little is refused."""

import copy
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.references.entries import read_curve, read_table
from harness.references.paper import CURVES, POINTS, TABLES, Paper, read_paper
from harness.schema import DamagedError, UsageError

ORZ = Path(__file__).resolve().parents[2] / "baselines/papers/open_reasoner_zero"


@pytest.fixture(scope="module")
def paper() -> Paper:
    return read_paper(ORZ)


def test_every_table_and_curve_is_there(paper: Paper) -> None:
    assert len(paper.curves) == 80
    assert len(paper.tables) == 7


def test_known_numbers_are_read(paper: Paper) -> None:
    assert paper.tables["v1_table2"].cells["Open-Reasoner-Zero-32B"]["AIME2024"] == 48.1
    assert math.isnan(paper.tables["v1_table2"].cells["DeepSeek-R1-Zero-Qwen-32B"]["AIME2025"])
    assert paper.curves["fig1_MATH500_ORZ-7B"].at(650) == pytest.approx(81.4, abs=0.01)
    assert paper.curves["fig8_eval_performance_no_KL"].at(150) == pytest.approx(0.356, abs=5e-4)


def test_a_curve_is_linear_between_its_points_and_undefined_outside(paper: Paper) -> None:
    curve = paper.curves["fig8_eval_performance_no_KL"]
    low, high = curve.at(100), curve.at(150)
    assert min(low, high) <= curve.at(125) <= max(low, high)
    assert math.isnan(curve.at(601))


def test_a_table_agrees_with_the_curve_that_it_ends(paper: Paper) -> None:
    table = paper.tables["v1_table4"]
    for size, step in (("0.5B", 200), ("1.5B", 150)):
        row = table.cells[f"Open-Reasoner-Zero-{size}"]
        assert paper.curves[f"fig10_MATH500_ORZ-{size}"].at(step) == pytest.approx(
            row["MATH500"], abs=0.05
        )


def test_what_the_paper_warns_of_goes_with_the_number(paper: Paper) -> None:
    assert any("characters" in trap for trap in paper.curves["fig5_AIME2024_response_length"].traps)
    assert paper.curves["fig5_AIME2024_response_length"].unit == "characters"
    assert paper.curves["fig5_MATH500_accuracy"].protocol == "in-training"
    assert paper.curves["fig1_MATH500_ORZ-7B"].protocol == "reporting"


CURVE: dict[str, Any] = {
    "model": "m",
    "arm": "a",
    "seeds": 1,
    "metric": "accuracy",
    "unit": "fraction",
    "protocol": "reporting",
    "source": {"paper": "P v1", "figure": "Fig. 1", "page": 1},
    "how_read": "printed",
    "reading_error": "none",
    "traps": [],
}
TABLE = {**CURVE, "columns": ["x", "y"], "rows": {"r": [0.1, None]}}


def test_a_whole_entry_is_taken() -> None:
    assert read_curve("c", CURVE, [(0, 0.1), (1, 0.2)], "f").at(0.5) == pytest.approx(0.15)
    assert read_table("t", TABLE, "f").cells["r"]["x"] == 0.1


@pytest.mark.parametrize(
    ("changes", "points", "message"),
    [
        ({"source": None}, [(0, 0.1)], "has no `source`"),
        ({"source": {"paper": "P v1"}}, [(0, 0.1)], "has no source: name the paper"),
        ({"source": {"figure": "Fig. 1"}}, [(0, 0.1)], "has no source: name the paper"),
        ({"unit": "points"}, [(0, 0.1)], "has the unit 'points'"),
        ({"reading_error": None}, [(0, 0.1)], "has no `reading_error`"),
        ({}, [], "has no points"),
        ({}, [(1, 0.1), (1, 0.2)], "steps must grow"),
        ({}, [(2, 0.1), (1, 0.2)], "steps must grow"),
        ({}, [(0, 1.5)], "no fraction"),
        ({}, [(0, math.nan)], "no fraction"),
        ({"unit": "percent"}, [(0, 100.5)], "no percent"),
    ],
)
def test_a_curve_that_says_too_little_is_refused(
    changes: dict[str, Any], points: list[tuple[float, float]], message: str
) -> None:
    with pytest.raises(DamagedError, match=message):
        read_curve("c", {**CURVE, **changes}, points, "f")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": {"paper": "", "table": "Table 1"}}, "has no source"),
        ({"rows": {"r": [0.1]}}, "has 1 cells"),
        ({"rows": {"r": [0.1, 7.0]}}, "no fraction"),
        ({"columns": None}, "has no `columns`"),
    ],
)
def test_a_table_that_says_too_little_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DamagedError, match=message):
        read_table("t", {**copy.deepcopy(TABLE), **changes}, "f")


def test_points_without_an_entry_and_unknown_protocols_are_refused(tmp_path: Path) -> None:
    copied = shutil.copytree(ORZ, tmp_path / "paper")
    with (copied / POINTS).open("a") as file:
        file.write("fig99_unknown,0,0.5\n")
    with pytest.raises(DamagedError, match="fig99_unknown"):
        read_paper(copied)
    shutil.copy(ORZ / POINTS, copied / POINTS)
    tables = yaml.safe_load((copied / TABLES).read_text())
    tables["tables"]["v1_table2"]["protocol"] = "guess"
    (copied / TABLES).write_text(yaml.safe_dump(tables))
    with pytest.raises(DamagedError, match="names the protocol 'guess'"):
        read_paper(copied)


def test_a_missing_file_and_a_broken_point_are_one_sentence(tmp_path: Path) -> None:
    copied = shutil.copytree(ORZ, tmp_path / "paper")
    (copied / POINTS).write_text("curve,step,value\nfig1_MATH500_ORZ-7B,one,2\n")
    with pytest.raises(DamagedError, match="line 2 of"):
        read_paper(copied)
    shutil.copy(ORZ / POINTS, copied / POINTS)
    (copied / CURVES).unlink()
    with pytest.raises(UsageError, match="is missing"):
        read_paper(copied)


def test_curves_of_the_main_run_and_of_unnamed_models_say_so(paper: Paper) -> None:
    main_run = [
        *("fig2_train_reward_ORZ-7B", "fig2_response_length_ORZ-7B", "fig5_TRAINING_reward"),
        *("fig6_main_reward_raw", "fig7_reward_lambda1.0", "fig7_response_length_lambda1.0"),
        *("fig8_eval_performance_no_KL", "fig8_response_length_no_KL"),
        *("fig9_eval_MATH500_ORZ57k", "fig9_response_length_ORZ57k"),
    ]
    for name in main_run:
        assert any("57k and Chinese" in trap for trap in paper.curves[name].traps), name
    english = paper.curves["fig11_reward_ORZ57k"]
    mixed = paper.curves["fig11_reward_ORZ57k_plus_CN"]
    lengthy = paper.curves["fig7_reward_lambda1.0"]
    for step in (0, 50, 100):
        assert mixed.at(step) == pytest.approx(lengthy.at(step), abs=1e-5)
    assert abs(english.at(50) - lengthy.at(50)) > 1e-3
    for name, curve in paper.curves.items():
        if name.startswith("fig12_"):
            assert curve.model == "not published", name
    assert "1.0" in paper.protocols["in-training"]["temperature"]
