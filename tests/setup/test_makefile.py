"""The commands of the Makefile: what they would run, and that failures pass through."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARMS = "'levels=[none,reward,reward_0.5]'"


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in the checkout, without what an outer make handed down."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env={name: value for name, value in kept.items() if name != "MFLAGS"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_alone_lists_every_command() -> None:
    listed = make("PYTHON=true").stdout
    for name in ("setup", "run", "study", "test", "test-core", "test-all", "paper", "examples"):
        assert f"make {name} " in listed


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run"], f"harness.run ablation=kl_penalty scale=micro {ARMS} seeds=1"),
        (["run", "QUICK=1"], f"scale=micro {ARMS} seeds=1 steps=3 dataset.eval_size=8"),
        (["run", "STEPS=5", "SEEDS=2"], f"ablation=kl_penalty scale=micro {ARMS} seeds=2 steps=5"),
        # the arms of another scale are those of its file
        (["run", "SCALE=orz_7b"], "harness.run ablation=kl_penalty scale=orz_7b seeds=1"),
        (["study", "ABLATION=algorithm"], "harness.run ablation=algorithm scale=micro"),
        (["paper", "RESULTS=out"], "-m paper.preprint results_dir=out"),
        (["examples", "ONLY=page readme"], "scripts/make_examples.py page readme"),
        (["study", "RESULTS=out"], "ablation=kl_penalty scale=micro results_dir=out"),
    ],
)
def test_a_command_passes_its_variables_on(arguments: list[str], expected: str) -> None:
    lines = make("-n", "PYTHON=true", *arguments).stdout.splitlines()
    assert " ".join(lines[-1].split()).endswith(expected)


def test_a_failure_passes_through() -> None:
    answer = make("setup", "PYTHON=")
    assert answer.returncode != 0
    assert "no Python found" in answer.stderr
    assert make("setup", "PYTHON=false").returncode != 0
    assert make("setup", "PYTHON=true").returncode == 0


def test_continuous_integration_runs_the_tests_and_nothing_else() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec make --no-print-directory test </dev/null"
