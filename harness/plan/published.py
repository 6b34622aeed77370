"""Published runs as work of the time model: what calibrates it, from published.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from harness.paths import PAPER
from harness.plan.hardware import Gpu, read_gpu
from harness.plan.lengths import MOST_FILLED, Lengths, growth
from harness.plan.models import Model, read_model
from harness.plan.recipe import Recipe, Trained
from harness.plan.steps import Load, Work, concurrency, step_work
from harness.references.paper import Paper, read_paper
from harness.typed import Form, Many, keyed, read_form

FILE = Path(__file__).with_name("published.yaml")

SAMPLED_STEPS = 24
"""Steps of a phase at which the work is computed; between them the mean is taken."""

CACHE_SHARE = 0.6
"""Of a GPU's memory for weights and cache of the rollout engine of a published run: not stated."""


class Phase(Form):
    """A part of a published run; `response_tokens` is a mean or the name of a published curve."""

    steps: int
    gpus: int
    prompts: int
    samples: int
    max_response: int
    prompt_tokens: float
    response_tokens: float | str
    tensor_parallel: int
    max_num_seqs: int
    test_freq: int
    evaluation_responses: int


class PublishedRun(Form):
    """A run of published.yaml; the fields are explained there and at `Published`."""

    name: str
    source: str
    family: str
    model: str
    gpu: str
    gpu_hours: float
    has_critic: bool
    has_reference: bool
    assumed: Mapping[str, str]
    phases: Many[Phase]


class Document(Form):
    """The file: runs that calibrate the model, and why other published costs do not."""

    runs: Annotated[Mapping[str, PublishedRun], keyed("name")]
    unused: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One published run.

    Attributes:
        name: in published.yaml.
        family: whose code and machine it ran on.
        source: where the numbers stand.
        model: name of the model.
        gpu: key of the GPU.
        gpus: of each phase.
        gpu_hours: as published.
        assumed: number that the source does not give -> what was taken.
        work_s: GPU-seconds at full efficiency: shape (3,), by the compute roof, the memory roof,
            and turns of the decoding loop times GPUs.
    """

    name: str
    family: str
    source: str
    model: str
    gpu: str
    gpus: tuple[int, ...]
    gpu_hours: float
    assumed: Mapping[str, str]
    work_s: NDArray[np.float64]


@cache
def published_runs() -> tuple[Published, ...]:
    """Return the runs that calibrate the time model, in the order of the file."""
    return tuple(_work_of(run) for run in document().runs.values())


@cache
def document() -> Document:
    """Return published.yaml."""
    return read_form(Document, FILE)


@cache
def paper() -> Paper:
    """Return the published numbers of Open-Reasoner-Zero, its growth curves among them."""
    return read_paper(PAPER)


def _work_of(run: PublishedRun) -> Published:
    model, gpu = read_model(run.model), read_gpu(run.gpu)
    work = np.zeros(3)
    for phase in run.phases:
        recipe = _recipe(model, gpu, run, phase)
        means = _means(phase)
        work += (
            recipe.gpus
            * np.mean([_at_full(recipe, gpu, phase, m) for m in means], axis=0)
            * (recipe.steps)
        )
    return Published(
        name=run.name,
        family=run.family,
        source=run.source,
        model=run.model,
        gpu=run.gpu,
        gpus=tuple(phase.gpus for phase in run.phases),
        gpu_hours=run.gpu_hours,
        assumed=run.assumed,
        work_s=work,
    )


def summed(works: list[Work]) -> NDArray[np.float64]:
    """Return the work of several parts as seconds at full efficiency and turns, shape (3,)."""
    return np.array(
        [
            sum(work.compute_s for work in works),
            sum(work.memory_s for work in works),
            sum(work.turns for work in works),
        ]
    )


def _at_full(recipe: Recipe, gpu: Gpu, phase: Phase, mean: float) -> NDArray[np.float64]:
    prompt = phase.prompt_tokens
    room = CACHE_SHARE * gpu.memory_bytes * recipe.tensor_parallel - 2 * recipe.model.parameters
    load = Load(
        recipe=recipe,
        gpu=gpu,
        lengths=Lengths(mean, recipe.max_response),
        prompt_tokens=prompt,
        at_once=concurrency(recipe, room / recipe.model.kv_bytes, prompt, mean),
    )
    return summed(step_work(load))


def _means(phase: Phase) -> NDArray[np.float64]:
    tokens = phase.response_tokens
    if isinstance(tokens, str):
        means = growth(paper().curves[tokens], phase.steps, phase.max_response)
        at = np.linspace(0, len(means) - 1, min(SAMPLED_STEPS, len(means))).astype(int)
        return means.take(at)
    return np.array([min(tokens, MOST_FILLED * phase.max_response)])


def _recipe(model: Model, gpu: Gpu, run: PublishedRun, phase: Phase) -> Recipe:
    trained = Trained(
        micro_tokens=16384,
        sequence_parallel=1,
        weight_bytes=4,
        shards=phase.gpus,
        epochs=1,
        updates=1,
        has_checkpointing=True,
        has_fused_kernels=False,
        chunks_entropy=True,
        weights_offloaded=False,
        optimizer_offloaded=False,
    )
    return Recipe(
        model=model,
        gpus=phase.gpus,
        gpus_per_node=gpu.gpus_per_node,
        steps=phase.steps,
        prompts=phase.prompts,
        samples=phase.samples,
        max_prompt=2048,
        max_response=phase.max_response,
        actor=trained,
        critic=trained if run.has_critic else None,
        has_reference=run.has_reference,
        reference_offloaded=True,
        drops_groups=False,
        recomputes_log_probs=True,
        tensor_parallel=phase.tensor_parallel,
        max_num_seqs=phase.max_num_seqs,
        cache_share=CACHE_SHARE,
        frees_cache=True,
        test_freq=phase.test_freq,
        evaluation_responses=phase.evaluation_responses,
    )
