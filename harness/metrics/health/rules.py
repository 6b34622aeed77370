"""The rules: functions of the steps of a run so far, over the last few of them.

A metric that is not there says nothing: missing is not zero. Thresholds come from the stored
studies of the micro-world and from recorded runs (tests/recorded/health), with room on both sides:
beside each are the worst of a run that learned and that of a run that it is to find.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean, median

from harness.metrics.health.evidence import Evidence, Setting, Step

ZERO_STEPS, ONE_STEPS = 5, 8
"""Steps in a row. All wrong: 0 in runs that learned, 60 at ten times the learning rate. All right:
3 in runs that had solved their questions."""

GRADED_STEPS, LEAST_FORMAT, UNREADABLE = 5, 0.5, 0.9
"""Of the responses in the format of the prompt nobody is right, or 90 % of an evaluation cannot be
read: 8 % right at least and 57 % unreadable at most with a grader, none and 100 % without."""

TRUNCATED_STEPS, TRUNCATED = 5, 0.25
"""Mean share: 0.06 in runs that learned, 0.7 and 1 at ten times the learning rate."""

ENTROPY_STEPS, ENTROPY_LEFT = 10, 0.05
"""Mean over that of the first step: 0.10 after 100 steps of runs that learned, 0.02 at ten times
the learning rate."""

REPEATED_STEPS, REPEATED = 5, 0.3
"""Mean share of tokens: 0.12 in runs that learned, 0.99 at ten times the learning rate."""

MISMATCH_STEPS, MISMATCH = 3, 0.01
"""Of a token's probability: 4e-7 with one precision on a CPU, 4e-3 in bf16 (verl-omni issue 637),
0.05 where the sampler leaves out tokens (top_p 0.6) and the trainer does not know."""

RATIO_KL, RATIO_CLIPPED = 0.01, 0.01
"""Of the first step: 4e-8 nats and 0 with one update per batch; 0.08 and 0.06 with top_p 0.6."""

STILL_STEPS, STILL_KL = 5, 1e-6
"""Steps in a row without update: 1 in GRPO runs that learned (all groups agreed). The divergence
from the base model is 3e-4 nats after one update, and 1e-9 after any number at learning rate 0."""

CRITIC_STEPS, LEAST_PAID, MOST_PAID = 20, 0.15, 0.85
"""Steps in a row: 16 in runs that learned (a new critic), 30 with a random reward. A reward of 0 or
1 whose mean is near an end hardly varies, and then the number is far below 0 for any critic."""

PAID_STEPS, PAID_GAP, PAID_RISE = 5, 0.1, 0.1
"""Means of the first and of the last steps. The gap is 0 where right answers are paid; where the
format is, it is 0.7 and the reward rises by 0.12 in 12 steps, the accuracy by 0.00. A coin's mean
of 5 steps has a standard deviation of 0.02."""

STALLED_STEPS, STALLED, PACE_STEPS = 2, 0.15, 20
"""Tokens per second over the median of the steps before: 0.23 two steps in a row on a machine that
others use too, 0.05 where the rollout engine was halted for 90 s in each."""

LEAST_PACE_STEPS = 5
"""Steps before a stall that have to be known: the first ones are slow."""

Rule = Callable[[Sequence[Step], Setting], Sequence[Evidence]]
"""(steps of a run so far, what is set) -> evidence that the diagnosis holds now; none if not."""


def _last(steps: Sequence[Step], metric: str, count: int) -> list[float]:
    """Return a metric of the last training steps; nothing if one of them lacks it."""
    last = steps[-count:]
    values = [s.values[metric] for s in last if s.number >= 1 and metric in s.values]
    return values if len(values) == count else []


def _first(steps: Sequence[Step], metric: str, count: int) -> list[float]:
    """Return a metric of the first training steps that have it."""
    found = (s.values[metric] for s in steps if s.number >= 1 and metric in s.values)
    return [value for value, _ in zip(found, range(count), strict=False)]


def _said(steps: Sequence[Step], metric: str, value: float, count: int, how: str = "") -> Evidence:
    """Return the evidence of a metric over the last steps."""
    first, last = steps[-count].number, steps[-1].number
    where = f"step {last}" if count == 1 else f"steps {first} to {last}"
    return Evidence(f"{f'{how} ' if how else ''}`{metric}` {value:.3g} in {where}", metric, last)


def above(metric: str, count: int, limit: float) -> Rule:
    """Return the rule that a metric's mean over the last steps is over a limit."""

    def rule(steps: Sequence[Step], _: Setting) -> list[Evidence]:
        values = _last(steps, metric, count)
        if not values or fmean(values) <= limit:
            return []
        return [_said(steps, metric, fmean(values), count, "mean")]

    return rule


def constant_reward(steps: Sequence[Step], _: Setting) -> list[Evidence]:
    """Tell whether every response of the last steps was paid 0, or 1."""
    for value, count in ((0.0, ZERO_STEPS), (1.0, ONE_STEPS)):
        values = _last(steps, "reward", count)
        if values and set(values) == {value}:
            return [_said(steps, "reward", value, count, "mean")]
    return []


