"""Grader processes: order, limits, replacement, and what is said when they cannot be had."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.graders import pool as pool_module
from harness.graders import process as process_module
from harness.graders import registry
from harness.graders.pool import Pool
from harness.graders.process import GraderProcess
from harness.graders.registry import Grader, GraderUnavailableError
from harness.graders.verdict import Outcome, Sample

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 0.2


def fake(module: str) -> Grader:
    name = module.rpartition(".")[2]
    return Grader(name=name, module=f"tests.graders.{module}", limit_s=LIMIT_S, source="a test")


@pytest.fixture(scope="module")
def graders() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in ("fake_grader", "missing_grader", "no_such_module"):
            patch.setitem(registry.GRADERS, module, fake(module))
        yield


@pytest.fixture(scope="module")
def pool(graders: None) -> Iterator[Pool]:
    with Pool("fake_grader", workers=2) as pool:
        yield pool


def outcomes(pool: Pool, *words: str) -> list[tuple[Outcome, str]]:
    verdicts = pool.grade([Sample(word, "yes") for word in words])
    return [(verdict.outcome, verdict.reason) for verdict in verdicts]


@given(texts=st.lists(st.text(max_size=50), max_size=20))
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_verdicts_come_in_the_order_of_the_samples(pool: Pool, texts: list[str]) -> None:
    samples = [Sample(f"_{text}", f"_{texts[0]}") for text in texts]
    verdicts = pool.grade(samples)
    assert [verdict.answer for verdict in verdicts] == [sample.response for sample in samples]
    assert [verdict.is_right for verdict in verdicts] == [text == texts[0] for text in texts]


def test_an_endless_sample_is_ended_and_the_others_are_graded(pool: Pool) -> None:
    before = pool.replaced
    start = time.monotonic()
    found = outcomes(pool, "yes", "loop", "no", "yes")
    assert time.monotonic() - start < 60
    assert [outcome for outcome, _ in found] == ["right", "ungradable", "wrong", "right"]
    assert found[1][1] == "over the time limit of 0.2 s"
    assert pool.replaced == before + 1
    assert pool.cpu_s >= LIMIT_S


def test_whatever_a_grader_does_is_a_verdict(pool: Pool) -> None:
    words = ["exit", "raise", "memory", "recurse", "print", "yes"]
    found = dict(zip(words, outcomes(pool, *words), strict=True))
    assert found["exit"] == (Outcome.UNGRADABLE, "its process ended")
    assert found["raise"] == (Outcome.UNGRADABLE, "the grader raised RuntimeError: as asked")
    assert found["memory"] == (Outcome.UNGRADABLE, "out of memory")
    assert "RecursionError" in found["recurse"][1]
    assert found["print"] == (Outcome.WRONG, "printed")
    assert found["yes"] == (Outcome.RIGHT, "same")


def test_a_megabyte_goes_through(pool: Pool) -> None:
    long = "x" * 1_000_000
    first, second = pool.grade([Sample(long, long), Sample("\ud800", long)])
    assert (first.outcome, second.outcome) == (Outcome.RIGHT, Outcome.WRONG)


def test_time_that_others_use_does_not_count(graders: None) -> None:
    """The limit is one of CPU time: a process that is stopped for longer is not over it."""
    grader = GraderProcess(registry.GRADERS["fake_grader"], LIMIT_S)
    try:
        while not grader.is_ready:
            grader.receive()
        pid = grader._process.pid
        os.kill(pid, 19)
        grader.send(Sample("yes", "yes"))
        time.sleep(2 * LIMIT_S)
        assert grader.receive() is None
        os.kill(pid, 18)
        while (verdict := grader.receive()) is None:
            pass
        assert verdict.is_right and grader.replaced == 0
    finally:
        grader.close()


def test_the_cpu_time_of_short_gradings_is_counted(graders: None) -> None:
    with Pool("fake_grader") as pool:
        pool.grade([Sample("yes", "yes")] * 50)
        assert 0 < pool.cpu_s < 1


def test_callers_in_threads_each_get_their_own(pool: Pool) -> None:
    with ThreadPoolExecutor(8) as threads:
        words = [f"w{number}" for number in range(40)]
        found = list(threads.map(lambda word: pool.grade([Sample(word, "w7")])[0], words))
    assert [verdict.answer for verdict in found] == words
    assert [verdict.is_right for verdict in found] == [word == "w7" for word in words]


def test_a_process_is_replaced_after_many_samples(
    graders: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "RECYCLE_AFTER", 2)
    with Pool("fake_grader") as pool:
        numbers = [verdict.reason for verdict in pool.grade([Sample("process", "")] * 4)]
    assert numbers[0] == numbers[1] != numbers[2] == numbers[3]


@pytest.mark.parametrize("name", ["missing_grader", "no_such_module"])
def test_a_grader_that_is_not_installed_is_said_at_once(graders: None, name: str) -> None:
    with pytest.raises(GraderUnavailableError, match=f"grader {name}: .*no"):
        Pool(name)


def test_no_process_any_more_is_an_error(graders: None, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = list[float]()
    monkeypatch.setattr(pool_module.time, "sleep", waited.append)
    with Pool("fake_grader") as pool:
        monkeypatch.setattr(sys, "executable", "/no/such/python")
        for words in (["yes", "exit", "yes"], ["yes"]):
            with pytest.raises(GraderUnavailableError, match="no process can be started"):
                outcomes(pool, *words)
    # the second call, as of the next response of a batch, waits for nothing
    assert len(waited) == 2


def test_no_process_for_a_moment_costs_no_verdict(
    graders: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    python, waited = sys.executable, list[float]()

    def pause(seconds: float) -> None:
        waited.append(seconds)
        monkeypatch.setattr(sys, "executable", python)

    monkeypatch.setattr(pool_module.time, "sleep", pause)
    with Pool("fake_grader") as pool:
        monkeypatch.setattr(sys, "executable", "/no/such/python")
        found = [outcome for outcome, _ in outcomes(pool, "yes", "exit", "no")]
    assert found == [Outcome.RIGHT, Outcome.UNGRADABLE, Outcome.WRONG]
    assert len(waited) == 1


def test_a_process_ends_with_its_parent() -> None:
    code = (
        "from harness.graders import registry, pool\n"
        "from harness.graders.verdict import Sample\n"
        "from tests.graders.test_pool import fake\n"
        "import os\n"
        "registry.GRADERS['fake_grader'] = fake('fake_grader')\n"
        "p = pool.Pool('fake_grader')\n"
        "print(p.grade([Sample('process', '')])[0].reason, flush=True)\n"
        "os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    child = Path(f"/proc/{int(done.stdout)}/cmdline")
    deadline = time.monotonic() + 60
    while child.exists() and b"graders.worker" in child.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_reward_can_import_the_room_without_anything_heavy() -> None:
    code = (
        "import sys, harness.rewards.orz\n"
        "heavy = ('sympy', 'antlr4', 'math_verify', 'torch', 'verl', 'pandas', 'numpy')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
