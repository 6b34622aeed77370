"""The control `harness.rewards.constant` for LaTeX answers, graded as by `harness.rewards.orz`."""

from __future__ import annotations

from harness.rewards import orz
from harness.rewards.constant import score
from harness.rewards.rescored import rescored

compute_score = rescored("orz_constant", orz.compute_score, score)
