"""`python -m harness.power effect=<x> [...]`: the seeds that an effect of this size needs.

Where the noise of a stored study comes from, and what it takes to see an effect of a given size in
a new one: seeds, questions, samples, and the cheapest mixture in cell-hours (hours of one cell).

    python -m harness.power effect=0.05
    python -m harness.power effect=0.05 kind=equivalence    # to show that two arms are the same
    python -m harness.power effect=0.02 questions=sampled   # a claim about all questions of a kind
    python -m harness.power effect=0.05 split=eval_hard power=0.9 seed_hours=12 sample_hours=0.0002

  effect        difference to find (or margin to show), a fraction: 0.05 is five points
  baseline      a stored study of at least two arms and two seeds (micro/noise)
  split         one evaluation set (all)
  kind          difference or equivalence
  questions     fixed: a claim about these questions; sampled: about all of their kind
  power, alpha  chance of finding it (0.8), false-positive rate (0.05; of kind=equivalence on either
                side: harness.compare judges by its 95 % interval, which is alpha=0.025)
  seed_hours    cost of training one arm with one seed (from the stored runs, without start-up)
  sample_hours  cost of one evaluated sample (from the stored runs)

"at 80 %" plans with noise whose every part is no larger than that with 80 % certainty ("up to"): a
spread known from three seeds is known badly, and one that is estimated 0 is not known to be 0.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli import choice, name, needed, place, read_arguments, real, run_command
from harness.paths import BASELINES
from harness.schema import ExitCode, UsageError
from harness.text import folded

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from harness.stats.planning import Costs, Plan
    from harness.stats.power import Design, Goal
    from harness.stats.variance import VarianceSplit
    from harness.store.bundle import Bundle

OPTIONS = {
    "effect": needed(real(above=0.0, below=1.0)),
    "baseline": place("micro/noise"),
    "split": name(),
    "kind": choice(["difference", "equivalence"], "difference"),
    "questions": choice(["fixed", "sampled"], "fixed"),
    "power": real(above=0.0, below=1.0, default=0.8),
    "alpha": real(above=0.0, below=1.0, default=0.05),
    "seed_hours": real(above=0.0),
    "sample_hours": real(above=0.0),
    "baselines_dir": place(),
}


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    return run_command(argv, __doc__ or "", _power)


def _power(argv: Sequence[str]) -> int:
    # tables and statistics take a second to import, and --help needs none of them
    from harness.store.bundle import find_bundle, read_bundle, scores_of
    from harness.store.data_names import data_names

    given = read_arguments(argv, OPTIONS)
    goal = read_goal(given)
    bundle = read_bundle(find_bundle(given["baseline"], Path(given["baselines_dir"] or BASELINES)))
    if bundle.scores.empty:
        raise UsageError(
            f"{bundle.name} has no scores of single questions (a log states none): name a baseline"
            " of whole runs"
        )
    costs = read_costs(bundle, given)
    splits = list(dict.fromkeys(bundle.scores["split"]))
    if given["split"] and given["split"] not in splits:
        raise UsageError(f"{bundle.name} has no split {given['split']!r}: choose one of {splits}")
    control, *others = _arms(bundle)
    what = "margin" if goal.kind == "equivalence" else "difference"
    print(
        f"{bundle.name}: what it takes to see a {what} of {goal.effect:g} ({goal.power:.0%} power)"
    )
    print(f"data {data_names(bundle.manifest['protocol'])}: of other data the noise may be another")
    print(f"one seed of one arm {costs.seed:.3g} h, one evaluated sample {costs.sample:.2g} h")
    for split in [given["split"]] if given["split"] else splits:
        for other in others:
            arms = [scores_of(bundle, arm, split) for arm in (other, control)]
            print(f"\n{other} minus {control}, {split}")
            print(folded(_described(arms, goal, costs, is_aligned=bundle.is_aligned)))
    return ExitCode.OK


def _described(arms: Sequence[np.ndarray], goal: Goal, costs: Costs, *, is_aligned: bool) -> str:
    from harness.stats.variance import split_difference

    try:
        return describe(split_difference(*arms, is_aligned=is_aligned), goal, costs)
    except ValueError as error:
        return f"  no plan can be made: {error}"


def describe(split: VarianceSplit, goal: Goal, costs: Costs) -> str:
    """Return the lines on one pair of arms: its noise, and the designs that reach the goal."""
    from harness.stats import power
    from harness.stats.planning import cheapest, pessimistic

    q, k, s = split.questions, round(split.samples), split.seeds
    stored = power.Design(seeds=s, questions=q, samples=k)
    lines = [
        f"  noise (standard deviations): {_noise(split)}",
        f"  the stored {_design(stored)} see {power.detectable_effect(split, goal, stored):.3g}",
    ]
    if split.note:
        lines.insert(1, f"  note: {split.note}")
    for what, planned in (("as estimated", split), ("at 80 %", pessimistic(split))):
        seeds = power.seeds_needed(planned, goal, questions=q, samples=k)
        questions = power.questions_needed(planned, goal, seeds=s, samples=k)
        samples = power.samples_needed(planned, goal, seeds=s, questions=q)
        lines.append(
            f"  {what}: {_or_none(seeds)} seeds, or {_or_none(questions)} questions,"
            f" or {_or_none(samples)} samples; cheapest: {_plan(cheapest(planned, goal, costs))}"
        )
    return "\n".join(lines)


def _noise(split: VarianceSplit) -> str:
    """Return each part of the noise with its upper 80 % bound."""
    from harness.stats.planning import pessimistic

    most = pessimistic(split)
    return ", ".join(
        f"{name.replace('_', ' ')} {math.sqrt(getattr(split, name)):.3f}"
        f" (up to {math.sqrt(getattr(most, name)):.3f})"
        for name in ("training", "question", "training_by_question", "sampling")
    )


def read_goal(given: Mapping[str, Any]) -> Goal:
    """Return the goal of a request.

    Raises:
        UsageError: its numbers do not go together.
    """
    from harness.stats.power import Goal

    try:
        return Goal(
            effect=given["effect"],
            power=given["power"],
            alpha=given["alpha"],
            kind=given["kind"],
            questions_are=given["questions"],
        )
    except ValueError as error:
        raise UsageError(f"{error}: change it on the command line") from error


def read_costs(bundle: Bundle, given: Mapping[str, Any]) -> Costs:
    """Return the costs in cell-hours: as given, or as the stored runs took.

    Raises:
        UsageError: the bundle has no times to take a cost from.
    """
    from harness.stats.planning import Costs

    evaluation = bundle.manifest["protocol"]["evaluation"]
    requested = sum(evaluation["questions"].values()) * evaluation["samples"]
    seconds = {
        "seed_hours": _seconds(bundle, "step_time")["sum"].mean(),
        "sample_hours": _seconds(bundle, "evaluation_time")["mean"].mean() / requested,
    }
    hours = {
        key: float(seconds[key]) / 3600.0 if given[key] is None else given[key] for key in seconds
    }
    for key, value in hours.items():
        if not (math.isfinite(value) and value >= 0.0):
            raise UsageError(f"{key} is {value}: give a number of hours from 0 as {key}=<hours>")
    return Costs(seed=hours["seed_hours"], sample=hours["sample_hours"])


def _seconds(bundle: Bundle, metric: str) -> pd.DataFrame:
    """Return total ("sum") and mean of a time for each stored run."""
    curves = bundle.curves[bundle.curves["metric"] == metric]
    return curves.groupby("run_id", observed=True)["value"].agg(["sum", "mean"])


def _arms(bundle: Bundle) -> list[str]:
    """Return the control arm and then the others."""
    control, arms = bundle.manifest["control"], bundle.manifest["arms"]
    if len(arms) < 2 or len(bundle.manifest["seeds"]) < 2:
        raise UsageError(
            f"{bundle.name} has {len(arms)} arms and {len(bundle.manifest['seeds'])} seeds: noise"
            " of a difference needs at least 2 of each; name another baseline"
        )
    return [control, *(arm for arm in arms if arm != control)]


def _design(design: Design) -> str:
    return f"{design.seeds} seeds x {design.questions} questions x {design.samples} samples"


def _or_none(count: int | None) -> str:
    return "no number of" if count is None else str(count)


def _plan(plan: Plan | None) -> str:
    return "none" if plan is None else f"{_design(plan.design)}, {plan.cost:.2f} cell-hours"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
