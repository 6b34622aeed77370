"""A Ray cluster that exists already, as a queue: its Jobs API at an address that was given.

Ray is imported late: a command line that talks to no cluster does not load it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.launch.queue import QueuedJob, QueueError
from harness.schema import UsageError
from harness.store.states import InQueue
from harness.store.submissions import NAME_PREFIX

_STATES = {
    "PENDING": InQueue.PENDING,
    "RUNNING": InQueue.RUNNING,
    "STOPPED": InQueue.CANCELLED,
    "SUCCEEDED": InQueue.ENDED,
    "FAILED": InQueue.ENDED,
}

NODE_DEATHS = ("its node has died", "NODE_DIED", "NodeDiedError", "node has been marked dead")
"""What Ray writes where a part of a cell was lost with its node (ray 2.60, exceptions.py)."""


STOP_WAIT_S = 60
"""What a job gets between SIGTERM and SIGKILL, so that a cell ends in order; Ray gives it 3 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a cell takes of a cluster.

    Attributes:
        cpus / gpus: of the node on which its entrypoint runs.
        memory: of that node [B]; 0 for no demand.
        resources: custom ones, name -> amount.
        joined_gpus: GPUs that the cell takes anywhere in the cluster, for one that needs more than
            a node has; 0 for one that runs beside its entrypoint.
    """

    cpus: float
    gpus: float
    memory: int = 0
    resources: Mapping[str, float] = field(default_factory=dict)
    joined_gpus: int = 0

    @property
    def demands(self) -> dict[str, float]:
        """Return resource -> amount, by Ray's names, of the entrypoint."""
        own = {"CPU": self.cpus, "GPU": self.gpus, "memory": float(self.memory)}
        return {name: amount for name, amount in {**own, **self.resources}.items() if amount}


def room_for(nodes: Iterable[Mapping[str, float]], needs: Needs) -> int:
    """Return the number of cells that fit into an empty cluster at once.

    Args:
        nodes: resource -> total amount of each living node.
        needs: of one cell; all cells of a request need the same.
    """
    nodes = list(nodes)
    if needs.joined_gpus:
        # its workers may lie on any node, so only the sum counts
        return int(sum(node.get("GPU", 0) for node in nodes) // needs.joined_gpus)
    demands = needs.demands
    return sum(
        # per node, since an entrypoint runs on one; a cell that demands nothing is counted once a
        # node
        min((math.floor(node.get(name, 0) / amount) for name, amount in demands.items()), default=1)
        for node in nodes
    )


def lost_with_its_node(reason: str) -> bool:
    """Tell whether the reason of a failed attempt says that a node of the cluster died."""
    return any(words in reason for words in NODE_DEATHS)


def read_job(details: Any) -> QueuedJob:
    """Return one job of the Jobs API.

    Args:
        details: Ray's JobDetails.
    """
    status = str(details.status)
    message = " ".join(str(details.message or "").split())
    metadata = details.metadata or {}
    return QueuedJob(
        job=str(details.submission_id),
        name=str(metadata.get("name", "")),
        state=_STATES.get(status, InQueue.ENDED),
        detail=f"{status} ({message[:160]})" if message else status,
        # the agent's address is all that names the node: `driver_node_id` is empty for a command
        # that is no driver
        node=str(details.driver_agent_http_address or "").removeprefix("http://"),
    )


class RayJobs:
    """The Jobs API of one cluster.

    Args:
        address: of its dashboard, as http://10.0.0.1:8265.

    Raises:
        UsageError: no address, or not one of a dashboard.
    """

    def __init__(self, address: str | None) -> None:
        if not address or not str(address).startswith(("http://", "https://")):
            raise UsageError(
                f"launcher.address is {address!r}: give the address of the cluster's dashboard, as"
                " launcher.address=http://<head>:8265; a cluster is never looked for"
            )
        self.name = str(address)
        self._made: Any = None

    def _client(self) -> Any:
        """Return Ray's client, made once; making it asks the cluster for its version."""
        if self._made is None:
            from ray.job_submission import JobSubmissionClient

            self._made = _reached(self.name, lambda: JobSubmissionClient(self.name))
        return self._made

    def jobs(self) -> Mapping[str, QueuedJob]:
        """Return the jobs with our prefix by id; `QueueError` if the cluster does not answer."""
        client = self._client()
        listed = _reached(self.name, client.list_jobs)
        jobs = (read_job(details) for details in listed if details.submission_id)
        return {job.job: job for job in jobs if job.job.startswith(NAME_PREFIX)}

    def nodes(self) -> list[dict[str, float]]:
        """Return resource -> total amount of each living node; `QueueError` without an answer."""
        from ray.util.state import list_nodes

        found = _reached(self.name, lambda: list_nodes(address=self.name, detail=True))
        return [dict(node.resources_total or {}) for node in found if node.state == "ALIVE"]

    def submit(self, job: str, name: str, entrypoint: str, needs: Needs) -> str:
        """Submit a command and return the id of its job.

        Args:
            job: id to give it; one that the cluster knows already is refused.
            name: of the cell.
            entrypoint: a line for the shell of the node that it is placed on.
            needs: what it takes there.

        Raises:
            QueueError: the cluster refused it.
        """
        client = self._client()
        return str(
            _reached(
                self.name,
                lambda: client.submit_job(
                    entrypoint=entrypoint,
                    submission_id=job,
                    metadata={"name": name},
                    runtime_env={"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S)}},
                    entrypoint_num_cpus=needs.cpus,
                    entrypoint_num_gpus=needs.gpus or None,
                    entrypoint_memory=needs.memory or None,
                    entrypoint_resources=dict(needs.resources) or None,
                ),
            )
        )

    def cancel(self, job: str) -> None:
        """Send a job SIGTERM, and SIGKILL if it does not end; `QueueError` if that is refused."""
        client = self._client()
        _reached(self.name, lambda: client.stop_job(job))


def _reached(address: str, call: Any) -> Any:
    """Make a call of Ray's client; whatever it raises becomes a `QueueError`."""
    # the client raises ConnectionError, RuntimeError, its own and those of `requests`
    try:
        return call()
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise QueueError(
            f"the Ray cluster {address} does not answer as expected"
            f" ({type(error).__name__}: {said}): is it up, and is it Ray's dashboard?"
        ) from error
