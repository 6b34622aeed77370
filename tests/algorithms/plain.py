"""Formulas of the algorithms in plain Python, one response and one token at a time.

Written from the papers and from what `harness/conf/algorithm/*.yaml` say, not from veRL.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Rows = list[list[float]]


class Batch(NamedTuple):
    """Responses with their question, reward, tokens that count, and the critic's values."""

    rewards: list[float]
    uids: list[str]
    masks: list[list[int]]
    values: Rows

    @property
    def last(self) -> list[int]:
        """Position of each response's reward: its last token, 0 if it has none."""
        return [max((t for t, m in enumerate(mask) if m), default=0) for mask in self.masks]


def group(batch: Batch, place: int) -> list[float]:
    return [r for r, u in zip(batch.rewards, batch.uids, strict=True) if u == batch.uids[place]]


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    middle = mean(values)
    return math.sqrt(math.fsum((v - middle) ** 2 for v in values) / (len(values) - 1))


def spread_out(scores: Sequence[float], masks: list[list[int]]) -> Rows:
    return [[s * m for m in mask] for s, mask in zip(scores, masks, strict=True)]


def centred(batch: Batch) -> list[float]:
    """R - mean(R); the reward itself in a group of one."""
    return [
        reward - (mean(group(batch, i)) if len(group(batch, i)) > 1 else 0.0)
        for i, reward in enumerate(batch.rewards)
    ]


def grpo(batch: Batch) -> Rows:
    scores = []
    for i, score in enumerate(centred(batch)):
        own = group(batch, i)
        scores.append(score / ((deviation(own) if len(own) > 1 else 1.0) + 1e-6))
    return spread_out(scores, batch.masks)


def grpo_no_std(batch: Batch) -> Rows:
    return spread_out(centred(batch), batch.masks)


def grpo_orz(batch: Batch) -> Rows:
    return whitened(grpo_no_std(batch), batch.masks)


def rloo(batch: Batch) -> Rows:
    scores = []
    for i, reward in enumerate(batch.rewards):
        own = group(batch, i)
        others = math.fsum(own) - reward
        scores.append(reward - others / (len(own) - 1) if len(own) > 1 else reward)
    return spread_out(scores, batch.masks)


def maxrl(batch: Batch) -> Rows:
    """R / mean(R) - 1; a response without tokens has earned nothing."""
    earned = [r if any(m) else 0.0 for r, m in zip(batch.rewards, batch.masks, strict=True)]
    batch = batch._replace(rewards=earned)
    means = [mean(group(batch, i)) for i in range(len(batch.rewards))]
    scores = [r / m - 1 if m > 0 else 0.0 for r, m in zip(batch.rewards, means, strict=True)]
    return spread_out(scores, batch.masks)


def reinforce_plus_plus(batch: Batch, gamma: float = 1.0) -> Rows:
    rows = []
    for reward, mask, last in zip(batch.rewards, batch.masks, batch.last, strict=True):
        left = sum(mask)
        row = []
        for t, m in enumerate(mask):
            left -= m
            row.append(reward * gamma**left if m and t <= last else 0.0)
        rows.append(row)
    return whitened(rows, batch.masks)


def gae(batch: Batch, gamma: float, lambdas: Sequence[float]) -> tuple[Rows, Rows]:
    """Advantages before whitening, sums over k of (gamma lambda)^k delta_(t + k), and returns."""
    advantages, returns = [], []
    for i, mask in enumerate(batch.masks):
        places = [t for t, m in enumerate(mask) if m]
        value = [batch.values[i][t] for t in places] + [0.0]
        reward = [0.0] * (len(places) - 1) + [batch.rewards[i]]
        deltas = [reward[k] + gamma * value[k + 1] - value[k] for k in range(len(places))]
        row, back = [0.0] * len(mask), [0.0] * len(mask)
        for k, t in enumerate(places):
            rest = enumerate(deltas[k:])
            row[t] = math.fsum((gamma * lambdas[i]) ** j * delta for j, delta in rest)
            back[t] = row[t] + value[k]
        advantages.append(row)
        returns.append(back)
    return advantages, returns


def ppo(batch: Batch, gamma: float = 1.0, lam: float = 1.0) -> Rows:
    return whitened(gae(batch, gamma, [lam] * len(batch.rewards))[0], batch.masks)


def decoupled_gae(batch: Batch) -> Rows:
    lengths = [sum(mask) for mask in batch.masks]
    lambdas = [max(0.0, 1 - 1 / (0.05 * length)) if length else 0.0 for length in lengths]
    return whitened(gae(batch, 1.0, lambdas)[0], batch.masks)


def whitened(rows: Rows, masks: list[list[int]]) -> Rows:
    pairs = [p for row in zip(rows, masks, strict=True) for p in zip(*row, strict=True)]
    tokens = [value for value, counts in pairs if counts]
    middle, scale = mean(tokens), math.sqrt(deviation(tokens) ** 2 + 1e-8)
    return [
        [(v - middle) / scale * m for v, m in zip(row, mask, strict=True)]
        for row, mask in zip(rows, masks, strict=True)
    ]


class Policy(NamedTuple):
    """Log-probabilities of a batch's tokens under the policy and the one that sampled."""

    new: Rows
    old: Rows
    advantages: Rows
    masks: list[list[int]]


def clipped(a: float, ratio: float, low: float, high: float) -> float:
    return max(-ratio * a, -min(max(ratio, 1 - low), 1 + high) * a)


def token_losses(policy: Policy, low: float, high: float) -> Rows:
    return [
        [clipped(a, math.exp(n - o), low, high) * m for n, o, a, m in zip(*row, strict=True)]
        for row in zip(*policy, strict=True)
    ]


def token_mean(policy: Policy, low: float = 0.2, high: float = 0.2) -> float:
    """The loss of ppo, grpo, rloo and the others; of dapo with 0.28."""
    losses = token_losses(policy, low, high)
    return math.fsum(map(math.fsum, losses)) / sum(map(sum, policy.masks))


def per_constant(policy: Policy, longest: int) -> float:
    """The loss of dr_grpo: sums over tokens, mean over responses, divided by a constant."""
    losses = token_losses(policy, 0.2, 0.2)
    return mean([math.fsum(row) for row in losses]) / longest


def gspo(policy: Policy, low: float, high: float) -> float:
    losses = []
    for new, old, advantages, mask in zip(*policy, strict=True):
        count = sum(mask)
        if not count:
            losses.append(0.0)
            continue
        log_ratio = math.fsum((n - o) * m for n, o, m in zip(new, old, mask, strict=True)) / count
        score = next(a for a, m in zip(advantages, mask, strict=True) if m)
        losses.append(clipped(score, math.exp(log_ratio), low, high))
    return mean(losses)


def cispo(policy: Policy, high: float) -> tuple[float, Rows]:
    """The loss of cispo and its gradient in the new log-probabilities."""
    tokens = sum(map(sum, policy.masks))
    slopes = [
        [-min(math.exp(n - o), 1 + high) * a * m / tokens for n, o, a, m in zip(*row, strict=True)]
        for row in zip(*policy, strict=True)
    ]
    pairs = zip(slopes, policy.new, strict=True)
    return math.fsum(s * n for row, new in pairs for s, n in zip(row, new, strict=True)), slopes


def overlong(length: int, longest: int) -> float:
    """DAPO's penalty, by its three cases."""
    cache = longest * 4096 / 20480
    if length <= longest - cache:
        return 0.0
    if length <= longest:
        return (longest - cache - length) / cache
    return -1.0
