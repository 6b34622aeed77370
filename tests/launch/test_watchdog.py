"""Rules of the watchdog, each with the observation which just does not break it."""

from dataclasses import replace

import pytest

from harness.launch.processes import Watched, role_of
from harness.launch.watchdog import MIB, Limits, Observation, exit_name, judge
from harness.schema import Status

LIMITS = Limits(start_s=100, step_s=50, exit_s=20, settle_s=10, rss_bytes=1000 * MIB)
RUNNING = Observation(now=60.0, steps=10, last_step=3, last_row=55.0)
ENGINE = Watched("vLLM's EngineCore process", 42, "")
RAYLET = Watched("Ray's raylet", 43, "raylet")
DEAD = replace(RUNNING, last_row=45.0, death_since=50.0)


def reason(seen: Observation) -> str:
    """Return the reason of a failure; empty if the attempt may go on."""
    finding = judge(seen, LIMITS)
    assert finding is None or finding.status is Status.FAILED
    return finding.reason if finding else ""


def test_a_running_attempt_may_go_on() -> None:
    assert judge(RUNNING, LIMITS) is None
    assert judge(Observation(now=0.0, steps=10), LIMITS) is None


def test_done_needs_exit_code_0_and_every_step() -> None:
    complete = replace(RUNNING, exit_code=0, last_step=10)
    finding = judge(complete, LIMITS)
    assert finding is not None
    assert (finding.status, finding.reason) == (Status.DONE, "")
    short = replace(complete, last_step=9)
    assert reason(short) == "the trainer ended with exit code 0 after step 9 of 10"
    assert "before any of 10 steps" in reason(replace(complete, last_step=None))
    assert "exit code 3" in reason(replace(complete, exit_code=3))


def test_the_exit_tells_the_line_of_the_log() -> None:
    failed = replace(RUNNING, exit_code=1, failure="ValueError: no")
    assert reason(failed) == "the trainer ended with exit code 1 after step 3 of 10: ValueError: no"
    assert reason(replace(failed, failure="")).endswith("after step 3 of 10")
    assert "memory runs out" in reason(replace(failed, exit_code=-9, failure=""))


@pytest.mark.parametrize(
    ("fine", "broken", "told"),
    [
        (
            Observation(now=100.0, steps=10, last_step=0, last_row=10.0),
            Observation(now=100.1, steps=10, last_step=0, last_row=10.0),
            "no first step within 100 s",
        ),
        (
            replace(RUNNING, now=105.0),
            replace(RUNNING, now=105.1),
            "no step within 50 s after step 3 of 10",
        ),
        (
            replace(RUNNING, now=75.0, last_step=10),
            replace(RUNNING, now=75.1, last_step=10),
            "the trainer did not end within 20 s of its last step",
        ),
        (
            replace(DEAD, lost=(ENGINE,), now=59.9),
            replace(DEAD, lost=(ENGINE,), now=60.0),
            "vLLM's EngineCore process (pid 42) died after step 3 of 10",
        ),
        (
            replace(DEAD, lost=(RAYLET,), last_step=10),
            replace(DEAD, lost=(RAYLET,)),
            "Ray's raylet (pid 43) died after step 3 of 10",
        ),
        (
            replace(DEAD, engine_death="EngineDeadError", last_step=10),
            replace(DEAD, engine_death="EngineDeadError"),
            "vLLM's engine died after step 3 of 10: EngineDeadError",
        ),
        (
            replace(DEAD, engine_death="EngineDeadError", last_row=51.0),
            replace(DEAD, engine_death="EngineDeadError", last_row=49.0),
            "vLLM's engine died after step 3 of 10: EngineDeadError",
        ),
        (
            replace(DEAD, ray_death="it has died", death_since=55.0),
            replace(DEAD, ray_death="it has died"),
            "a part of Ray died after step 3 of 10: it has died",
        ),
        (
            replace(RUNNING, rss_bytes=1000 * MIB),
            replace(RUNNING, rss_bytes=1001 * MIB),
            "its processes held 1001 MiB of memory, allowed are 1000 MiB",
        ),
        (
            replace(RUNNING, available_bytes=300 * MIB),
            replace(RUNNING, available_bytes=299 * MIB),
            "the machine had 299 MiB of memory left, 300 MiB must stay free",
        ),
        (
            replace(RUNNING, disk_bytes=200 * MIB),
            replace(RUNNING, disk_bytes=199 * MIB),
            "the disk of the results had 199 MiB left, 200 MiB must stay free",
        ),
    ],
)
def test_each_rule_speaks_at_its_limit_and_not_before(
    fine: Observation, broken: Observation, told: str
) -> None:
    assert reason(fine) == ""
    assert reason(broken) == told


def test_a_trainer_that_ended_tells_more_than_its_dead_parts() -> None:
    both = replace(DEAD, lost=(ENGINE,), exit_code=1, failure="RuntimeError: no samples")
    told = "the trainer ended with exit code 1 after step 3 of 10: RuntimeError: no samples"
    assert reason(both) == told
    assert reason(replace(both, died_first="vLLM's engine")) == f"vLLM's engine died, then {told}"


def test_the_log_of_a_lost_part_of_ray_is_its_own() -> None:
    finding = judge(replace(DEAD, lost=(RAYLET,)), LIMITS)
    assert finding is not None
    assert finding.log == "raylet"


def test_names_of_exits() -> None:
    assert exit_name(2) == "exit code 2"
    assert exit_name(-11) == "signal SIGSEGV"


@pytest.mark.parametrize(
    ("name", "argv", "role"),
    [
        ("raylet", ["/x/ray/core/src/ray/raylet/raylet", "--a"], "Ray's raylet"),
        ("gcs_server", ["/x/gcs_server"], "Ray's gcs_server"),
        ("VLLM::EngineCor", ["VLLM::EngineCore"], "vLLM's EngineCore process"),
        ("VLLM::Worker", ["VLLM::Worker_TP0  "], "vLLM's Worker_TP0 process"),
        ("python", ["/usr/bin/python", "raylet.py"], None),
        ("ray::IDLE", ["ray::IDLE"], None),
        ("kthread", [], None),
    ],
)
def test_roles_by_name(name: str, argv: list[str], role: str | None) -> None:
    found = role_of(name, argv)
    assert (found[0] if found else None) == role
