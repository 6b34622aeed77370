"""One node of a job's private Ray cluster: what `srun` starts on each machine of a Slurm job.

    python -m harness.launch.ray_node address
    python -m harness.launch.ray_node head <ip> <port> <cpus> <gpus>
    python -m harness.launch.ray_node worker <ip> <port> <cpus> <gpus>
    python -m harness.launch.ray_node wait <ip> <port> <nodes> <seconds>

`head` and `worker` run until they are asked to end; then their Ray and its temporary directory are
gone. The token comes through the environment (RAY_AUTH_MODE, RAY_AUTH_TOKEN), never by a command
line. A <cpus> or <gpus> of "-" leaves the number to Ray, which counts what the machine has.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from harness.launch.cleanup import scratch_directory
from harness.launch.processes import end_processes
from harness.schema import HarnessError, UsageError

HEAD_PORTS = {
    "--port": 0,
    "--ray-client-server-port": 1,
    "--dashboard-agent-listen-port": 2,
    "--metrics-export-port": 3,
}
"""Option -> distance from the job's first port. For all others Ray looks for free ports."""

WORKER_PORTS = {"--dashboard-agent-listen-port": 4, "--metrics-export-port": 5}

GRACE_S = 10.0
WAIT_EVERY_S = 2.0


def start_command(role: str, ip: str, port: int, sizes: tuple[str, str], scratch: str) -> list[str]:
    """Return the argv that starts Ray on this node.

    Args:
        role: "head" or "worker".
        ip: of the head.
        port: first of the job's ports, that of the cluster's address.
        sizes: logical CPUs and GPUs of the node, "-" for what the machine has.
        scratch: temporary directory on this node.
    """
    is_head = role == "head"
    options = [
        f"{name}={port + far}" for name, far in (HEAD_PORTS if is_head else WORKER_PORTS).items()
    ]
    where = ["--head", f"--node-ip-address={ip}"] if is_head else [f"--address={ip}:{port}"]
    sized = [
        f"--num-{what}={number}"
        for what, number in zip(("cpus", "gpus"), sizes, strict=True)
        if number != "-"
    ]
    program = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
    # 0: any free port, where Ray's fixed range of workers' ports would be shared by all jobs of a
    # node
    fixed = ["--disable-usage-stats", "--min-worker-port=0", "--max-worker-port=0"]
    dashboard = ["--include-dashboard=false"] if is_head else []
    return [*program, *where, *options, *sized, *fixed, *dashboard, f"--temp-dir={scratch}"]


def run_node(role: str, ip: str, port: int, sizes: tuple[str, str]) -> int:
    """Run Ray on this node until SIGTERM or SIGINT; leave nothing behind."""
    import psutil

    def stop(number: int, _frame: object) -> None:
        # an exception, so that the `finally` below ends Ray and its directory is removed
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with scratch_directory() as scratch:
        ray = subprocess.Popen(start_command(role, ip, port, sizes, str(scratch)))
        try:
            return ray.wait()
        finally:
            end_processes(
                [psutil.Process(ray.pid), *psutil.Process(ray.pid).children(recursive=True)]
                if ray.poll() is None
                else [],
                GRACE_S,
            )


def wait_for_nodes(address: str, count: int, seconds: float) -> None:
    """Return when so many nodes of a Ray cluster are alive.

    Args:
        address: of the cluster, ip:port; a process of it must run on this machine.
        count: nodes.
        seconds: to wait.

    Raises:
        UsageError: fewer joined in time.
    """
    end = time.monotonic() + seconds
    found = 0
    while time.monotonic() < end:
        found = _alive_nodes(address)
        if found >= count:
            return
        time.sleep(WAIT_EVERY_S)
    raise UsageError(
        f"{found} of {count} nodes joined the Ray cluster {address} within {seconds:g} s: look at"
        " what srun wrote above"
    )


def _alive_nodes(address: str) -> int:
    import ray

    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError):
        # not up yet
        return 0
    try:
        return sum(bool(node["Alive"]) for node in ray.nodes())
    finally:
        ray.shutdown()


def own_address() -> str:
    """Return the address by which the other nodes reach this one."""
    return socket.gethostbyname(socket.gethostname())


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    verb, *rest = argv
    if verb == "address":
        print(own_address())
        return 0
    if verb in ("head", "worker"):
        ip, port, cpus, gpus = rest
        return run_node(verb, ip, int(port), (cpus, gpus))
    ip, port, count, seconds = rest
    try:
        wait_for_nodes(f"{ip}:{port}", int(count), float(seconds))
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
