"""What a candidate lacks of the baseline's seeds and steps: with any of it, no gate is passed.

Who may leave out a seed or stop before the end may leave out what is bad.
"""

from __future__ import annotations

from harness.compare.sides import Side


def shortfalls(candidate: Side, baseline: Side) -> tuple[str, ...]:
    """Say which seeds of the baseline a candidate lacks, and that it ends at another step.

    A run that was asked for and is not done is no seed that lacks: it is told as unfinished.
    """
    there = {*candidate.seeds, *candidate.asked}
    lacking = [str(seed) for seed in baseline.seeds if seed not in there]
    found = []
    if lacking:
        found.append(
            f"the candidate lacks seed{'s' if lacking[1:] else ''} {', '.join(lacking)} of the"
            f" baseline's {len(baseline.seeds)}"
        )
    if candidate.reached != baseline.reached:
        found.append(
            f"the candidate's runs end at step {candidate.reached}, the baseline's at"
            f" {baseline.reached}"
        )
    return tuple(found)


def early_end(candidate: Side, baseline: Side, metric: str, end: int | None) -> tuple[str, ...]:
    """Say that a metric is compared at `end`, before the baseline's last value of it; else none."""
    last = max(baseline.evaluated(metric), default=None)
    if end is None or last is None or end >= last:
        return ()
    return (f"{metric} is compared at step {end}: at the baseline's last, {last}, it has no value",)
