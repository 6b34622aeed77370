"""The recipe of ORZ-7B for real in miniature: two steps of PPO and two of GRPO on a CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
WORDS = ("ablation=algorithm", "levels=[ppo,grpo]", "scale=orz_7b", "shadow=true", "steps=2")


@pytest.fixture(scope="module")
def shadows(tmp_path_factory) -> tuple[str, dict[str, Path]]:
    """What the command printed, and the run directory of each arm."""
    results = tmp_path_factory.mktemp("results")
    command = [sys.executable, "-m", "harness.run", *WORDS, f"results_dir={results}"]
    # the test command limits threads for the small tests; a cell takes what its scale asks for
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    assert [path.name for path in results.iterdir()] == ["shadow_orz_7b"]
    runs = (results / "shadow_orz_7b" / "algorithm" / "runs").glob("algorithm=*")
    return ended.stdout, {path.name.split("-")[0].split("=")[1]: path for path in runs}


def metrics(run: Path) -> dict[int, dict]:
    lines = (run / "attempt-0" / "metrics.jsonl").read_text().splitlines()
    return {row["step"]: row["data"] for row in map(json.loads, lines)}


def test_both_arms_trained_and_the_replaced_keys_were_printed(shadows) -> None:
    printed, runs = shadows
    assert set(runs) == {"ppo", "grpo"}
    assert "keys of the recipe are replaced" in printed
    assert "verl.data.train_batch_size" in printed
    for run in runs.values():
        record = json.loads((run / "record.json").read_text())
        assert record["status"] == "done"
        assert record["scale"] == "shadow_orz_7b"
        assert record["evaluation_rows"]["found"] == record["evaluation_rows"]["expected"] > 0


def test_the_recipe_s_own_rates_and_updates_were_used(shadows) -> None:
    _, runs = shadows
    steps = metrics(runs["ppo"])
    # the warm-ups of the recipe: 50 and 4 iterations; the rate is that after the step
    assert steps[1]["actor/lr"] == pytest.approx(1e-6 / 50)
    assert steps[2]["critic/lr"] == pytest.approx(5e-6 * 2 / 4)
    assert steps[2]["critic/grad_norm"] > 0.0
    assert not any(key.startswith("critic/vf") for key in metrics(runs["grpo"])[2])


def test_the_value_head_begins_with_the_recipe_s_spread(shadows) -> None:
    _, runs = shadows
    first = metrics(runs["ppo"])[1]
    # spread 2.8e-4 over some hundred units of size 1: values of a few thousandths at most
    assert abs(first["critic/vpred_mean"]) < 0.05


def test_the_reward_is_the_authors_matcher(shadows) -> None:
    _, runs = shadows
    spec = yaml.safe_load((runs["ppo"] / "spec.yaml").read_text())
    assert spec["config"]["reward"]["name"] == "orz"
    rows = (runs["ppo"] / "attempt-0" / "generations" / "2.jsonl").read_text().splitlines()
    assert {json.loads(row)["reward_name"] for row in rows} == {"orz"}
    assert all("grade_reason" in json.loads(row) for row in rows)


def test_a_shadow_has_no_verdict(shadows) -> None:
    _, runs = shadows
    study = runs["ppo"].parents[1]
    (verdicts,) = study.rglob("verdicts.json")
    assert json.loads(verdicts.read_text())["claims"] == []
