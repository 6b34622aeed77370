"""One cell planned: memory, tokens, operations, time, GPU-hours and money, growth included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.plan.calibration import Calibration
from harness.plan.hardware import Gpu
from harness.plan.lengths import MOST_FILLED, Lengths, growth
from harness.plan.memory import Memory, plan_memory
from harness.plan.published import SAMPLED_STEPS, paper
from harness.plan.recipe import Recipe
from harness.plan.steps import Load, concurrency, step_seconds, step_work

PROMPT_TOKENS = 220
"""Mean length of a prompt: the template of Open-Reasoner-Zero and a question, an assumption."""

CURVES = {
    "Qwen/Qwen2.5-0.5B": "fig2_response_length_ORZ-0.5B",
    "Qwen/Qwen2.5-1.5B": "fig2_response_length_ORZ-1.5B",
    "Qwen/Qwen2.5-7B": "fig2_response_length_ORZ-7B",
    "Qwen/Qwen2.5-32B": "fig2_response_length_ORZ-32B",
}
"""Base model -> published growth of its responses, the prior of a plan."""

HALF = 0.5
"""Of the longest response: the mean where nothing is published."""


class Span(NamedTuple):
    """A number with its interval, in one unit."""

    low: float
    middle: float
    high: float

    def times(self, factor: float) -> Span:
        """Return it in another unit, or of several cells."""
        return Span(*(value * factor for value in self))


class Growth(NamedTuple):
    """Mean length of a response at each step [tokens], and where it comes from."""

    means: NDArray[np.float64]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPlan:
    """What one cell needs.

    Attributes:
        recipe / gpu: what was planned, and on what.
        memory: of one GPU.
        growth: of the responses.
        tokens: in all, prompts and responses.
        operations: in all [FLOP].
        parts_s: part -> mean seconds of a step.
        first_s / last_s: seconds of the first and of the last step.
        hours: wall time.
    """

    recipe: Recipe
    gpu: Gpu
    memory: Memory
    growth: Growth
    tokens: float
    operations: float
    parts_s: Mapping[str, float]
    first_s: float
    last_s: float
    hours: Span

    @property
    def gpu_hours(self) -> Span:
        """Wall time times GPUs."""
        return self.hours.times(self.recipe.gpus)

    @property
    def step_s(self) -> float:
        """Mean seconds of a step."""
        return sum(self.parts_s.values())


def plan_cell(
    recipe: Recipe, gpu: Gpu, calibration: Calibration, response_tokens: float | None = None
) -> CellPlan:
    """Plan one cell.

    Args:
        recipe: of the cell.
        gpu: that it runs on.
        calibration: efficiencies and interval.
        response_tokens: mean length of a response throughout; None takes the published growth.
    """
    memory = plan_memory(recipe, gpu)
    grown = growth_of(recipe, response_tokens)
    sampled = np.linspace(0, recipe.steps - 1, min(SAMPLED_STEPS, recipe.steps)).astype(int)
    loads = [_load(recipe, gpu, memory, float(grown.means[step])) for step in sampled]
    times = [step_seconds(load, calibration.efficiency) for load in loads]
    whole = [sum(parts.values()) for parts in times]
    every = np.interp(np.arange(recipe.steps), sampled, whole)
    hours = float(every.sum()) / 3600
    operations = [sum(work.operations for work in step_work(load)) for load in loads]
    return CellPlan(
        recipe=recipe,
        gpu=gpu,
        memory=memory,
        growth=grown,
        tokens=float(recipe.responses * (PROMPT_TOKENS + grown.means).sum()),
        operations=float(np.interp(np.arange(recipe.steps), sampled, operations).sum()),
        parts_s={part: _mean(recipe, sampled, [t[part] for t in times]) for part in times[0]},
        first_s=whole[0],
        last_s=whole[-1],
        hours=Span(hours / calibration.factor, hours, hours * calibration.factor),
    )


def growth_of(recipe: Recipe, response_tokens: float | None = None) -> Growth:
    """Return the growth of the responses of a cell: as given, as published, or assumed.

    What an arm changes (a discount that shortens responses, say) is not in it: the published growth
    of the model is taken for all arms.
    """
    most = MOST_FILLED * recipe.max_response
    if response_tokens is not None:
        return Growth(np.full(recipe.steps, min(response_tokens, most)), "as given")
    name = CURVES.get(recipe.model.name)
    if name is None:
        return Growth(
            np.full(recipe.steps, HALF * recipe.max_response),
            "assumed: half of the longest response, since nothing is published for this model; give"
            " response_tokens=<mean>",
        )
    curve = paper().curves[name]
    end = "" if recipe.steps <= curve.steps[-1] else f", after step {curve.steps[-1]:g} its end"
    return Growth(growth(curve, recipe.steps, recipe.max_response), f"published: {name}{end}")


def _load(recipe: Recipe, gpu: Gpu, memory: Memory, mean: float) -> Load:
    return Load(
        recipe=recipe,
        gpu=gpu,
        lengths=Lengths(mean, recipe.max_response),
        prompt_tokens=PROMPT_TOKENS,
        at_once=concurrency(recipe, memory.cached_tokens, PROMPT_TOKENS, mean),
    )


def _mean(recipe: Recipe, sampled: NDArray[np.int64], values: list[float]) -> float:
    return float(np.interp(np.arange(recipe.steps), sampled, values).mean())
