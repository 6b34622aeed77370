"""Cells on a real Slurm: seen to run, cancelled, queued again, lost, and reconciled.

Real cells of two steps under daemons of our own, which end with the tests: some ten minutes on two
busy cores. Skipped where munge and Slurm are not installed.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.slurm_daemons import SlurmDaemons, why_not

REASON = why_not()
pytestmark = [
    pytest.mark.engine,
    pytest.mark.slow,
    pytest.mark.skipif(bool(REASON), reason=REASON),
]

ROOT = Path(__file__).parents[2]
WORDS = ("ablation=kl_penalty", "scale=micro", "seeds=1", "steps=2", "dataset.eval_size=8")
ONE_AT_A_TIME = ("+launcher.directives.nodelist=rz1", "+launcher.directives.cpus_per_task=2")
LIMIT_S = 900


@pytest.fixture(scope="module")
def slurm() -> Iterator[SlurmDaemons]:
    # munge and Slurm want a directory that others cannot write to
    with tempfile.TemporaryDirectory(prefix="rzs-", ignore_cleanup_errors=True) as root:
        daemons = SlurmDaemons(Path(root), nodes=2, large=16)
        try:
            daemons.start()
            yield daemons
        finally:
            daemons.stop()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


Ask = Callable[..., str]


@pytest.fixture(scope="module")
def ask(slurm: SlurmDaemons, results: Path) -> Ask:
    """Run one of our command lines to its end and return what it printed."""

    def ask_(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command, *WORDS, "launcher=slurm", f"results_dir={results}"],
            cwd=ROOT,
            env=slurm.environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    return ask_


def states(listed: str) -> dict[str, str]:
    """Return arm -> state from the table of `harness.cells list`."""
    rows = [line.split() for line in listed.splitlines() if line.startswith("kl=")]
    return {row[0].partition("-s1-")[0]: row[1] for row in rows}


def run_dir(results: Path, arm: str) -> Path:
    (path,) = results.glob(f"micro/kl_penalty/runs/{arm}-s1-*")
    return path


def record(results: Path, arm: str) -> dict:
    return json.loads((run_dir(results, arm) / "record.json").read_text())


def wait_for(is_reached: Callable[[], object], results: Path) -> None:
    end = time.monotonic() + LIMIT_S
    while not is_reached():
        logs = "\n".join(path.read_text()[-1500:] for path in results.rglob("job.log"))
        assert time.monotonic() < end, logs
        time.sleep(2.0)


def is_at_work(results: Path, arm: str, attempt: int = 0) -> bool:
    """Tell whether the trainer of an arm has begun: its log has grown."""
    logs = results.glob(f"micro/kl_penalty/runs/{arm}-s1-*/attempt-{attempt}/log.txt")
    return any(path.stat().st_size > 0 for path in logs)


@pytest.mark.parametrize(
    ("words", "nodes"),
    [
        (("scale=micro", "steps=2", "launcher.nodes=2"), 2),
        (("scale=orz_7b", "launcher.partition=gpu", "launcher.time=10:00:00"), 8),
        (("scale=orz_32b", "launcher.partition=gpu", "+launcher.directives.exclusive=true"), 16),
    ],
)
def test_scripts_are_accepted_by_sbatch(
    slurm: SlurmDaemons, words: tuple[str, ...], nodes: int
) -> None:
    asked = ("ablation=kl_penalty", "seeds=1", "levels=[none]", "launcher=slurm")
    shows = ("dry_run=true", "verbose=true")
    command = [sys.executable, "-m", "harness.run", *asked, *shows, *words]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    body = shown.partition("#!/bin/bash\n")[2].partition("\n\ndry run:")[0]
    script = slurm.root / "shown.sh"
    script.write_text(f"#!/bin/bash\n{body}")
    assert "to start at" in slurm.run("sbatch", "--test-only", str(script))
    # there are 16 nodes of 8 GPUs, and 2 without
    assert f"--nodes={nodes}\n" in body
    said = slurm.run("sbatch", "--test-only", "--nodes=17", str(script))
    assert "Requested node configuration is not available" in said


def finish(ask: Ask, results: Path, *arms: str) -> None:
    """Wait until cells are done; one whose Ray gave up its start on a busy machine goes again."""
    again = 2

    def are_done() -> bool:
        nonlocal again
        found = states(ask("harness.cells"))
        failed = [arm for arm in arms if found[arm] == "failed"]
        if failed and again and "raylet" in record(results, failed[0])["reason"]:
            again -= 1
            ask("harness.cells", "requeue", f"cell={failed[0]}", *ONE_AT_A_TIME)
        else:
            assert not failed, record(results, failed[0])["reason"]
        return all(found[arm] == "done" for arm in arms)

    wait_for(are_done, results)


def test_a_matrix_is_submitted_cancelled_requeued_and_finished(
    slurm: SlurmDaemons, results: Path, ask: Ask
) -> None:
    out = ask("harness.run", *ONE_AT_A_TIME)
    assert out.count("submitted as") == 3
    wait_for(lambda: is_at_work(results, "kl=none"), results)
    listed = states(ask("harness.cells", "list"))
    assert listed == {"kl=none": "running", "kl=loss": "queued", "kl=reward": "queued"}

    # one that waits is cancelled, and one that runs goes back to the queue
    ask("harness.cells", "cancel", "cell=kl=reward")
    assert "is queued again" in ask("harness.cells", "requeue", "cell=kl=none")
    wait_for(lambda: record(results, "kl=none")["status"] == "interrupted", results)
    assert record(results, "kl=none")["reason"].startswith("stopped by SIGTERM")
    assert states(ask("harness.cells", "list"))["kl=reward"] == "cancelled"
    # Slurm keeps a job back for two minutes after it was queued again
    (job,) = {line.split()[3] for line in ask("harness.cells").splitlines() if "kl=none" in line}
    wait_for(lambda: "Pending" in slurm.run("scontrol", "show", "job", job).title(), results)
    slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now")

    # asked for again, nothing is submitted twice
    out = ask("harness.run", "levels=[none,loss]", *ONE_AT_A_TIME)
    assert "submitted" not in out and "2 of 2 cells are under way" in out
    finish(ask, results, "kl=none", "kl=loss")
    requeued = [attempt["status"] for attempt in record(results, "kl=none")["attempts"]]
    assert (requeued[0], requeued[-1]) == ("interrupted", "done")
    # the same command now writes the report
    assert "REPORT.md" in ask("harness.run", "levels=[none,loss]", *ONE_AT_A_TIME)


def test_a_killed_cell_is_lost_and_reconciled(slurm: SlurmDaemons, results: Path, ask: Ask) -> None:
    out = ask("harness.cells", "requeue", "cell=kl=reward", *ONE_AT_A_TIME)
    (job,) = [line.rpartition(" ")[2] for line in out.splitlines() if "submitted as" in line]
    # the note of the job gets lost: the queue still knows whose it is
    (run_dir(results, "kl=reward") / "submission.json").unlink()
    assert states(ask("harness.cells"))["kl=reward"] in ("queued", "running")
    assert f"job {job} was found in the queue" in ask("harness.cells", "reconcile")
    wait_for(lambda: is_at_work(results, "kl=reward"), results)
    # as the kernel does when memory runs out; Slurm's own SIGKILL would be an ordered end
    os.kill(int((run_dir(results, "kl=reward") / ".lock").read_text()), signal.SIGKILL)
    wait_for(
        lambda: "FAILED" in slurm.run("squeue", "-h", "-t", "all", "-j", job, "-o", "%T"), results
    )
    assert record(results, "kl=reward")["status"] == "running"
    listed = ask("harness.cells")
    assert states(listed)["kl=reward"] == "lost" and "1 do not agree" in listed
    assert "its record said running, now interrupted" in ask("harness.cells", "reconcile")
    assert record(results, "kl=reward")["reason"] == "the harness was killed while this ran"
    assert "do not agree" not in ask("harness.cells")


def test_a_job_of_two_nodes_has_a_ray_cluster_of_its_own(
    slurm: SlurmDaemons, results: Path, ask: Ask
) -> None:
    """The cell joins it by its address; head and worker end with the job and leave nothing."""
    two = ("levels=[reward]", "launcher.nodes=2", "launcher.wait=true", "launcher.poll_s=2")
    out = ask("harness.run", *two)
    assert "REPORT.md" in out
    last = record(results, "kl=reward")["attempts"][-1]
    assert (last["status"], last["last_step"]) == ("done", 2)
    command = json.loads(
        (run_dir(results, "kl=reward") / f"attempt-{last['number']}" / "command.json").read_text()
    )
    words = " ".join(command["argv"])
    assert "ray_init.address=" in words and "ray_init.address=local" not in words
    assert "ray_init.namespace=rz-" in words
    assert "TOKEN" not in json.dumps(command)
    log = (run_dir(results, "kl=reward") / "job.log").read_text()
    assert "Killed" not in log.rpartition("done after")[2]
