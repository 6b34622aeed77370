"""The gate errs as often as its page and its operating curve say; the table is small here."""

import pytest
from calibrate import END, GATE_START, PAGE
from calibration_gate import LOSSES, SEEDS, WORLDS, answers, table

from harness.compare.operating import SKEWED
from harness.paths import ROOT

REPEATS = 2000


@pytest.mark.parametrize("loss", LOSSES)
def test_normal_and_bounded_noise_end_as_the_curve_says(loss: float) -> None:
    for world in ("normal", "bounded, lattice of 1/128"):
        row = answers(world, 5, loss, REPEATS)
        assert row[3:6] == pytest.approx(row.stated, abs=0.035), world
    skewed = answers("skewed, few far below", 5, 1.0, REPEATS)
    assert skewed[3:6] != pytest.approx(skewed.stated, abs=0.035)


def test_skewed_noise_passes_one_margin_as_often_as_is_printed() -> None:
    worst = max(answers("skewed, few far below", n, 1.0, REPEATS).passes for n in SEEDS)
    assert 100 * worst == pytest.approx(SKEWED, abs=1.5)
    assert f"in up to {SKEWED} %" in (ROOT / "docs" / "comparing.md").read_text()
    assert 100 * answers("normal", 5, 1.0, REPEATS).passes < SKEWED / 2


def test_the_table_has_a_row_for_everything() -> None:
    stored = PAGE.read_text().split(GATE_START)[1].split(END)[0]
    made, shown = (
        [line.split("|")[1:4] for line in text.splitlines() if line.startswith("|")]
        for text in (table(20), stored)
    )
    assert len(made) == 2 + len(WORLDS) * len(SEEDS) * len(LOSSES)
    assert shown == made
