"""Two real cells of two steps each: PPO with a KL loss, and GRPO; and what they share.

The real trainer, the real rollout engine, the shipped base model: about two minutes a cell on two
cores. Both are run once and looked at by every test here.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.e2e.listeners import EVERY_S, Listeners, is_loopback, own_address

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
WORDS = ("scale=micro", "seeds=1", "steps=2", "dataset.eval_size=8")


def run_suite(results: Path, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "harness.run", f"results_dir={results}", *WORDS, *words]
    # the test command limits threads for the small tests; a cell takes what its scale asks for
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def only_run(results: Path, ablation: str) -> Path:
    runs = list((results / "micro" / ablation / "runs").glob("*-s1-*"))
    assert len(runs) == 1, runs
    return runs[0]


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def listeners(results: Path) -> Listeners:
    return Listeners(results)


@pytest.fixture(scope="module")
def ppo_with_kl(results: Path, listeners: Listeners) -> Path:
    with listeners:
        ended = run_suite(results, "ablation=kl_penalty", "levels=[loss]")
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return only_run(results, "kl_penalty")


@pytest.fixture(scope="module")
def grpo(results: Path, ppo_with_kl: Path) -> Path:
    ended = run_suite(results, "ablation=algorithm", "levels=[grpo]")
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return only_run(results, "algorithm")


def metrics(run: Path) -> dict[int, dict]:
    return {line["step"]: line["data"] for line in rows(run / "attempt-0" / "metrics.jsonl")}


@pytest.mark.parametrize("cell", ["ppo_with_kl", "grpo"])
def test_a_cell_leaves_its_records(cell: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(cell)
    record = json.loads((run / "record.json").read_text())
    assert (record["status"], record["reason"]) == ("done", "")
    assert record["evaluation_rows"]["found"] == record["evaluation_rows"]["expected"] > 0
    assert record["provenance"]["versions"]["verl's formulas"].startswith("as expected")
    spec = yaml.safe_load((run / "spec.yaml").read_text())
    assert spec["seed"] == 1
    attempt = run / "attempt-0"
    names = {path.name for path in attempt.iterdir()}
    assert {"command.json", "metrics.jsonl", "log.txt", "generations", "fingerprint.json"} <= names
    assert {path.stem for path in (attempt / "generations").iterdir()} == {"0", "2"}
    assert sorted(metrics(run)) == [0, 1, 2]


def test_nobody_else_on_the_network_reaches_a_cell(listeners: Listeners, ppo_with_kl: Path) -> None:
    """TransferQueue unpickles what it is sent, and vLLM's server asks for no key."""
    programs = " ".join(listeners.found.values())
    assert len(listeners.found) > 10 and "VLLM::EngineCore" in programs and "raylet" in programs
    strange = {place: name for place, name in listeners.found.items() if not is_loopback(place[0])}
    assert not strange and not listeners.reached


def test_a_port_that_is_open_to_the_network_is_found(tmp_path: Path) -> None:
    """The partner of the test above."""
    code = "import socket; kept = socket.create_server(('', 0)); print(1, flush=True); input()"
    with (
        Listeners(tmp_path) as found,
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process,
    ):
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(3 * EVERY_S)
        process.kill()
    assert [is_loopback(address) for address, _ in found.found] == [False]
    assert bool(found.reached) == bool(own_address())


def test_ppo_trains_a_critic_and_pays_for_kl(ppo_with_kl: Path) -> None:
    steps = metrics(ppo_with_kl)
    assert steps[1]["actor/kl_loss"] == pytest.approx(0.0, abs=1e-6)
    assert steps[2]["actor/kl_loss"] > 0.0
    assert steps[2]["critic/grad_norm"] > 0.0
    assert steps[2]["training/rollout_probs_diff_mean"] < 0.01


def test_grpo_has_no_critic(grpo: Path) -> None:
    steps = metrics(grpo)
    assert not any(key.startswith("critic/vf") for key in steps[2])
    assert steps[2]["actor/grad_norm"] >= 0.0


def test_arms_are_paired_until_their_factor_acts(ppo_with_kl: Path, grpo: Path) -> None:
    """Both start from one model: same questions, same responses, until the first update."""
    for part in ("generations/0.jsonl", "rollouts/1.jsonl"):
        pairs = [
            sorted((row["input"], row["output"]) for row in rows(run / "attempt-0" / part))
            for run in (ppo_with_kl, grpo)
        ]
        assert pairs[0] == pairs[1], part
    questions = [
        sorted({row["input"] for row in rows(run / "attempt-0" / "rollouts/2.jsonl")})
        for run in (ppo_with_kl, grpo)
    ]
    assert questions[0] == questions[1]


def test_samples_of_a_question_differ(ppo_with_kl: Path) -> None:
    """The partner of the pairing test: equal seeds for all samples would pass that one."""
    by_question: dict[str, set[str]] = {}
    for row in rows(ppo_with_kl / "attempt-0" / "generations/0.jsonl"):
        by_question.setdefault(row["question_id"], set()).add(row["output"])
    assert sum(len(outputs) > 1 for outputs in by_question.values()) > len(by_question) / 2


def test_the_prompt_reaches_the_model_as_written(ppo_with_kl: Path) -> None:
    from harness.micro.template import PROMPT_TEMPLATE

    before, after = PROMPT_TEMPLATE.split("{problem}")
    for row in rows(ppo_with_kl / "attempt-0" / "generations/0.jsonl"):
        assert row["input"].startswith(before) and row["input"].endswith(after)
        assert row["input"].count("<think>") == PROMPT_TEMPLATE.count("<think>")


def test_a_second_run_launches_nothing(results: Path, ppo_with_kl: Path) -> None:
    ended = run_suite(results, "ablation=kl_penalty", "levels=[loss]")
    assert ended.returncode == 0
    assert "nothing is launched" in ended.stdout
    assert [path.name for path in ppo_with_kl.glob("attempt-*")] == ["attempt-0"]
