"""The environment of a trainer: what it must have, and what must not reach it from outside."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from harness.launch.processes import TAG

CLUSTER_ADDRESS = "HARNESS_RAY_ADDRESS"
"""Variable with the ip:port of the Ray cluster that was started for, or given to, this cell."""

CLUSTER_TOKEN = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
"""Variables by which Ray knows the token of a cluster; kept only where a cell joins one."""

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Makes a private Ray take 127.0.0.1 for its node, as it does on other systems. What asks Ray for
the node's address listens there as well: TransferQueue, which unpickles what anybody sends, and
verl's server of vLLM, which asks for no key (docs/upstream/open_queue.py)."""

DROPPED_PREFIXES = ("RAY_", "VERL_", "VLLM_", "HYDRA_")
DROPPED = frozenset(
    {"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR"}
    | {"MASTER_PORT", "OMP_PROC_BIND", "OMP_PLACES", "PYTHONDONTWRITEBYTECODE"}
)
"""Of a torchrun or OpenMP set-up around; and what makes each process compile its imports anew."""


def trainer_environment(
    outer: Mapping[str, str], command: Mapping[str, str], tag: str, scratch: Path | None
) -> dict[str, str]:
    """Return the environment of the trainer.

    The command's variables win; before them come ours, and before these the surrounding ones
    without those that would change what the trainer does or which Ray cluster it joins. A private
    cluster gets a new token and the loopback address; one that the cell joins has its own.

    Args:
        outer: environment of the harness.
        command: variables that the command sets.
        tag: unique name of the attempt.
        scratch: private directory for sockets and temporary files, or None.
    """
    kept = {
        key: value
        for key, value in outer.items()
        if not key.startswith(DROPPED_PREFIXES) and key not in DROPPED
    }
    # Process titles must not be written over the environment: the tag would be lost with it.
    # Ray would keep a token in the user's home, and reads the mode once, when it is imported.
    ray = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), **LOOPBACK}
    if outer.get(CLUSTER_ADDRESS):
        ray = {name: outer[name] for name in CLUSTER_TOKEN if name in outer}
    kept |= {"SPT_NOENV": "1", "PYTHONUNBUFFERED": "1", **ray}
    temporary = {} if scratch is None else dict.fromkeys(("TMPDIR", "RAY_TMPDIR"), str(scratch))
    # the tag comes last: without it the processes of the attempt could not be found again
    return {**kept, **temporary, **command, TAG: tag}
