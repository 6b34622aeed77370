"""The control `harness.rewards.random` for LaTeX answers, graded as by `harness.rewards.orz`."""

from __future__ import annotations

from harness.rewards import orz
from harness.rewards.random import score
from harness.rewards.rescored import rescored

compute_score = rescored("orz_random", orz.compute_score, score)
