from types import SimpleNamespace

import pytest

from harness.launch.environment import trainer_environment
from harness.launch.ray_jobs import Needs, RayJobs, lost_with_its_node, read_job, room_for
from harness.schema import UsageError
from harness.store.states import InQueue

GIB = 1 << 30
NODES = [
    {"CPU": 2.0, "memory": 4.0 * GIB},
    {"CPU": 16.0, "GPU": 8.0, "memory": 64.0 * GIB, "fast": 1.0},
    {"CPU": 16.0, "GPU": 8.0, "memory": 64.0 * GIB},
]


@pytest.mark.parametrize(
    ("needs", "room"),
    [
        (Needs(cpus=1, gpus=0), 34),
        (Needs(cpus=1, gpus=8), 2),
        (Needs(cpus=1, gpus=3), 4),
        (Needs(cpus=3, gpus=0), 10),
        (Needs(cpus=1, gpus=0, memory=30 * GIB), 4),
        (Needs(cpus=1, gpus=0, resources={"fast": 1.0}), 1),
        (Needs(cpus=1, gpus=16), 0),
        # one that joins the cluster takes GPUs of several nodes
        (Needs(cpus=1, gpus=0, joined_gpus=16), 1),
        (Needs(cpus=1, gpus=0, joined_gpus=24), 0),
    ],
)
def test_cells_are_packed_by_resources(needs: Needs, room: int) -> None:
    assert room_for(NODES, needs) == room


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("PENDING", InQueue.PENDING),
        ("RUNNING", InQueue.RUNNING),
        ("STOPPED", InQueue.CANCELLED),
        ("SUCCEEDED", InQueue.ENDED),
        ("FAILED", InQueue.ENDED),
    ],
)
def test_every_state_of_a_job_is_one_of_ours(status: str, state: InQueue) -> None:
    details = SimpleNamespace(
        submission_id="rz-0-1",
        status=status,
        message="it  said\nso",
        metadata={"name": "rz-0"},
        driver_agent_http_address="http://10.0.0.2:52365",
    )
    job = read_job(details)
    assert (job.job, job.name, job.state, job.node) == ("rz-0-1", "rz-0", state, "10.0.0.2:52365")
    assert job.detail == f"{status} (it said so)"


@pytest.mark.parametrize("address", [None, "", "auto", "10.0.0.1:6379", "ray://10.0.0.1:10001"])
def test_a_cluster_is_named_by_its_dashboard_and_never_found(address: str | None) -> None:
    with pytest.raises(UsageError, match=r"launcher.address=http://<head>:8265"):
        RayJobs(address)


@pytest.mark.parametrize(
    ("reason", "is_lost"),
    [
        ("exit code 1: ray.exceptions.ActorDiedError: ... its node has died. Node Id: 12", True),
        ("the trainer ended with exit code 1: ValueError: batch of 7 does not divide", False),
        ("vLLM's EngineCore process (pid 7) died after step 1 of 3", False),
    ],
)
def test_a_cell_that_lost_a_node_is_told_from_one_that_failed(reason: str, is_lost: bool) -> None:
    assert lost_with_its_node(reason) is is_lost


def test_a_token_is_new_for_a_private_cluster_and_kept_for_one_that_is_joined() -> None:
    outer = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "given", "RAY_ADDRESS": "10.0.0.1:6379"}
    private = trainer_environment(outer, {}, "tag", None)
    assert private["RAY_AUTH_TOKEN"] not in ("", "given") and "RAY_ADDRESS" not in private
    joined = trainer_environment({**outer, "HARNESS_RAY_ADDRESS": "10.0.0.1:6379"}, {}, "tag", None)
    # a private Ray takes the loopback address; that of a cluster must be reached by its nodes
    assert private["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    assert "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in joined
    assert (joined["RAY_AUTH_TOKEN"], joined["RAY_AUTH_MODE"]) == ("given", "token")
    assert "RAY_ADDRESS" not in joined
    open_cluster = trainer_environment({"HARNESS_RAY_ADDRESS": "10.0.0.1:6379"}, {}, "tag", None)
    assert "RAY_AUTH_TOKEN" not in open_cluster and "RAY_AUTH_MODE" not in open_cluster
