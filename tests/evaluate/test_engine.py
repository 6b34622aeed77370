"""The shipped base model through the whole command, with vLLM."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from harness.metrics.tables import read_parquet

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.engine
def test_the_shipped_model_passes_through_the_command(tmp_path: Path) -> None:
    words = ["model=micro_base", "suite=micro", "protocol=training", "samples=4", "graders=orz"]
    command = [sys.executable, "-m", "harness.evaluate", *words, f"out={tmp_path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "micro, easy" in done.stdout
    samples = read_parquet(tmp_path / "samples.parquet")
    assert len(samples) == 2 * 32 * 4
    is_cut = samples["finish_reason"] != "stop"
    assert (samples.loc[is_cut, "response_tokens"] == 72).all()
    assert samples["response_tokens"].between(1, 72).all()
    # a response that ended with the stop string has it
    assert samples["response"].str.endswith("</answer>").mean() > 0.5
    accuracy = pd.read_csv(tmp_path / "summary.csv").set_index("row_id")["value"]
    # the studies measured 0.29 and 0.21 at step 0; four standard errors are 0.12
    assert accuracy["micro_easy/avg@4/orz"] == pytest.approx(0.29, abs=0.12)
    assert accuracy["micro_hard/avg@4/orz"] == pytest.approx(0.21, abs=0.12)
