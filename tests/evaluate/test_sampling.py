"""Sampling: every question once, whatever ends the process; and one evaluation per directory."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.evaluate.engine import CPU_TOKENS, Response, cpu_arguments, refusal
from harness.evaluate.folder import (
    DOCUMENT,
    differences,
    open_folder,
    read_document,
    read_responses,
    responses_file,
)
from harness.evaluate.plan import Plan, sample_seed
from harness.evaluate.sampling import missing_requests, sample_all
from harness.schema import DamagedError, UsageError
from tests.evaluate.fake_engine import FakeEngine
from tests.evaluate.plans import small_plan

ROOT = Path(__file__).resolve().parents[2]


def sample(out: Path, plan: Plan, engine: FakeEngine) -> dict[Any, list[Response]]:
    return sample_all(out, plan, lambda: engine, lambda _: None)


def test_every_sample_has_a_seed_of_its_own_that_the_model_does_not_enter() -> None:
    first = [request.seed for request in missing_requests(small_plan(), {})]
    assert len(set(first)) == len(first) == 12
    assert first == [request.seed for request in missing_requests(small_plan(model="1" * 64), {})]
    other = [request.seed for request in missing_requests(small_plan(seed=2), {})]
    assert not set(first) & set(other)
    # more samples begin with the same ones
    more = missing_requests(small_plan(samples=3), {})
    assert [request.seed for request in more if request.sample < 2] == first
    assert sample_seed(1, "b", "q", 0) == sample_seed(1, "b", "q", 0) < 2**31


def test_a_killed_evaluation_asks_only_what_is_not_finished(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.evaluate.killed", str(tmp_path), "5"]
    killed = subprocess.run(command, cwd=ROOT, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    plan = small_plan()
    kept = read_responses(tmp_path, plan)
    # five of twelve responses came, in an order that finished two of six questions
    assert len(kept) == 2
    engine = FakeEngine()
    done = sample(tmp_path, plan, engine)
    assert {(r.benchmark, r.question) for r in engine.asked} == done.keys() - kept.keys()
    assert len(engine.asked) == 8
    assert engine.is_closed
    whole = tmp_path / "whole"
    whole.mkdir()
    assert sample(whole, plan, FakeEngine()) == done


def test_a_finished_evaluation_starts_no_engine(tmp_path: Path) -> None:
    plan = small_plan()
    done = sample(tmp_path, plan, FakeEngine())

    def fail() -> FakeEngine:
        raise AssertionError("an engine was started")

    assert sample_all(tmp_path, plan, fail, lambda _: None) == done


def test_a_torn_line_is_dropped_and_its_question_asked_again(tmp_path: Path) -> None:
    plan = small_plan()
    sample(tmp_path, plan, FakeEngine())
    path = responses_file(tmp_path, "micro_easy")
    path.write_text(path.read_text()[:-9])
    engine = FakeEngine()
    sample(tmp_path, plan, engine)
    assert len(engine.asked) == 2
    assert len(path.read_text().splitlines()) == 2
    # whole, and only its end of line was not written
    path.write_text(path.read_text().rstrip("\n"))
    assert len(read_responses(tmp_path, plan)) == 6
    assert path.read_text().endswith("\n")


@pytest.mark.parametrize("kind", ["twice", "stranger", "too few", "no json"])
def test_a_damaged_line_is_refused(tmp_path: Path, kind: str) -> None:
    plan = small_plan()
    sample(tmp_path, plan, FakeEngine())
    path = responses_file(tmp_path, "micro_hard")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    if kind == "twice":
        lines[1] = lines[0]
    elif kind == "stranger":
        lines[0]["question_id"] = "nobody"
    elif kind == "too few":
        lines[0]["samples"].pop()
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_text("{\n" + text if kind == "no json" else text)
    with pytest.raises(DamagedError, match="remove"):
        sample(tmp_path, plan, FakeEngine())


def test_an_engine_that_leaves_something_out_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="1 questions without all their samples"):
        sample(tmp_path, small_plan(), FakeEngine(leaves_out=1))
    assert len(read_responses(tmp_path, small_plan())) == 5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocol": "reporting"}, "measured.protocol: reporting, there training"),
        ({"samples": 3}, "measured.samples: 3, there 2"),
        ({"response": 50}, "response_tokens: 50, there 288"),
        ({"questions": 1}, "questions.micro_easy.count: 1, there 2"),
        ({"model": "1" * 64}, "model.sha256"),
        ({"seed": 2}, "seed: 2, there 1"),
    ],
)
def test_another_evaluation_is_never_mixed_in(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    open_folder(tmp_path, small_plan().identity(), dict)
    open_folder(tmp_path, small_plan().identity(), dict)
    with pytest.raises(UsageError, match="never mixed") as caught:
        open_folder(tmp_path, small_plan(**changes).identity(), dict)
    assert said in str(caught.value)


def test_a_directory_with_something_else_or_a_changed_document_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds thesis\.txt"):
        open_folder(tmp_path, small_plan().identity(), dict)
    (tmp_path / "thesis.txt").unlink()
    open_folder(tmp_path, small_plan().identity(), dict)
    path = tmp_path / DOCUMENT
    path.write_text(path.read_text().replace('"seed": 1', '"seed": 2'))
    with pytest.raises(DamagedError, match="was changed"):
        read_document(tmp_path)
    path.write_text(json.dumps({"schema_version": 1}))
    with pytest.raises(DamagedError, match="not the document"):
        read_document(tmp_path)


def test_differences_name_the_leaf() -> None:
    assert differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}) == ["a.c: 2, there nothing"]
    assert differences({"a": 1}, {"a": 1}) == []


def test_on_a_cpu_no_prompt_is_taken_in_parts() -> None:
    small, large = small_plan().protocol, small_plan(response=70_000).protocol
    for protocol in (small, large):
        given = cpu_arguments(protocol, at_once=1000)
        assert given["max_num_seqs"] * protocol.prompt_tokens <= given["max_num_batched_tokens"]
    assert cpu_arguments(small, at_once=7)["max_num_seqs"] == 7
    assert cpu_arguments(large, at_once=7)["max_num_batched_tokens"] > CPU_TOKENS


def test_what_vllm_says_becomes_one_short_line() -> None:
    said = refusal(Path("/m"), "1 validation error\n  for Config\n" + "x" * 1000)
    assert said.startswith("vLLM refuses /m: 1 validation error for Config xxx")
    assert "\n" not in said
    assert len(said) < 500
