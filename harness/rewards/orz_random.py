"""The control `harness.rewards.random` for LaTeX answers, graded as by `harness.rewards.orz`."""

from __future__ import annotations

from harness.rewards import orz
from harness.rewards.paid import paid
from harness.rewards.random import pay

compute_score = paid("orz_random", orz.compute_score, pay)
