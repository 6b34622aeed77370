"""Attempts of a fake trainer, with real processes: how each ends and that nothing stays behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from harness.launch.cleanup import PROCESS_FILE, end_leftovers, scratch_directory
from harness.launch.environment import trainer_environment
from harness.launch.local import AttemptEnd, run_attempt
from harness.launch.processes import TAG
from harness.launch.progress import Progress
from harness.launch.watchdog import Limits
from harness.schema import Status
from tests.launch.waiting import WAIT_S, survivors, wait_for

# they count what is left on the whole machine: never two at once
pytestmark = pytest.mark.xdist_group("launch")

HERE = Path(__file__).parent
STEPS = 3
LIMITS = {"poll_s": 0.05, "grace_s": 1.0, "settle_s": 0.15}


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    """An empty folder of an attempt."""
    folder = tmp_path / "attempt-0"
    folder.mkdir()
    return folder


@pytest.fixture
def name() -> Iterator[str]:
    """A name for shared memory that no other test uses; removed in any case."""
    unique = f"t{uuid.uuid4().hex[:12]}"
    yield unique
    for path in Path("/dev/shm").glob(f"*{unique}*"):
        path.unlink()


@pytest.fixture
def foreign_raylet() -> Iterator[subprocess.Popen[bytes]]:
    """A raylet of somebody else, running on the same machine."""
    process = subprocess.Popen(["raylet", "60"], executable=shutil.which("sleep"))
    yield process
    process.kill()
    process.wait()


def run(
    attempt: Path,
    behaviour: str,
    environment: dict[str, str] | None = None,
    observe: Callable[[Progress], None] = lambda _: None,
    **limits: float,
) -> AttemptEnd:
    """Run one attempt of the fake trainer with short limits."""
    argv = (sys.executable, "-S", str(HERE / "fake_trainer.py"), behaviour, str(STEPS))
    command = SimpleNamespace(argv=argv, environment=environment or {})
    with scratch_directory() as scratch:
        end = run_attempt(
            command,
            attempt,
            steps=STEPS,
            limits=Limits(**{**LIMITS, **limits}),
            observe=observe,
            scratch=scratch,
        )
    assert not scratch.exists()
    assert not (attempt / PROCESS_FILE).exists()
    assert survivors(attempt) == []
    return end


def test_a_good_trainer_is_done(attempt: Path) -> None:
    seen: list[Progress] = []
    end = run(attempt, "finishes", observe=seen.append)
    assert (end.status, end.reason, end.exit_code, end.last_step) == (Status.DONE, "", 0, STEPS)
    assert end.tail == ()
    phases = [progress.phase for progress in seen]
    assert "Ray" in phases
    assert phases[-1] == "vLLM engine"
    assert seen[-1].step == STEPS
    assert seen[-1].metrics["response_length/mean"] == 20.0


def test_exit_code_0_with_fewer_steps_fails(attempt: Path) -> None:
    end = run(attempt, "stops_early")
    assert (end.status, end.exit_code, end.last_step) == (Status.FAILED, 0, STEPS - 1)
    assert end.torn_lines == 1
    assert end.reason == (
        "the trainer ended with exit code 0 after step 2 of 3 (attempt-0/log.txt)"
    )


@pytest.mark.parametrize(
    ("behaviour", "limits", "told"),
    [
        ("raises", {}, "exit code 1 after step 1 of 3: ValueError: batch of 7 does not divide"),
        ("is_killed", {}, "signal SIGKILL after step 1 of 3, as the kernel does"),
        ("is_killed_first", {}, "the trainer ended with signal SIGKILL after step 1 of 3, as the"),
        ("hangs_at_start", {"start_s": 0.4}, "no first step within 0.4 s"),
        ("hangs_in_step", {"step_s": 0.4, "grace_s": 0.4}, "no step within 0.4 s after step 1"),
        ("hangs_at_end", {"exit_s": 0.4}, "the trainer did not end within 0.4 s of its last step"),
        ("loses_engine", {}, "vLLM's EngineCore process"),
        ("reports_dead_engine", {}, "vLLM's engine died before any of 3 steps: vllm.v1.engine."),
        ("fails_after_engine", {"settle_s": 5.0}, "died, then the trainer ended with exit code 1"),
        ("fails_after_engine", {"settle_s": 5.0}, "RuntimeError: the actor lost its engine"),
        ("holds_all", {"rss_bytes": 1 << 20, "grace_s": 0.4}, "MiB of memory, allowed are 1 MiB"),
        ("hangs_at_start", {"available_bytes": 1 << 60}, "MiB must stay free"),
        ("hangs_at_start", {"disk_bytes": 1 << 60}, "the disk of the results had"),
    ],
)
def test_a_broken_trainer_ends_with_its_reason(
    attempt: Path, name: str, behaviour: str, limits: dict[str, float], told: str
) -> None:
    end = run(attempt, behaviour, {"FAKE_NAME": name}, **limits)
    assert end.status is Status.FAILED
    assert told in end.reason
    assert "gcs_server" not in end.reason
    assert end.reason.endswith("(attempt-0/log.txt)")
    assert "\n" not in end.reason
    assert not list(Path("/dev/shm").glob(f"*{name}*"))


def test_a_lost_raylet_ends_the_attempt_with_the_tail_of_its_own_log(attempt: Path) -> None:
    end = run(attempt, "loses_raylet")
    assert end.status is Status.FAILED
    assert end.reason.startswith("Ray's raylet (pid ")
    assert end.reason.endswith("(attempt-0/ray_logs/raylet.out)")
    assert end.tail == ("the raylet's own last words",)


def test_parts_that_end_after_the_last_step_are_no_failure(attempt: Path) -> None:
    assert run(attempt, "shuts_down").status is Status.DONE


def test_a_program_that_does_not_exist_is_told(attempt: Path) -> None:
    command = SimpleNamespace(argv=(str(attempt / "nothing"),), environment={})
    limits = Limits(poll_s=0.05)
    end = run_attempt(command, attempt, steps=1, limits=limits, observe=lambda _: None)
    assert end.status is Status.FAILED
    assert "FileNotFoundError" in end.reason


def test_nothing_stays_behind_after_a_good_end(attempt: Path, name: str) -> None:
    end = run(attempt, "leaves_everything", {"FAKE_NAME": name})
    assert end.status is Status.DONE
    assert not psutil.pid_exists(int((attempt / "daemon.pid").read_text()))
    assert not list(Path("/dev/shm").glob(f"*{name}*"))


def test_a_segment_of_another_process_stays(attempt: Path, name: str) -> None:
    foreign = Path("/dev/shm", f"psm_{name}_foreign")
    with foreign.open("wb") as file:
        file.write(b"x")
        run(attempt, "leaves_everything", {"FAKE_NAME": name})
    assert [path.name for path in Path("/dev/shm").glob(f"*{name}*")] == [foreign.name]


def test_a_raylet_of_somebody_else_is_neither_watched_nor_ended(
    attempt: Path, foreign_raylet: subprocess.Popen[bytes]
) -> None:
    assert run(attempt, "shuts_down").status is Status.DONE
    assert foreign_raylet.poll() is None


def test_a_foreign_raylet_that_dies_is_no_reason(
    attempt: Path, foreign_raylet: subprocess.Popen[bytes]
) -> None:
    def observe(progress: Progress) -> None:
        if progress.elapsed_s > 0.1:
            foreign_raylet.kill()

    end = run(attempt, "hangs_at_start", observe=observe, start_s=0.6)
    assert foreign_raylet.wait() == -signal.SIGKILL
    assert end.reason.startswith("no first step within")


def test_an_observer_that_raises_leaves_no_process(attempt: Path) -> None:
    def observe(progress: Progress) -> None:
        if progress.step:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(attempt, "hangs_in_step", observe=observe, grace_s=0.4)
    assert survivors(attempt) == []


def start_harness(attempt: Path, name: str) -> subprocess.Popen[bytes]:
    """Start the fake command line and wait until its trainer holds everything."""
    environment = {**os.environ, "FAKE_NAME": name, "PYTHONPATH": str(HERE.parents[1])}
    argv = [sys.executable, str(HERE / "fake_harness.py"), str(attempt), "holds_all"]
    process = subprocess.Popen(argv, env=environment)
    log = attempt / "log.txt"
    wait_for(lambda: log.is_file() and "ready" in log.read_text())
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_cleanly_and_a_second_one_is_harmless(
    attempt: Path, name: str, number: signal.Signals
) -> None:
    # an engine's name: on a busy machine the signal may come before the first look at who holds it
    process = start_harness(attempt, f"psm_{name}")
    process.send_signal(number)
    time.sleep(0.1)
    process.send_signal(number)
    assert process.wait(WAIT_S) == 0
    assert (attempt / "end.txt").read_text() == (
        f"interrupted|stopped by {number.name} (attempt-0/log.txt)"
    )
    assert survivors(attempt) == []
    assert not list(Path("/dev/shm").glob(f"*{name}*"))
    assert not Path((attempt / "scratch.txt").read_text()).exists()


def test_a_killed_harness_takes_its_processes_with_it(attempt: Path, name: str) -> None:
    process = start_harness(attempt, name)
    process.kill()
    process.wait()
    wait_for(lambda: survivors(attempt) == [])
    scratch = Path((attempt / "scratch.txt").read_text())
    assert scratch.exists()
    assert end_leftovers(attempt) == 0
    assert not scratch.exists()
    assert not (attempt / PROCESS_FILE).exists()


def test_leftovers_of_a_killed_harness_and_supervisor_are_ended(
    attempt: Path, name: str, foreign_raylet: subprocess.Popen[bytes]
) -> None:
    process = start_harness(attempt, name)
    supervisor = psutil.Process(process.pid).children()[0]
    for victim in (supervisor, process):
        victim.kill()
    process.wait()
    wait_for(lambda: len(survivors(attempt)) == 2)
    assert end_leftovers(attempt, grace_s=0.3) == 2
    assert survivors(attempt) == []
    assert end_leftovers(attempt) == 0
    assert foreign_raylet.poll() is None


def test_surroundings_that_change_a_trainer_do_not_reach_it(tmp_path: Path) -> None:
    outer = {"RAY_ADDRESS": "1.2.3.4:1", "VERL_X": "1", "RANK": "3", "HOME": "h", TAG: "old"}
    inner = trainer_environment(outer, {"VERL_PLATFORM": "cpu"}, "new", tmp_path)
    assert "RAY_ADDRESS" not in inner
    assert "VERL_X" not in inner
    assert "RANK" not in inner
    assert (inner["HOME"], inner["VERL_PLATFORM"], inner[TAG]) == ("h", "cpu", "new")
    assert inner["TMPDIR"] == str(tmp_path)