def no_grader(steps: Sequence[Step], _: Setting) -> list[Evidence]:
    """Tell whether answers in the right form are never right, or cannot be read."""
    right = _last(steps, "training_accuracy", GRADED_STEPS)
    formatted = _last(steps, "training_format", GRADED_STEPS)
    found = []
    if right and formatted and max(right) == 0.0 and min(formatted) >= LEAST_FORMAT:
        found += [
            _said(steps, "training_accuracy", 0.0, GRADED_STEPS),
            _said(steps, "training_format", min(formatted), GRADED_STEPS, "at least"),
        ]
    values = steps[-1].values
    for metric in sorted(name for name in values if name.startswith("unparsable_")):
        partner = metric.replace("unparsable_", "format_")
        is_formatted = values.get(partner, math.nan) >= LEAST_FORMAT
        if values[metric] >= UNREADABLE and is_formatted:
            found += [_said(steps, name, values[name], 1) for name in (metric, partner)]
    return found


def collapsed_entropy(steps: Sequence[Step], _: Setting) -> list[Evidence]:
    """Tell whether little of the entropy at the beginning is left."""
    start, values = _first(steps, "entropy", 1), _last(steps, "entropy", ENTROPY_STEPS)
    if not values or not start[0] > 0.0 or fmean(values) > ENTROPY_LEFT * start[0]:
        return []
    left = f"{fmean(values) / start[0]:.1%} of the first step's {start[0]:.3g}"
    said = _said(steps, "entropy", fmean(values), ENTROPY_STEPS, "mean")
    return [said._replace(text=f"{said.text}, {left}")]


def ratio_not_one(steps: Sequence[Step], setting: Setting) -> list[Evidence]:
    """Tell whether the first update finds other probabilities than those of the batch."""
    # with several updates the mean over them is what the first one did, rightly; no metric is of
    # the first update alone
    if setting.updates_per_rollout != 1 or sum(s.number >= 1 for s in steps) != 1:
        return []
    limits = {"policy_kl": RATIO_KL, "policy_clip_share": RATIO_CLIPPED}
    found = {name: value for name in limits for value in _last(steps, name, 1)}
    return [_said(steps, n, v, 1) for n, v in found.items() if abs(v) > limits[n]]


def no_update(steps: Sequence[Step], _: Setting) -> list[Evidence]:
    """Tell whether nothing moves the policy."""
    found = []
    for metric in ("policy_learning_rate", "policy_gradient_norm"):
        values = _last(steps, metric, STILL_STEPS)
        if values and max(values) == 0.0:
            found.append(_said(steps, metric, 0.0, STILL_STEPS))
    moved = _last(steps, "kl_to_base", STILL_STEPS)
    # the first responses are those of the base model itself
    if moved and steps[-STILL_STEPS].number > 1 and max(map(abs, moved)) <= STILL_KL:
        found.append(_said(steps, "kl_to_base", max(moved), STILL_STEPS, "at most"))
    return found


def useless_critic(steps: Sequence[Step], _: Setting) -> list[Evidence]:
    """Tell whether a constant would be as good as the critic."""
    metric = "value_explained_variance"
    values, paid = _last(steps, metric, CRITIC_STEPS), _last(steps, "reward", CRITIC_STEPS)
    if not values or not paid or max(values) > 0.0:
        return []
    if not LEAST_PAID <= fmean(paid) <= MOST_PAID:
        return []
    return [
        _said(steps, metric, max(values), CRITIC_STEPS, "at most"),
        _said(steps, "reward", fmean(paid), CRITIC_STEPS, "mean"),
    ]


def paid_without_truth(steps: Sequence[Step], _: Setting) -> list[Evidence]:
    """Tell whether the pay rises while the accuracy does not."""
    gap = _last(steps, "reward_gap", PAID_STEPS)
    names = ("reward", "training_accuracy")
    starts = {name: _first(steps, name, PAID_STEPS) for name in names}
    ends = {name: _last(steps, name, PAID_STEPS) for name in names}
    if not gap or fmean(gap) < PAID_GAP or not all(ends.values()):
        return []
    # the same steps twice would be no rise
    if sum(step.number >= 1 for step in steps) < 2 * PAID_STEPS:
        return []
    rise = {name: fmean(ends[name]) - fmean(starts[name]) for name in names}
    if rise["reward"] < PAID_RISE or rise["training_accuracy"] > rise["reward"] / 2:
        return []
    since = f"since the first {PAID_STEPS} steps"
    said = [_said(steps, name, fmean(ends[name]), PAID_STEPS, "mean") for name in names]
    return [
        _said(steps, "reward_gap", fmean(gap), PAID_STEPS, "mean"),
        *(s._replace(text=f"{s.text}, {rise[s.metric]:+.3f} {since}") for s in said),
    ]


def silent_resume(steps: Sequence[Step], setting: Setting) -> list[Evidence]:
    """Tell whether the newest step is another than the one that was due."""
    trained = [step.number for step in steps if step.number >= 1 and "reward" in step.values]
    if not trained or "reward" not in steps[-1].values:
        return []
    before, last = ([setting.resumed_from or 0, *trained])[-2:]
    if last == before + 1:
        return []
    what = f"step {last} follows step {before}" if before else f"the first step is {last}"
    return [Evidence(f"{what}, where step {before + 1} was due", "", last)]


def stalled(steps: Sequence[Step], _: Setting) -> list[Evidence]:
    """Tell whether the last steps are many times slower than those before."""
    metric = "throughput"
    values = _last(steps, metric, STALLED_STEPS)
    earlier = steps[-STALLED_STEPS - PACE_STEPS : -STALLED_STEPS]
    before = [s.values[metric] for s in earlier if s.number >= 1 and metric in s.values]
    if not values or len(before) < LEAST_PACE_STEPS or max(values) > STALLED * median(before):
        return []
    said = _said(steps, metric, max(values), STALLED_STEPS, "at most")
    return [said._replace(text=f"{said.text}, {median(before):.3g} in the steps before")]
