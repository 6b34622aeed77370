"""The control `harness.rewards.inverted` for LaTeX answers, graded as by `harness.rewards.orz`."""

from __future__ import annotations

from harness.rewards import orz
from harness.rewards.inverted import score
from harness.rewards.rescored import rescored

compute_score = rescored("orz_inverted", orz.compute_score, score)
