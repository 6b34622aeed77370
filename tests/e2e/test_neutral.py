"""Each step that made the cell fast, taken back alone, gives the same numbers but for rounding.

One two-step cell per switch, about a minute each; the recorded comparisons over five seeds are in
docs/lab/0003-fast-cell.md and 0012-a-faster-cell.md.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.profile.neutrality import compare_runs
from harness.profile.phases import read_steps
from harness.profile.switches import read_switches, variants

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ROOT = Path(__file__).parents[2]


def steps_of(variant: str, results: Path) -> list[dict]:
    """Run two steps of a variant; return verl's metrics of each."""
    words = [*variants()[variant], "steps=2", f"results_dir={results}"]
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    command = [sys.executable, "-m", "harness.run", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (run,) = (results / "micro" / "kl_penalty" / "runs").glob("kl=none-s1-*")
    return read_steps(run / "attempt-0")


@pytest.fixture(scope="module")
def final(tmp_path_factory) -> list[dict]:
    return steps_of("final", tmp_path_factory.mktemp("final"))


@pytest.mark.parametrize("variant", ["naive", *(f"without {name}" for name in read_switches())])
def test_a_step_taken_back_changes_no_number(variant: str, final, tmp_path: Path) -> None:
    switches = read_switches()
    rounding = {f"without {name}": switch.rounding for name, switch in switches.items()}
    allowed = rounding.get(variant, max(rounding.values()))
    found = compare_runs(final, steps_of(variant, tmp_path))
    assert found.steps == 2
    assert max(found.largest.values(), default=0.0) <= allowed, found.text()


def test_another_number_would_be_noticed(final) -> None:
    changed = [{**row, "critic/rewards/mean": row["critic/rewards/mean"] + 1e-6} for row in final]
    assert compare_runs(final, changed).first_different == 1
