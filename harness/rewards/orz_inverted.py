"""The control `harness.rewards.inverted` for LaTeX answers, graded as by `harness.rewards.orz`."""

from __future__ import annotations

from harness.rewards import orz
from harness.rewards.inverted import pay
from harness.rewards.paid import paid

compute_score = paid("orz_inverted", orz.compute_score, pay)
