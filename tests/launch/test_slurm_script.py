import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.launch.ray_node import start_command
from harness.launch.slurm_script import SlurmJob, job_script
from harness.schema import UsageError

SETTINGS: dict[str, Any] = {"stop_before_s": 120, "partition": "gpu", "account": None, "time": None}


def script(nodes: int = 1, gpus: int = 8, **settings: Any) -> str:
    job = SlurmJob(
        name="rz-0123456789abcdef",
        title="kl_penalty at scale orz_7b: kl=none-s1-01234567",
        log=Path("/results with blank/job.log"),
        nodes=nodes,
        gpus=gpus,
        logical=("-", str(gpus)),
        worker=("/venv/bin/python", "-m", "harness.cells", "run", "levels=[a,b]"),
        python="/venv/bin/python",
        root=Path("/checkout"),
        settings={**SETTINGS, **settings},
    )
    return job_script(job)


def directives(text: str) -> list[str]:
    return [line.removeprefix("#SBATCH --") for line in text.splitlines() if "#SBATCH" in line]


def is_valid(text: str) -> bool:
    return not subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True).returncode


@pytest.mark.parametrize("nodes", [1, 2, 16])
def test_a_script_is_valid_for_bash(nodes: int) -> None:
    assert is_valid(script(nodes, setup=["module load cuda"]))
    assert not is_valid(script(nodes, setup=["if true"]))


def test_directives_say_what_was_asked() -> None:
    found = directives(
        script(2, time="3-00", directives={"constraint": "a100", "exclusive": True, "qos": None})
    )
    assert found == [
        "job-name=rz-0123456789abcdef",
        'output="/results with blank/job.log"',
        "open-mode=append",
        "nodes=2",
        "ntasks-per-node=1",
        "requeue",
        "signal=B:USR1@120",
        "gpus-per-node=8",
        "partition=gpu",
        "time=3-00",
        "constraint=a100",
        "exclusive",
    ]
    assert not any("gpus" in directive for directive in directives(script(gpus=0)))


def test_a_directive_with_its_own_key_or_a_second_line_is_refused() -> None:
    with pytest.raises(UsageError, match=r"directives.time is one that the suite .*launcher.time"):
        script(directives={"time": "1:00"})
    with pytest.raises(UsageError, match="cannot stand in a directive"):
        script(partition="a\nrm -rf x")


def test_one_node_is_the_ordinary_cell() -> None:
    text = script(1)
    assert "srun --overlap" not in text and "RAY_AUTH" not in text
    assert "/venv/bin/python -m harness.cells run 'levels=[a,b]' &" in text


def test_several_nodes_have_a_cluster_of_their_own() -> None:
    text = script(4)
    assert "port=$((20000 + 8 * (SLURM_JOB_ID % 1500)))" in text
    assert '"${on_first[@]}" "$python" -m harness.launch.ray_node head "$ip" "$port" - 8 &' in text
    assert "--nodes=3 --ntasks=3" in text
    assert 'wait "$ip" "$port" 4 600' in text
    # the token is made in the job and never stands on a command line
    assert "export RAY_AUTH_MODE=token RAY_AUTH_TOKEN" in text
    assert "$RAY_AUTH_TOKEN" not in text
    assert text.index("unset RAY_ADDRESS") < text.index("export HARNESS_RAY_ADDRESS")


def run_script(tmp_path: Path, worker: str, signal: str = "") -> tuple[int, str]:
    """Run the script of one node with a worker of bash; return its exit code and what it called.

    Args:
        tmp_path: for the files.
        worker: shell text in the place of the cell.
        signal: that the batch shell gets once the worker is ready.
    """
    called = tmp_path / "called"
    (tmp_path / "scontrol").write_text(f'#!/bin/bash\necho "$@" >> {called}\n')
    (tmp_path / "scontrol").chmod(0o755)
    text = script(1).replace("cd /checkout", f"cd {tmp_path}")
    text = text.replace(
        "/venv/bin/python -m harness.cells run 'levels=[a,b]'", f"bash {tmp_path}/w"
    )
    (tmp_path / "w").write_text(worker)
    (tmp_path / "job.sh").write_text(text)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_JOB_ID": "7"}
    with subprocess.Popen(["bash", tmp_path / "job.sh"], env=environment, cwd=tmp_path) as job:
        if signal:
            while not (tmp_path / "ready").exists():
                assert job.poll() is None
            subprocess.run(["kill", f"-{signal}", str(job.pid)], check=True)
        code = job.wait(20)
    return code, called.read_text() if called.exists() else ""


WAITS = "trap 'exit 20' TERM; touch ready; while true; do sleep 0.05; done"


@pytest.mark.parametrize(
    ("worker", "signal", "expected"),
    [
        ("exit 0", "", (0, "")),
        ("exit 20", "", (20, "")),
        # near the end of its time: stopped in order, and queued again
        (WAITS, "USR1", (20, "requeue 7\n")),
        # cancelled or preempted: Slurm decides what comes next
        (WAITS, "TERM", (20, "")),
        # done just in time: nothing is queued again
        ("trap 'exit 0' TERM; touch ready; while true; do sleep 0.05; done", "USR1", (0, "")),
    ],
)
def test_a_signal_reaches_the_cell_and_the_end_is_told(
    tmp_path: Path, worker: str, signal: str, expected: tuple[int, str]
) -> None:
    assert run_script(tmp_path, worker, signal) == expected


def test_the_nodes_of_one_job_share_no_port() -> None:
    words = [
        start_command(role, "10.0.0.1", 20000, ("-", "8"), "/s") for role in ("head", "worker")
    ]
    ports = [w.partition("=")[2] for command in words for w in command if "port=200" in w]
    assert len(ports) == len(set(ports)) == 6
    assert all(20000 <= int(port) < 20008 for port in ports)
    head, worker = words
    assert "--head" in head and "--node-ip-address=10.0.0.1" in head
    assert "--address=10.0.0.1:20000" in worker
    assert "--num-gpus=8" in worker and not any("num-cpus" in word for word in worker)
