"""What lines of a trainer's log mean, and how the two streams are followed."""

import json
from pathlib import Path

import pytest

from harness.launch.logs import (
    PHASES,
    LogFollower,
    MetricsFollower,
    clean,
    engine_death,
    failure_line,
    keep_ray_logs,
    last_lines,
    phase_index,
    ray_death,
)

HYDRA = """Could not override 'actor.nope'.
To append to your config use +actor.nope=1
Key 'nope' is not in struct
    full_key: actor.nope
    object_type=dict

Set the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.
"""
RAY_TASK = """Traceback (most recent call last):
  File "/x/main_ppo.py", line 40, in main
ray.exceptions.RayTaskError(ValueError): \x1b[36mray::TaskRunner.run()\x1b[39m (pid=9, ip=1.2.3.4)
  File "/x/task.py", line 7, in run
    raise ValueError("batch of 7")
ValueError: batch of 7
(vLLMHttpServer pid=12) INFO 11-22 10:00:00 [core.py:1] shutting down
"""
EXITS = """RuntimeError: out of pages
Traceback (most recent call last):
SystemExit: 1
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HYDRA, "Could not override 'actor.nope'."),
        (RAY_TASK, "ValueError: batch of 7"),
        (EXITS, "RuntimeError: out of pages"),
        ("(TaskRunner pid=7) torch.OutOfMemoryError: no\n", "torch.OutOfMemoryError: no"),
        ("AssertionError\n", "AssertionError"),
        ("INFO: fine\nSegmentation fault\n  File x\n", "Segmentation fault"),
        ("INFO: fine\n2026-11-22 21:57:12,447 - WARNING - transfer_queue - 8 threads\n", ""),
        ("", ""),
    ],
)
def test_the_failure_is_the_telling_line(text: str, told: str) -> None:
    assert failure_line(text.splitlines()) == told


def test_a_sentence_that_mentions_an_error_is_no_exception() -> None:
    assert failure_line(["the ValueError: of before", "ValueError: real", "bye"]).endswith("real")


def test_a_grader_that_is_gone_is_told_and_not_the_batch_that_it_failed() -> None:
    gone = "harness.graders.registry.GraderUnavailableError: grader orz: no sympy"
    assert failure_line([gone, "RuntimeError: 1 of 8 prompts have a response that failed"]) == gone


def test_a_long_line_is_cut() -> None:
    assert len(failure_line([f"ValueError: {'x' * 5000}"])) == 300


@pytest.mark.parametrize(
    "line",
    [
        "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.",
        "ERROR [core_client.py:600] Engine core proc EngineCore_DP0 died unexpectedly, shutting",
        "RuntimeError: Engine core initialization failed. See root cause above.",
        "ERROR EngineCore failed to start.",
    ],
)
def test_deaths_of_the_engine(line: str) -> None:
    assert engine_death(line)


def test_other_lines_are_no_death() -> None:
    for line in ("Initializing a V1 LLM engine", "EngineCore waiting for work", "died of laughter"):
        assert not engine_death(line)
        assert not ray_death(line)
    assert ray_death("ray.exceptions.RaySystemError: System error: Failed to read")


def test_prefixes_and_colours_are_taken_off() -> None:
    assert clean("\x1b[36m(TaskRunner pid=7, ip=1.1.1.1)\x1b[0m hello \n") == "hello"
    assert clean("(EngineCore pid=3) ERROR x") == "ERROR x"
    assert clean("(a remark) stays") == "(a remark) stays"


def test_phases_only_go_forward() -> None:
    first = phase_index("ray init kwargs: {}", -1)
    engine = phase_index("(vLLMHttpServer pid=6) [serve", first)
    assert engine > first >= 0
    assert phase_index("Started a local Ray instance.", engine) == engine
    assert phase_index("nothing", -1) == -1


REAL_START = (
    ("Ray", "ray init kwargs: {'num_cpus': 16, 'runtime_env': {'env_vars': {"),
    ("Ray", "2026-11-22 21:49:15,302\tINFO worker.py:2038 -- Started a local Ray instance."),
    (
        "configuration and data",
        "\x1b[36m(TaskRunnerV1 pid=6207)\x1b[0m Using dataset class: RLHFDataset",
    ),
    ("models", "\x1b[36m(WorkerDict pid=6390)\x1b[0m Qwen2ForCausalLM contains 888.83K parameters"),
    ("models", "(TaskRunnerV1 pid=6207) INFO:2026-11-22 21:50:02,114:actor and ref model engine"),
    (
        "vLLM engine",
        "(TaskRunnerV1 pid=6207) INFO:2026-11-22 21:50:02,175:reward loop manager initialized",
    ),
    (
        "vLLM engine",
        "(vLLMHttpServer pid=6488) (EngineCore pid=6604) WARNING 11-22 21:51:15 [vllm.py:652]",
    ),
    (
        "first validation",
        "(TaskRunnerV1 pid=62) INFO:2026-11-22 21:51:17,426:all initialize finished, ready to fit",
    ),
    ("first validation", "(WorkerDict pid=6390) [transformers] falling back"),
    ("first step", "Training Progress:   0%|          | 0/6 [00:00<?, ?it/s]"),
)
"""Lines of a start of verl 0.9.1 with vLLM 0.28 on a CPU, and the phase after each."""


def test_the_phases_of_a_real_start() -> None:
    phase = -1
    for name, line in REAL_START:
        phase = phase_index(line, phase)
        assert PHASES[phase][0] == name


def test_the_log_is_followed_over_progress_bars_and_half_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    log = LogFollower(path)
    log.read()
    assert log.phase_name == "imports"
    path.write_bytes(b"ray init kwargs\n 10%|#\r 20%|##\rValue")
    log.read()
    assert (log.phase_name, list(log.lines)[-1]) == ("Ray", " 20%|##")
    with path.open("ab") as file:
        file.write(b"Error: late\xff")
    log.close()
    assert log.failure.startswith("ValueError: late")


def test_a_death_after_the_trainer_began_to_fail_tells_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    death = "(Actor pid=3) vllm.v1.engine.exceptions.EngineDeadError: EngineCore\n"
    others = "(Actor pid=3) Traceback (most recent call last):\n"
    own = "Traceback (most recent call last):\n"
    for text, is_told in ((others + death + own, True), (others + own + death, False)):
        path.write_text(text)
        log = LogFollower(path)
        log.read()
        assert log.is_failing
        assert bool(log.engine_death) is is_told


def test_metrics_are_read_row_by_row_and_a_torn_line_waits(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = MetricsFollower(path)
    assert metrics.read() == []
    second = json.dumps({"step": 1, "data": {"a": None, "b": 2}})
    path.write_text('{"step": 0, "data": {"a": 1.5}}\n' + second[:10])
    assert metrics.read() == [0]
    assert metrics.latest == {"a": 1.5}
    with path.open("a") as file:
        file.write(second[10:] + "\n")
    assert metrics.read() == [1]
    assert (metrics.last_step, metrics.latest, metrics.torn) == (1, {"a": None, "b": 2}, 0)


def test_broken_rows_are_counted_and_are_no_step(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "da\n[]\n{"step": 2}\n{"step": 3, "data": 4}\n')
    metrics = MetricsFollower(path)
    assert metrics.read() == []
    assert (metrics.last_step, metrics.torn) == (None, 4)


def test_a_last_line_without_its_end_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "data": {}}\n{"step": 2, "data": {}}')
    metrics = MetricsFollower(path)
    metrics.close()
    assert (metrics.last_step, metrics.torn) == (1, 1)


def test_the_last_lines_of_a_long_log(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("x" * 300_000 + "\nfirst\n\n\x1b[1msecond\x1b[0m\n")
    assert last_lines(path, 2) == ("first", "second")
    assert last_lines(tmp_path / "none") == ()


def test_rays_logs_are_kept_and_the_told_one_is_named(tmp_path: Path) -> None:
    logs = tmp_path / "ray" / "session_2026-01-01" / "logs"
    logs.mkdir(parents=True)
    (logs / "raylet.out").write_text("o")
    (logs / "raylet.err").write_text("")
    (logs / "worker-1.out").write_text("w")
    attempt = tmp_path / "attempt"
    attempt.mkdir()
    assert keep_ray_logs(tmp_path / "ray", attempt, "gcs_server") is None
    assert keep_ray_logs(tmp_path / "ray", attempt, "raylet") == attempt / "ray_logs/raylet.out"
    assert [path.name for path in (attempt / "ray_logs").iterdir()] == ["raylet.out"]
