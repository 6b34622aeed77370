"""What the two sides cost: tokens, seconds and updates of whole runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.compare.comparability import has_critic
from harness.compare.pairing import Pairing
from harness.compare.sides import Side
from harness.stats.paired import Difference, compare_paired, compare_unpaired


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """A cost that is the sum of a metric over the training steps of a run."""

    name: str
    metric: str
    unit: str


TOTALS = (
    Total(name="prompt and response tokens", metric="tokens", unit="tokens"),
    Total(name="seconds of training steps", metric="step_time", unit="s"),
    Total(name="seconds of waiting for responses", metric="generation_time", unit="s"),
    Total(name="seconds of evaluation", metric="evaluation_time", unit="s"),
)
"""Start-up is not among them: it is the same work whatever the algorithm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One cost of both sides.

    Attributes:
        name: what is counted.
        unit: of the numbers.
        candidate / baseline: mean of a run over the seeds that are compared; NaN is unknown.
        difference: candidate minus baseline with its interval; None for a number that the config
            decides, which has no noise.
        note: "" or what a reader must know.
    """

    name: str
    unit: str
    candidate: float
    baseline: float
    difference: Difference | None
    note: str = ""

    @property
    def ratio(self) -> float:
        """Candidate over baseline; NaN if one is unknown or the baseline is 0."""
        return self.candidate / self.baseline if self.baseline else math.nan


def compare_costs(
    candidate: Side, baseline: Side, pairing: Pairing, level: float
) -> tuple[Cost, ...]:
    """Return every cost of both sides, measured ones first.

    A run whose steps do not all have a value has no total: a part is no cost of the whole.
    """
    measured = [_measured(total, candidate, baseline, pairing, level) for total in TOTALS]
    counted = [
        Cost(
            name=name,
            unit="updates",
            candidate=updates(candidate, part),
            baseline=updates(baseline, part),
            difference=None,
        )
        for name, part in (("updates of the actor", "actor"), ("updates of the critic", "critic"))
    ]
    return (*measured, *counted)


def updates(side: Side, part: str) -> float:
    """Return the optimiser updates of a whole run, from the config; NaN if it does not say.

    Args:
        side: whose.
        part: "actor" or "critic"; a side without a critic makes 0 updates of it.
    """
    config = side.config
    if not config:
        return math.nan
    if part == "critic" and not has_critic(config):
        return 0.0
    prefix = "verl.critic" if part == "critic" else "verl.actor_rollout_ref.actor"
    batch = _size(config, "verl.data.train_batch_size")
    mini = _size(config, f"{prefix}.ppo_mini_batch_size")
    epochs = _size(config, f"{prefix}.ppo_epochs", 1.0)
    warm = _size(config, "verl.trainer.critic_warmup", 0.0) if part == "actor" else 0.0
    # verl counts steps from 1 and trains the actor from step critic_warmup on
    return max(side.steps - max(warm - 1.0, 0.0), 0.0) * epochs * batch / mini


def _measured(
    total: Total, candidate: Side, baseline: Side, pairing: Pairing, level: float
) -> Cost:
    treat_S, control_S = (
        _totals(side, total.metric, seeds)
        for side, seeds in zip((candidate, baseline), pairing.seeds, strict=True)
    )
    compare = compare_paired if pairing.is_paired else compare_unpaired
    notes = []
    is_time = total.unit == "s"
    if is_time and not (candidate.hardware and baseline.hardware):
        notes.append("a side does not state its hardware: seconds may be of different machines")
    elif is_time and len({_machine(m) for m in (*candidate.machines, *baseline.machines)}) > 1:
        notes.append("other hardware: seconds of different machines say nothing about algorithms")
    is_used = [np.isfinite(treat_S), np.isfinite(control_S)]
    if pairing.is_paired:
        # over the pairs that the difference is made of, so that the means differ by it
        is_used = [is_used[0] & is_used[1]] * 2
    return Cost(
        name=total.name,
        unit=total.unit,
        candidate=_mean(treat_S[is_used[0]]),
        baseline=_mean(control_S[is_used[1]]),
        difference=compare(treat_S, control_S, level=level),
        note="; ".join(notes),
    )


def _totals(side: Side, metric: str, seeds: Sequence[int]) -> np.ndarray:
    """Return each seed's sum over its training steps; NaN unless all (evaluations: any) are there.

    Evaluation happens at some steps only, so its sum needs no value at the others.
    """
    rows = side.curves[side.curves["metric"] == metric]
    rows = rows[rows["step"] > 0]
    of_seed = {seed: own.to_numpy(dtype=float) for seed, own in rows.groupby("seed")["value"]}
    found = []
    for seed in seeds:
        own = of_seed.get(seed, np.array([]))
        is_whole = len(own) >= side.steps or (metric == "evaluation_time" and len(own) > 0)
        found.append(float(own.sum()) if is_whole else math.nan)
    return np.array(found, dtype=float)


def _mean(value_S: np.ndarray) -> float:
    return float(value_S.mean()) if value_S.size else math.nan


def _size(config: Mapping[str, Any], key: str, default: float = math.nan) -> float:
    value = config.get(key)
    return default if value is None else float(value)


def _machine(hardware: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(str(hardware.get(name)) for name in ("processor", "cores", "accelerators"))
