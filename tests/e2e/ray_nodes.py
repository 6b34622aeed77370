"""A Ray cluster of several nodes on one machine: each with its own raylet, ports and directory."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from tests.e2e.slurm_daemons import free_port

WAIT_S = 120.0


class RayNodes:
    """A head that takes no cells, and workers of one logical CPU each: one cell at a time."""

    def __init__(self, workers: int = 2) -> None:
        # Ray's sockets need a short path
        self.root = Path(tempfile.mkdtemp(prefix="rzt-"))
        self.workers = workers
        self.port, self.dashboard = free_port(), free_port()
        self.nodes: list[subprocess.Popen] = []
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
        kept.pop("OMP_NUM_THREADS", None)
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self.environment = {**kept, **token, "RAY_USAGE_STATS_ENABLED": "0"}

    @property
    def address(self) -> str:
        """Of the dashboard, as `launcher.address` takes it."""
        return f"http://127.0.0.1:{self.dashboard}"

    def start(self) -> None:
        """Start the head, then the workers, and wait until the cluster has them all."""
        self._start(
            "--head",
            f"--port={self.port}",
            "--num-cpus=0",
            "--include-dashboard=true",
            f"--dashboard-port={self.dashboard}",
            f"--ray-client-server-port={free_port()}",
        )
        self._wait(self._is_up)
        for number in range(1, self.workers + 1):
            self._start_worker(number)

    def _start_worker(self, number: int) -> None:
        """Start one worker, anew if its raylet gives up its start, as on a busy machine it may."""
        for left in (2, 1, 0):
            self._start(f"--address=127.0.0.1:{self.port}", "--num-cpus=1")
            try:
                self._wait(lambda: self.alive() == 1 + number)
                return
            except AssertionError:
                if self.nodes[number].poll() is None or not left:
                    raise
                del self.nodes[number]

    def _start(self, *words: str) -> None:
        number = len(self.nodes)
        program = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *words]
        program += ["--node-ip-address=127.0.0.1", "--object-store-memory=100000000"]
        program += [f"--dashboard-agent-listen-port={free_port()}", "--num-gpus=0"]
        program += [
            "--min-worker-port=0",
            "--max-worker-port=0",
            f"--temp-dir={self.root}/n{free_port()}",
        ]
        with (self.root / f"node-{number}.out").open("wb") as out:
            self.nodes.append(
                subprocess.Popen(
                    program,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def _is_up(self) -> bool:
        request = urllib.request.Request(
            f"{self.address}/api/version",
            headers={"Authorization": f"Bearer {self.environment['RAY_AUTH_TOKEN']}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def alive(self) -> int:
        """Return how many nodes the cluster says are alive."""
        code = (
            "from harness.launch.ray_jobs import RayJobs;"
            f"print('nodes', len(RayJobs({self.address!r}).nodes()))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], env=self.environment, capture_output=True, text=True
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("nodes ")]
        return int(lines[-1].split()[1]) if lines else 0

    def _wait(self, is_reached) -> None:
        end = time.monotonic() + WAIT_S
        while not is_reached():
            assert all(node.poll() is None for node in self.nodes), f"a node ended: {self.root}"
            assert time.monotonic() < end, f"Ray did not come up: see {self.root}"
            time.sleep(1.0)

    def tree(self, number: int) -> list[psutil.Process]:
        """Return every process of a node, its jobs included."""
        try:
            root = psutil.Process(self.nodes[number].pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def node_of(self, word: str) -> int | None:
        """Return the number of the node that runs a process with a word in its command line."""
        for number in range(len(self.nodes)):
            for process in self.tree(number):
                try:
                    if word in " ".join(process.cmdline()):
                        return number
                except psutil.Error:
                    continue
        return None

    def kill(self, number: int) -> None:
        """Let a node die as a machine does: all its processes at once, without a word."""
        for process in self.tree(number):
            try:
                process.kill()
            except psutil.Error:
                continue
        self.nodes[number].wait()

    def stop(self) -> None:
        """End what is left and remove the directories."""
        for number in reversed(range(len(self.nodes))):
            if self.nodes[number].poll() is None:
                found = self.tree(number)
                self.nodes[number].terminate()
                _, left = psutil.wait_procs(found, timeout=20)
                for process in left:
                    process.kill()
                self.nodes[number].wait()
        shutil.rmtree(self.root, ignore_errors=True)
