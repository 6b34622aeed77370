"""Memory of one GPU by part, in each phase of a training step.

The phases of a step follow each other on the same GPUs: generation, log-probs, critic update, actor
update. What a network keeps between its phases stays where it is unless it is offloaded; the engine
gives its memory back if `free_cache_engine` is set. Rules of size, in bytes per GPU:

- weights: parameters x 4 (fp32) or 2 (bf16), over the GPUs that share them, and in its own phase a
  BF16 copy of two layers and of the embedding and output tables, gathered for the computation;
- gradients: as the weights, in the network's own update only;
- optimizer: two moments of AdamW, each as large as the weights;
- activations: with checkpointing the input of each layer in BF16, and one layer's inner values
  twice (values and gradients); without it the inner values of all layers;
- logits: BF16 values and gradients per token and vocabulary entry; with the entropy also two more
  copies, or three fp32 pieces of 2,048 tokens where it is computed in pieces;
- KV cache: what the engine's share leaves after its weights and its own working memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.plan.hardware import Gpu
from harness.plan.models import Model
from harness.plan.recipe import Recipe, Trained

GIB = 2**30
PARTS = ("weights", "gradients", "optimizer", "activations", "logits", "KV cache", "other")

OTHER = 6 * GIB
"""CUDA contexts, communication buffers, fragmentation: an assumption."""

ENGINE_WORK = 3 * GIB
"""Of the rollout engine beside weights and cache (activations, graphs): an assumption."""

CHUNK = 2048
"""veRL's entropy_from_logits_chunk_size [tokens]."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Memory of one GPU in one phase: part -> bytes, the parts of `PARTS`."""

    name: str
    parts: dict[str, float]

    @property
    def total(self) -> float:
        """Bytes in all."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of one GPU.

    Attributes:
        phases: of a step.
        capacity: of the GPU [B].
        cached_tokens: that the KV cache of one engine holds; below 0 if even weights do not fit.
        needed_tokens: of one longest sequence.
    """

    phases: tuple[Phase, ...]
    capacity: float
    cached_tokens: float
    needed_tokens: int

    @property
    def peak(self) -> Phase:
        """The phase that needs most."""
        return max(self.phases, key=lambda phase: phase.total)

    @property
    def fits(self) -> bool:
        """No phase exceeds the GPU, and one longest sequence fits into the cache."""
        return self.peak.total <= self.capacity and self.cached_tokens >= self.needed_tokens

    @property
    def excess(self) -> float:
        """How far it is from fitting, at least 0 [B]: over the GPU by phase, and in the cache."""
        over = sum(max(phase.total - self.capacity, 0.0) for phase in self.phases)
        if self.cached_tokens >= self.needed_tokens:
            return over
        # no size of anything: it lets a setting count that only enlarges the cache
        return over + (1 - self.cached_tokens / self.needed_tokens) * GIB


def plan_memory(recipe: Recipe, gpu: Gpu) -> Memory:
    """Return the memory of one GPU for a cell."""
    share = recipe.cache_share * gpu.memory_bytes
    engine_weights = 2.0 * recipe.model.parameters / recipe.tensor_parallel
    cache = share - engine_weights - ENGINE_WORK
    engine = {"weights": engine_weights, "KV cache": max(cache, 0.0), "other": ENGINE_WORK}
    phases = tuple(_phases(recipe, engine))
    return Memory(
        phases=phases,
        capacity=gpu.memory_bytes,
        cached_tokens=cache * recipe.tensor_parallel / recipe.model.kv_bytes,
        needed_tokens=recipe.max_prompt + recipe.max_response,
    )


def _phases(recipe: Recipe, engine: dict[str, float]) -> Iterator[Phase]:
    resident = _kept(recipe)
    # an engine that does not sleep keeps its memory in every phase
    between = _added(resident, {} if recipe.frees_cache else engine)
    yield Phase("generation", _added(resident, engine))
    actor, model = recipe.actor, recipe.model
    yield Phase("log-probs", _added(between, _forward(model, actor)))
    if recipe.critic:
        yield Phase("critic update", _added(between, _update(model, recipe.critic, is_critic=True)))
    yield Phase("actor update", _added(between, _update(model, actor, is_critic=False)))


def _kept(recipe: Recipe) -> dict[str, float]:
    """Return the bytes that stay on a GPU in every phase, by part."""
    parts = {"other": float(OTHER)}
    networks = [(recipe.actor, recipe.model.parameters)]
    if recipe.critic:
        networks.append((recipe.critic, recipe.model.value_parameters))
    for trained, parameters in networks:
        cut = parameters * trained.weight_bytes / trained.shards
        parts = _added(
            parts,
            {
                "weights": 0.0 if trained.weights_offloaded else cut,
                "optimizer": 0.0 if trained.optimizer_offloaded else 2 * cut,
            },
        )
    if recipe.has_reference and not recipe.reference_offloaded:
        cut = recipe.model.parameters * recipe.actor.weight_bytes / recipe.actor.shards
        parts = _added(parts, {"weights": cut})
    return parts


def _forward(model: Model, trained: Trained) -> dict[str, float]:
    cut = model.parameters * trained.weight_bytes / trained.shards
    return {
        "weights": _gathered(model, is_critic=False) + (cut if trained.weights_offloaded else 0.0),
        "activations": _inner(model, trained.micro_tokens),
        "logits": _entropy_bytes(model, trained),
    }


def _update(model: Model, trained: Trained, *, is_critic: bool) -> dict[str, float]:
    parameters = model.value_parameters if is_critic else model.parameters
    cut = parameters * trained.weight_bytes / trained.shards
    logits = 0.0 if trained.has_fused_kernels else 4.0 * trained.micro_tokens * model.vocab
    return {
        "weights": _gathered(model, is_critic=is_critic)
        + (cut if trained.weights_offloaded else 0.0),
        "gradients": cut,
        "optimizer": 2 * cut if trained.optimizer_offloaded else 0.0,
        "activations": _activations(model, trained),
        "logits": logits,
    }


def _gathered(model: Model, *, is_critic: bool) -> float:
    tables = 1 if model.is_tied or is_critic else 2
    return 2.0 * (2 * model.layer_parameters + tables * model.embedding_parameters)


def _activations(model: Model, trained: Trained) -> float:
    inner = _inner(model, trained.micro_tokens)
    if not trained.has_checkpointing:
        return model.layers * inner
    return 2.0 * model.layers * model.hidden * trained.micro_tokens + 2 * inner


def _inner(model: Model, tokens: int) -> float:
    """Return the BF16 values inside one layer: norms, attention, gated network, residuals."""
    per_token = (
        6 * model.hidden + 2 * model.attention_width + 2 * model.kv_width + 3 * model.intermediate
    )
    return 2.0 * tokens * per_token


def _entropy_bytes(model: Model, trained: Trained) -> float:
    if trained.has_fused_kernels:
        return 0.0
    logits = 2.0 * trained.micro_tokens * model.vocab
    if not trained.chunks_entropy:
        return 3 * logits
    return logits + 12.0 * min(CHUNK, trained.micro_tokens) * model.vocab


def _added(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {part: one.get(part, 0.0) + other.get(part, 0.0) for part in PARTS}
