"""The control `harness.rewards.constant` for LaTeX answers, graded as by `harness.rewards.orz`."""

from __future__ import annotations

from harness.rewards import orz
from harness.rewards.constant import pay
from harness.rewards.paid import paid

compute_score = paid("orz_constant", orz.compute_score, pay)
