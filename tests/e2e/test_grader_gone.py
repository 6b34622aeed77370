"""A real cell whose grader cannot start fails and says so: no right answer is paid a false zero."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
PARTS = ("harness", "ablations", "baselines", "pyproject.toml")
WORDS = (
    *("ablation=kl_penalty", "levels=[none]", "reward=orz", "scale=micro"),
    *("seeds=1", "steps=2", "dataset.eval_size=8"),
)


GONE = """

def prepare() -> None:
    raise ImportError("no sympy on this node")
"""


def without_its_grader(place: Path) -> Path:
    """Return a copy of the harness in which the matcher of the paper's runs cannot be loaded."""
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, place / part)
    matcher = place / "harness" / "graders" / "orz.py"
    matcher.write_text(matcher.read_text() + GONE)
    return place


def test_a_cell_without_its_grader_fails(tmp_path: Path) -> None:
    place = without_its_grader(tmp_path)
    kept = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-m", "harness.run", *WORDS],
        cwd=place,
        env={**kept, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    (path,) = (place / "results").glob("micro/kl_penalty/runs/*/record.json")
    record = json.loads(path.read_text())
    assert done.returncode != 0 and record["status"] == "failed", done.stdout[-3000:]
    assert "grader orz: ImportError: no sympy on this node" in record["reason"]
    assert record["attempts"][-1]["last_step"] is None
