"""A fake trainer: a program that behaves like a good or a broken one, in milliseconds.

Started by the tests as `fake_trainer.py <behaviour> <steps>` in the place of verl's trainer. It
writes the streams which verl writes, and starts processes under the names which the engines have.
"""

import json
import mmap
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

SLEEP = shutil.which("sleep") or "sleep"
FOREVER = 60.0


def row(step: int, end: str = "\n") -> None:
    """Write one row of metrics, as verl's file logger does."""
    data = {"critic/score/mean": 0.1 * step, "response_length/mean": 20.0, "perf/throughput": None}
    with Path("metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, "data": data}) + end)


def rows(steps: int) -> None:
    """Write the first validation and every step."""
    for step in range(steps + 1):
        row(step)
        time.sleep(0.02)


def named(name: str, seconds: float, is_away: bool = True) -> subprocess.Popen[bytes]:
    """Start a process under another name, in a session of its own."""
    return subprocess.Popen([name, str(seconds)], executable=SLEEP, start_new_session=is_away)


def stay() -> None:
    """Do nothing for longer than any test."""
    time.sleep(FOREVER)


def daemon() -> None:
    """Leave a process that ignores SIGTERM, has left its group and has lost its parent."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            Path("daemon.pid").write_text(str(os.getpid()))
            stay()
        os._exit(0)
    os.wait()
    while not Path("daemon.pid").is_file():
        time.sleep(0.01)


def segment(name: str) -> mmap.mmap:
    """Make a shared-memory segment that nobody removes; it is held until its map is closed."""
    with Path("/dev/shm", name).open("w+b") as file:
        file.truncate(64)
        return mmap.mmap(file.fileno(), 64)


def finishes(steps: int) -> None:
    """Run in order, as a good trainer does."""
    print("ray init kwargs: {}", flush=True)
    time.sleep(0.1)
    print("(vLLMHttpServer pid=12) Initializing a V1 LLM engine", flush=True)
    time.sleep(0.1)
    rows(steps)


def stops_early(steps: int) -> None:
    """End with exit code 0 before the last step, whose row is torn."""
    rows(steps - 1)
    row(steps, end="")


def raises(steps: int) -> None:
    """Fail with an exception, after Ray's fashion."""
    row(1)
    print('(TaskRunner pid=7) Traceback (most recent call last):\n  File "x.py", line 1, in f')
    raise ValueError("batch of 7 does not divide")


def is_killed(steps: int) -> None:
    """Be killed, as the kernel does when memory runs out."""
    row(1)
    os.kill(os.getpid(), signal.SIGKILL)


def is_killed_first(steps: int) -> None:
    """Be killed, and then a part, as all parts of Ray end with the trainer."""
    part, own = named("gcs_server", FOREVER), os.getpid()
    row(1)
    time.sleep(0.3)
    if os.fork() == 0:
        os.kill(own, signal.SIGKILL)
        os.kill(part.pid, signal.SIGKILL)
        os._exit(0)
    stay()


def hangs_at_start(steps: int) -> None:
    """Never come to a first training step; the first validation does not count."""
    row(0)
    stay()


def hangs_in_step(steps: int) -> None:
    """Hang after the first training step, deaf to SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    row(1)
    stay()


def hangs_at_end(steps: int) -> None:
    """Write every step and never end."""
    rows(steps)
    stay()


def loses_engine(steps: int) -> None:
    """Live on after vLLM's engine core ended; nobody collects it, so it stays a zombie."""
    named("VLLM::EngineCore", 0.4)
    stay()


def loses_raylet(steps: int) -> None:
    """Live on after the raylet ended; Ray's own log says why."""
    logs = Path(os.environ["TMPDIR"], "ray", "session_2026-01-01_00-00-00_000000_1", "logs")
    logs.mkdir(parents=True)
    (logs / "raylet.out").write_text("the raylet's own last words\n")
    named("raylet", 0.4)
    stay()


def reports_dead_engine(steps: int) -> None:
    """Report the engine's death and live on."""
    print(
        "(vLLMHttpServer pid=3) vllm.v1.engine.exceptions.EngineDeadError: EngineCore", flush=True
    )
    stay()


def fails_after_engine(steps: int) -> None:
    """Notice the engine's death and fail with an error of its own."""
    named("VLLM::EngineCore", 0.1).wait()
    time.sleep(0.2)
    raise RuntimeError("the actor lost its engine")


def shuts_down(steps: int) -> None:
    """Take the parts down before it ends, as a good trainer does."""
    engine, raylet = named("VLLM::EngineCore", FOREVER), named("raylet", FOREVER)
    time.sleep(0.2)
    rows(steps)
    for part in (engine, raylet):
        part.kill()
        part.wait()
    print("EngineDeadError: at the end it means nothing", flush=True)
    time.sleep(0.5)


def leaves_everything(steps: int) -> None:
    """End well and leave a daemon, segments and a file in the temporary directory."""
    daemon()
    for prefix in ("psm_", "verl_weights_"):
        segment(prefix + os.environ["FAKE_NAME"]).close()
    Path(os.environ["TMPDIR"], "left").write_text("x")
    rows(steps)


def holds_all(steps: int) -> None:
    """Hold a daemon, a segment with a name of its own and a raylet, until it is ended."""
    daemon()
    with segment(os.environ["FAKE_NAME"]):
        named("raylet", FOREVER)
        row(1)
        print("ready", flush=True)
        stay()


if __name__ == "__main__":
    globals()[sys.argv[1]](int(sys.argv[2]))
