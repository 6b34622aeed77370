"""The environment of a trainer: what it must have, and what must not reach it from outside."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from harness.launch.processes import TAG

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
    without those that would change what the trainer does or which Ray cluster it joins.

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
    ours = {"SPT_NOENV": "1", "PYTHONUNBUFFERED": "1", "RAY_AUTH_MODE": "token"}
    kept |= {**ours, "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    places = {} if scratch is None else dict.fromkeys(("TMPDIR", "RAY_TMPDIR"), str(scratch))
    return {**kept, **places, **command, TAG: tag}
