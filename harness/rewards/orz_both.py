"""Half the reward of `harness.rewards.orz` plus half the format reward: 0, 0.5 or 1."""

from __future__ import annotations

from harness.rewards import orz
from harness.rewards.both import score
from harness.rewards.rescored import rescored

compute_score = rescored("orz_both", orz.compute_score, score)
