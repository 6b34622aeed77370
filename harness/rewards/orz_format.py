"""The reward `harness.rewards.format` for LaTeX answers, graded as by `harness.rewards.orz`."""

from __future__ import annotations

from harness.rewards import orz
from harness.rewards.format import score
from harness.rewards.rescored import rescored

compute_score = rescored("orz_format", orz.compute_score, score)
