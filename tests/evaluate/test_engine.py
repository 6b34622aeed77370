"""The shipped base model through the whole command, with vLLM."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pandas as pd
import pytest

from harness.metrics.tables import read_parquet
from harness.micro.dataset import MIXED, TRANSFER
from harness.micro.models import model_dir
from harness.micro.pretrain import MANIFEST
from harness.micro.sampling import RESPONSE_LIMIT

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.engine
def test_the_shipped_model_passes_through_the_command(tmp_path: Path) -> None:
    words = ["model=micro_0_8m", "suite=micro", "protocol=training", "samples=4", "graders=orz"]
    command = [sys.executable, "-m", "harness.evaluate", *words, f"out={tmp_path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "micro, easy" in done.stdout
    samples = read_parquet(tmp_path / "samples.parquet")
    assert len(samples) == 3 * 48 * 4
    is_cut = samples["finish_reason"] != "stop"
    assert (samples.loc[is_cut, "response_tokens"] == RESPONSE_LIMIT).all()
    assert samples["response_tokens"].between(1, RESPONSE_LIMIT).all()
    # a response that ended with the stop string has it
    assert samples["response"].str.endswith("</answer>").mean() > 0.5
    accuracy = pd.read_csv(tmp_path / "summary.csv").set_index("row_id")["value"]
    # what plain transformers measured of the same weights; four standard errors are 0.12
    measured = json.loads((model_dir() / MANIFEST).read_text())["base_statistics"]["families"]
    for benchmark, names in (
        ("micro_easy", MIXED),
        ("micro_hard", [f"{name}_hard" for name in MIXED]),
        ("micro_transfer", [TRANSFER]),
    ):
        known = fmean(measured[name]["accuracy"] for name in names)
        assert accuracy[f"{benchmark}/avg@4/orz"] == pytest.approx(known, abs=0.12)
