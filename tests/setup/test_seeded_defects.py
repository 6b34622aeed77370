"""What `scripts/seeded_defects.py` says of runs: judged by the real gate, on stored tables."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.metrics.tables import read_parquet, write_parquet
from harness.paths import BASELINES, ROOT
from harness.store.bundle import find_bundle, read_bundle

sys.path.insert(0, str(ROOT / "scripts"))

import seeded_defects

from tests.defects.seeded import read_defects

DEFECT = read_defects()["no_whitening"]
STUDY = ROOT / "results" / "micro" / "kl_penalty"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The tables of the stored study, as if a defect had made other runs of the same seeds."""
    folder = tmp_path / "micro" / "kl_penalty" / "partial" / "levels=none"
    shutil.copytree(STUDY, folder, ignore=shutil.ignore_patterns("runs", "figures", "*.html"))
    runs = read_parquet(folder / "runs.parquet")
    runs["cell_id"] = [f"{n:064x}" for n in range(len(runs))]
    write_parquet(runs, folder / "runs.parquet")
    return folder


def test_runs_without_a_difference_pass_the_gate(results: Path) -> None:
    row = seeded_defects.judge(DEFECT, results)
    assert row["gate"] == "passes" and row["arm"] == "kl_penalty kl=none"
    assert np.isnan(row["first_step"])
    assert row["accuracy"] == pytest.approx(row["accuracy_stored"])
    page = seeded_defects.page([row])
    assert "| passes" in page and all(name in page for name in read_defects())


def test_the_first_step_that_differs_is_found(results: Path) -> None:
    steps = read_parquet(results / "steps.parquet")
    is_later = (steps["metric"] == "reward") & (steps["step"] >= 7)
    changed = steps.assign(value=steps["value"].where(~is_later, steps["value"] + 0.01))
    stored = read_bundle(find_bundle("micro/kl_penalty", BASELINES)).curves
    assert seeded_defects.first_step(changed, stored, "kl=none") == 7


def test_runs_that_the_gate_refuses_are_a_row(results: Path) -> None:
    (results / "study.json").unlink()
    row = seeded_defects.judge(DEFECT, results)
    assert row["gate"] not in ("passes", "worse") and np.isnan(row["accuracy"])
    assert "| - " in seeded_defects.page([row])
