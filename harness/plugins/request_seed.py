"""The sampling seed of one request, a hash of what the request is."""

from __future__ import annotations

import hashlib

REQUEST_SEED_VARIABLE = "HARNESS_SEED_REQUEST"
"""Environment variable with the cell's seed for requests (an int, see harness.spec.seeds)."""

_BITS = 31
"""vLLM hands the seed to a torch generator; 31 bits fit every integer type on the way."""


def request_seed(run_seed: int, step: int, question: str, sample: int) -> int:
    """Return the seed of one request, in [0, 2**31), equal in every arm of an ablation.

    Args:
        run_seed: the cell's seed for requests.
        step: training step at which the request is made; 0 for the first validation.
        question: stable id of the question; training and evaluation ids never coincide.
        sample: number of the sample among those of its question, from 0.
    """
    text = f"request|{run_seed}|{step}|{question}|{sample}"
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") % (1 << _BITS)
