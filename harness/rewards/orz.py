"""Reward 1 for a finished response that the authors' matcher finds right, else 0.

The rule of `harness.rewards.rule` for LaTeX answers: `harness.graders.orz` compares, in a process
of its own. Source: Open-Reasoner-Zero v1 section 2.1.2 and its released code.
"""

from __future__ import annotations

# the grader's process loads it by name; named here, its source is part of the id of the cell
from harness.graders import orz as grader
from harness.rewards.graded import grader_reward

compute_score = grader_reward(grader.__name__.rpartition(".")[2])
