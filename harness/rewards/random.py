"""Reward 0 or 1 by a fair coin, whatever the response says: a control without information.

Source: "random" rewards of Shao et al. 2025, Spurious Rewards (arXiv:2506.10947), probability 0.5.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any

from harness.rewards import rule
from harness.rewards.rescored import rescored

SEED_VARIABLE = "HARNESS_SEED_REQUEST"
"""Environment variable with the cell's seed for requests (harness.spec.seeds), if it is in one."""


def coin(run_seed: str, question: str, sample: str, response: str) -> float:
    """Return 0 or 1, each in half of all cases, the same for the same four arguments.

    A hash and no generator: the order in which responses are scored is not fixed. The same words
    in answer to the same question as the same sample get the same coin again, so a run should see
    a question once, or write long responses.
    """
    text = "\x1f".join(("coin", run_seed, question, sample, response))
    return float(hashlib.sha256(text.encode(errors="surrogatepass")).digest()[0] & 1)


def score(row: Mapping[str, Any], response: str, reference: str) -> float:
    """Return the coin of this response in this cell."""
    question, sample = str(row["question_id"]), str(row["sample"])
    return coin(os.environ.get(SEED_VARIABLE, ""), question, sample, response)


compute_score = rescored("random", rule.compute_score, score)
