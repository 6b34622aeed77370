"""The gate of two sides: everything that decides, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.compare.effects import Effect
from harness.compare.gate import Gate, judge
from harness.compare.operating import operating_curve
from harness.compare.pairing import Pairing
from harness.compare.repeats import repeated_metrics
from harness.compare.shortfalls import early_end, shortfalls
from harness.compare.sides import Side, same_runs


def judge_sides(
    candidate: Side, baseline: Side, pairing: Pairing, effects: Sequence[Effect]
) -> Gate:
    """Judge a candidate by the first effect, with its operating curve.

    Args:
        candidate: what is judged.
        baseline: what it is judged by.
        pairing: how the seeds go together.
        effects: the judged metric's first.
    """
    first, *others = effects
    partial = shortfalls(candidate, baseline)
    early = () if partial else early_end(candidate, baseline, first.metric, first.end)
    doubts = [f"the candidate contradicts itself: {doubt}" for doubt in candidate.doubts]
    repeated = () if partial else repeated_metrics(candidate, baseline, first.metric)
    gate = judge(
        first,
        is_same=same_runs(candidate, baseline),
        repeats=f"{' and '.join(repeated)} of every seed, step by step" if repeated else "",
        unfinished=candidate.unfinished,
        shortfalls=[*partial, *early, *doubts],
        others=others,
    )
    return replace(gate, operating=operating_curve(candidate, baseline, pairing, first))
