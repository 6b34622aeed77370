"""A Slurm of our own for the tests: munged, slurmctld and slurmd from the distribution's packages.

Everything lies in one directory: configuration, keys, sockets, state. No service manager is asked,
no daemon of the machine is touched, and ports are free ones.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "srun")
WAIT_S = 60.0

CONF = """\
ClusterName=rz
SlurmctldHost={host}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool-%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd-%n.log
SlurmctldPort={port}
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SchedulerParameters=sched_interval=2
MinJobAge=600
KillWait=60
GresTypes=gpu
SlurmdParameters=config_overrides
{nodes}
PartitionName=main Nodes=rz[1-{count}] Default=YES MaxTime=INFINITE State=UP
{large}
"""


def why_not() -> str:
    """Return why Slurm cannot be tried here; "" if it can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=search_path()) is None]
    if missing:
        return f"{', '.join(missing)} missing: apt-get install munge slurm-wlm"
    return "" if os.getuid() == 0 else "the daemons are started as root"


def search_path() -> str:
    """Return PATH with the places of daemons."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


class SlurmDaemons:
    """The daemons of one cluster; every node is a slurmd of its own on this machine."""

    def __init__(self, root: Path, nodes: int = 1, large: int = 0) -> None:
        self.root = root
        self.nodes = [f"rz{number}" for number in range(1, nodes + 1)]
        # they say that they have 8 GPUs each, which is enough to ask whether a job would start
        self.large = [f"large{number}" for number in range(1, large + 1)]
        self.processes: list[subprocess.Popen] = []
        self.environment = {
            **os.environ,
            "PATH": search_path(),
            "SLURM_CONF": str(root / "slurm.conf"),
        }
        self.environment.pop("OMP_NUM_THREADS", None)

    def start(self) -> None:
        """Start every daemon and wait until all nodes are idle."""
        self._write()
        self._start("munged")
        self._wait(lambda: (self.root / "munge.socket").exists())
        self._start("slurmctld")
        for node in (*self.nodes, *self.large):
            self._start(f"slurmd-{node}")
        self._wait(
            lambda: (
                len(self.run("sinfo", "-h", "-N", "-t", "idle").splitlines())
                == len(self.nodes) + len(self.large)
            )
        )

    def _write(self) -> None:
        host = socket.gethostname()
        key = self.root / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        (self.root / "state").mkdir()
        sizes = dict.fromkeys(self.nodes, "CPUs=2")
        sizes |= dict.fromkeys(self.large, "CPUs=64 RealMemory=500000 Gres=gpu:8")
        lines = [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={free_port()} {size}"
            for node, size in sizes.items()
        ]
        last = len(self.large)
        conf = CONF.format(
            root=self.root,
            host=host,
            port=free_port(),
            nodes="\n".join(lines),
            count=len(self.nodes),
            large=f"PartitionName=gpu Nodes=large[1-{last}] State=UP" if last else "",
        )
        (self.root / "slurm.conf").write_text(conf)
        # a GPU is a file to Slurm
        for number in range(8):
            (self.root / f"gpu{number}").touch()
        gpus = f"NodeName=large[1-{last}] Name=gpu File={self.root}/gpu[0-7]\n" if last else ""
        (self.root / "gres.conf").write_text(gpus)

    def _start(self, name: str) -> None:
        program, _, node = name.partition("-")
        munge = ["--foreground", "--force", f"--key-file={self.root}/munge.key"]
        munge += [f"--socket={self.root}/munge.socket", f"--pid-file={self.root}/munged.pid"]
        munge += [f"--log-file={self.root}/munged.log", f"--seed-file={self.root}/munged.seed"]
        words = {"munged": munge, "slurmctld": ["-D", "-c"], "slurmd": ["-D", "-c", "-N", node]}
        with (self.root / f"{name}.out").open("ab") as out:
            self.processes.append(
                subprocess.Popen(
                    [program, *words[program]],
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def _wait(self, is_reached) -> None:
        end = time.monotonic() + WAIT_S
        while not is_reached():
            broken = [p.args[0] for p in self.processes if p.poll() is not None]
            assert not broken, f"{broken} ended: see {self.root}"
            assert time.monotonic() < end, f"Slurm did not come up: see {self.root}"
            time.sleep(0.5)

    def run(self, *command: str) -> str:
        """Run one of Slurm's commands and return what it printed, errors included."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout + done.stderr

    def stop(self) -> None:
        """End every job, then every daemon, by their own process ids."""
        self.run("scancel", "--full", "--user=root")
        end = time.monotonic() + WAIT_S
        while self.run("squeue", "-h").strip() and time.monotonic() < end:
            time.sleep(1.0)
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
