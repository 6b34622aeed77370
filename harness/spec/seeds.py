"""One training seed, and every seed that is derived from it.

A derived seed is a hash of (seed, purpose). The arm never enters, so that arms of one seed share
what does not belong to the factor, and seeds are never `seed + i`, so that two seeds share nothing.
"""

from __future__ import annotations

import hashlib

SEEDS = tuple(range(1, 65))
"""The fixed list: `seeds=N` means its first N, so that more seeds extend a study."""

PURPOSES = (
    "data_order",
    "rollout",
    "request",
    "actor_minibatch",
    "critic_minibatch",
    "critic_init",
    "torch",
)

_VERL_KEYS = {
    "data.seed": "data_order",
    # else a constant of verl (42), the same for every seed of a study
    "actor_rollout_ref.rollout.seed": "rollout",
    "actor_rollout_ref.actor.data_loader_seed": "actor_minibatch",
    "actor_rollout_ref.actor.fsdp_config.seed": "torch",
    "critic.data_loader_seed": "critic_minibatch",
    "critic.fsdp.seed": "torch",
}


def derive(seed: int, purpose: str) -> int:
    """Return the seed of one purpose, in [0, 2**31).

    Raises:
        ValueError: the purpose is none of `PURPOSES`.
    """
    if purpose not in PURPOSES:
        raise ValueError(f"unknown purpose {purpose!r}: expected one of {', '.join(PURPOSES)}")
    digest = hashlib.sha256(f"{purpose}|{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (1 << 31)


def derived_seeds(seed: int) -> dict[str, int]:
    """Return purpose -> derived seed, for the record of a run."""
    return {purpose: derive(seed, purpose) for purpose in PURPOSES}


def verl_seed_keys(seed: int) -> dict[str, int]:
    """Return every seed key of verl (dotted) with its value; verl's own defaults are constants."""
    return {key: derive(seed, purpose) for key, purpose in _VERL_KEYS.items()}


def seed_environment(seed: int) -> dict[str, str]:
    """Return the variables that the plugins read, for the seeds that verl has no key for."""
    return {
        "HARNESS_SEED_REQUEST": str(derive(seed, "request")),
        "HARNESS_SEED_CRITIC_INIT": str(derive(seed, "critic_init")),
    }
