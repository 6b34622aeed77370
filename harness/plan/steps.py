"""Time of one training step by part: a roofline with three efficiencies, fitted elsewhere.

Each part needs floating-point operations, bytes of the GPU's memory and turns of the decoding loop;
its time is the sum of the three, each over what the machine does per second:

    time = operations / (peak x compute) + bytes / (bandwidth x memory) + turns x turn_s

A sum, not the larger one: nothing is assumed to overlap, and the fitted efficiencies carry what
does. Gathering weights from other GPUs runs beside the computation, so a part of the training takes
the longer of the two. Operations of a matrix product count 2 per parameter and token; attention
adds 2 x layers x width x length^2 per sequence and forward pass (causal). A forward pass counts 1,
a training pass 3, and 4 with activation checkpointing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.plan.hardware import Gpu
from harness.plan.lengths import Lengths
from harness.plan.recipe import Recipe, Trained

GENERATION, EVALUATION = "generation", "evaluation"
CRITIC_UPDATE, ACTOR_UPDATE = "critic update", "actor update"
PARTS = (
    GENERATION,
    "old log-probs",
    "reference log-probs",
    "values",
    CRITIC_UPDATE,
    ACTOR_UPDATE,
    "weight sync",
    EVALUATION,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiency:
    """How much of the machine a run gets.

    Attributes:
        compute: share of the peak operations per second, in (0, 1].
        memory: share of the bandwidth of the GPU's memory while decoding, in (0, 1].
        turn_s: seconds of a turn of the decoding loop that are neither [s].
    """

    compute: float
    memory: float
    turn_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one part of a step needs, on the GPU that ends last.

    Attributes:
        part: one of `PARTS`.
        operations: of all GPUs together [FLOP].
        compute_s: seconds at the peak.
        memory_s: seconds at the full bandwidth.
        turns: of the decoding loop.
        transfer_s: seconds of moving weights between GPUs, beside the computation.
    """

    part: str
    operations: float
    compute_s: float
    memory_s: float = 0.0
    turns: float = 0.0
    transfer_s: float = 0.0

    def seconds(self, efficiency: Efficiency) -> float:
        """Return its time [s]."""
        busy = (
            self.compute_s / efficiency.compute
            + self.memory_s / efficiency.memory
            + self.turns * efficiency.turn_s
        )
        return max(busy, self.transfer_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The sequences of one step.

    Attributes:
        recipe: the cell.
        gpu: that it runs on.
        lengths: of the responses.
        prompt_tokens: mean length of a prompt.
        at_once: sequences that one engine decodes at once, at most: by its setting and its cache.
    """

    recipe: Recipe
    gpu: Gpu
    lengths: Lengths
    prompt_tokens: float
    at_once: float

    @property
    def tokens(self) -> float:
        """Tokens of a step, prompts counted once per response."""
        return self.recipe.responses * (self.prompt_tokens + self.lengths.mean)

    @property
    def squares(self) -> float:
        """Sum over sequences of the squared length [tokens^2]."""
        prompt = self.prompt_tokens
        mean = prompt**2 + 2 * prompt * self.lengths.mean + self.lengths.second_moment
        return self.recipe.responses * mean


def step_work(load: Load) -> list[Work]:
    """Return the work of each part of one step."""
    return list(_parts(load))


def step_seconds(load: Load, efficiency: Efficiency) -> dict[str, float]:
    """Return part -> seconds of one step."""
    return {work.part: work.seconds(efficiency) for work in step_work(load)}


def concurrency(recipe: Recipe, cached_tokens: float, prompt_tokens: float, mean: float) -> float:
    """Return the number of sequences that an engine decodes at once, at least 1."""
    # the cache holds prompts, and responses that are half written on average
    held = prompt_tokens + mean / 2
    return max(1.0, min(recipe.max_num_seqs, cached_tokens / held))


def _parts(load: Load) -> Iterator[Work]:
    recipe = load.recipe
    yield _decoding(load, GENERATION, recipe.responses, 1.0)
    passes = {
        "old log-probs": recipe.recomputes_log_probs,
        "reference log-probs": recipe.has_reference,
    }
    for part, is_done in passes.items():
        if is_done:
            yield _passes(load, part, recipe.actor, 1.0, is_critic=False)
    if recipe.critic:
        yield _passes(load, "values", recipe.critic, 1.0, is_critic=True)
        yield _training(load, CRITIC_UPDATE, recipe.critic)
    yield _training(load, ACTOR_UPDATE, recipe.actor)
    sync = 2.0 * recipe.model.parameters / _link(recipe, load.gpu)
    yield Work(part="weight sync", operations=0.0, compute_s=0.0, transfer_s=sync)
    if recipe.test_freq and recipe.evaluation_responses:
        share = 1.0 / recipe.test_freq
        yield _decoding(load, EVALUATION, recipe.evaluation_responses, share)


def _decoding(load: Load, part: str, responses: int, share: float) -> Work:
    """Return the work of writing responses; `share` of it falls to one step."""
    recipe, model, lengths = load.recipe, load.recipe.model, load.lengths
    here = responses / recipe.engines
    side_by_side = min(here, load.at_once)
    # while others wait the engine is full; then it empties, and all wait for the last one anywhere
    full = max(here - side_by_side, 0.0) * lengths.mean / side_by_side
    last = max(side_by_side * recipe.engines, 1.0)
    turns = full + lengths.any_active(last)
    context = here * (load.prompt_tokens * lengths.mean + lengths.second_moment / 2)
    read = turns * 2.0 * model.parameters + context * model.kv_bytes
    tokens = here * (load.prompt_tokens + lengths.mean)
    squares = here * (load.squares / recipe.responses)
    operations = 2.0 * model.multiplied * tokens + _attention(recipe, squares)
    width = recipe.tensor_parallel
    return Work(
        part=part,
        operations=share * operations * recipe.engines,
        compute_s=share * operations / width / load.gpu.flops,
        memory_s=share * read / width / load.gpu.hbm,
        turns=share * turns,
    )


def _training(load: Load, part: str, trained: Trained) -> Work:
    passes = trained.epochs * (4.0 if trained.has_checkpointing else 3.0)
    return _passes(load, part, trained, passes, is_critic=part == CRITIC_UPDATE)


def _passes(load: Load, part: str, trained: Trained, passes: float, *, is_critic: bool) -> Work:
    recipe, model = load.recipe, load.recipe.model
    multiplied = model.value_multiplied if is_critic else model.multiplied
    once = 2.0 * multiplied * load.tokens + _attention(recipe, load.squares)
    operations = passes * once
    return Work(
        part=part,
        operations=operations,
        compute_s=operations / recipe.gpus / load.gpu.flops,
        transfer_s=_gathering(load, trained, is_training=passes > 1),
    )


def _attention(recipe: Recipe, squares: float) -> float:
    return 2.0 * recipe.model.layers * recipe.model.attention_width * squares


def _gathering(load: Load, trained: Trained, *, is_training: bool) -> float:
    """Return the seconds of gathering the weights for each micro-batch.

    BF16 weights once per pass forward, once more backward, and there gradients go back in fp32.
    """
    recipe = load.recipe
    micro = math.ceil(load.tokens / (recipe.gpus * trained.micro_tokens))
    # each update ends a micro-batch, full or not
    updates = trained.updates if is_training else 1
    weights = 2.0 * recipe.model.parameters
    moved = weights * (4 if is_training else 1)
    return max(micro * trained.epochs, updates) * moved / _link(recipe, load.gpu)


def _link(recipe: Recipe, gpu: Gpu) -> float:
    """Return bytes per second at which a GPU receives weights that are spread over all."""
    if recipe.gpus <= recipe.gpus_per_node:
        return gpu.nvlink
    # the adapters of a node receive the other nodes' part once, for all its GPUs
    return min(gpu.nvlink, gpu.network * recipe.gpus_per_node)
