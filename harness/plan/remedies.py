"""Which settings make a cell fit that does not: tried one after the other, the cheap ones first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from harness.plan.hardware import Gpu
from harness.plan.memory import plan_memory
from harness.plan.recipe import ACTOR, CRITIC, ROLLOUT, Recipe, Trained

LARGEST = 1024
"""GPUs up to which a larger cluster is looked for."""


class Change(NamedTuple):
    """Overrides, and what they make of a recipe."""

    overrides: tuple[str, ...]
    apply: Callable[[Recipe], Recipe]


class Remedy(NamedTuple):
    """What makes a cell fit.

    Attributes:
        overrides: to add to the command line; empty if none help.
        gpus: of the smallest cluster on which it fits, with those settings; None for none.
    """

    overrides: tuple[str, ...]
    gpus: int | None


def find_remedy(recipe: Recipe, gpu: Gpu) -> Remedy:
    """Return settings with which a cell fits on its GPUs, or else how many more it takes.

    Each change that lowers what is missing is kept until the cell fits; then those are dropped that
    it fits without. With more GPUs the changes are the same, found anew for each number.
    """
    kept = _kept_changes(recipe, gpu)
    if kept is not None:
        return Remedy(_overrides(kept), recipe.gpus)
    gpus = recipe.gpus * 2
    while gpus <= LARGEST:
        larger = resized(recipe, gpus)
        found = _kept_changes(larger, gpu)
        if found is not None:
            return Remedy(_overrides(found), gpus)
        gpus *= 2
    return Remedy((), None)


def _overrides(changes: list[Change]) -> tuple[str, ...]:
    return tuple(text for change in changes for text in change.overrides)


def resized(recipe: Recipe, gpus: int) -> Recipe:
    """Return a recipe on another number of GPUs, cut over all of them if it was before."""

    def cut(trained: Trained) -> Trained:
        return replace(trained, shards=gpus if trained.shards == recipe.gpus else trained.shards)

    critic = cut(recipe.critic) if recipe.critic else None
    return replace(recipe, gpus=gpus, actor=cut(recipe.actor), critic=critic)


def _kept_changes(recipe: Recipe, gpu: Gpu) -> list[Change] | None:
    """Return the changes with which a recipe fits, None if all of them do not do."""
    kept: list[Change] = []
    at = recipe
    for change in _changes(recipe):
        if plan_memory(at, gpu).fits:
            break
        tried = change.apply(at)
        if plan_memory(tried, gpu).excess < plan_memory(at, gpu).excess:
            kept, at = [*kept, change], tried
    if not plan_memory(at, gpu).fits:
        return None
    for change in list(kept):
        without = [other for other in kept if other is not change]
        if plan_memory(_applied(recipe, without), gpu).fits:
            kept = without
    return kept


def _applied(recipe: Recipe, changes: list[Change]) -> Recipe:
    for change in changes:
        recipe = change.apply(recipe)
    return recipe


def _changes(recipe: Recipe) -> Iterator[Change]:
    """Yield what may be changed without changing what is computed, the least slowing first."""
    yield _trained(ACTOR, "actor_rollout_ref.model.use_fused_kernels=true", has_fused_kernels=True)
    yield from _micro_batches(recipe)
    yield _trained(ACTOR, f"{ACTOR}.fsdp_config.optimizer_offload=true", optimizer_offloaded=True)
    yield _trained(CRITIC, "critic.fsdp.optimizer_offload=true", optimizer_offloaded=True)
    yield _trained(ACTOR, f"{ACTOR}.fsdp_config.param_offload=true", weights_offloaded=True)
    yield _trained(CRITIC, "critic.fsdp.param_offload=true", weights_offloaded=True)
    for share in (0.8, 0.7, 0.6, 0.5, 0.4, 0.3):
        if share != recipe.cache_share:
            yield _share(share)
    for width in (2, 4, 8):
        if width > recipe.tensor_parallel and recipe.gpus % width == 0:
            yield _width(width)
            for share in (0.8, 0.6, 0.5, 0.4, 0.3):
                yield _share(share)
    for parallel in (2, 4, 8):
        yield from _sequence_parallel(recipe, parallel)


def _trained(place: str, override: str, **fields: bool) -> Change:
    def apply(recipe: Recipe) -> Recipe:
        if place == ACTOR:
            return replace(recipe, actor=replace(recipe.actor, **fields))
        return (
            recipe
            if recipe.critic is None
            else replace(recipe, critic=replace(recipe.critic, **fields))
        )

    return Change((f"verl.{override}",), apply)


def _micro_batches(recipe: Recipe) -> Iterator[Change]:
    longest = recipe.max_prompt + recipe.max_response
    for place in (ACTOR, CRITIC):
        trained = recipe.actor if place == ACTOR else recipe.critic
        if trained and trained.micro_tokens * trained.sequence_parallel > longest:
            yield _tokens(
                place, -(-longest // trained.sequence_parallel), trained.sequence_parallel
            )


def _sequence_parallel(recipe: Recipe, parallel: int) -> Iterator[Change]:
    longest = recipe.max_prompt + recipe.max_response
    for place in (ACTOR, CRITIC):
        trained = recipe.actor if place == ACTOR else recipe.critic
        if trained and parallel > trained.sequence_parallel and recipe.gpus % parallel == 0:
            yield _tokens(place, -(-longest // parallel), parallel)


def _tokens(place: str, tokens: int, parallel: int) -> Change:
    engine = "fsdp_config" if place == ACTOR else "fsdp"

    def apply(recipe: Recipe) -> Recipe:
        if place == ACTOR:
            return replace(recipe, actor=cut(recipe.actor))
        return replace(recipe, critic=cut(recipe.critic)) if recipe.critic else recipe

    def cut(trained: Trained) -> Trained:
        return replace(trained, micro_tokens=tokens, sequence_parallel=parallel)

    overrides = (
        f"verl.{place}.use_dynamic_bsz=true",
        f"verl.{place}.ppo_max_token_len_per_gpu={tokens}",
        f"verl.{place}.{engine}.ulysses_sequence_parallel_size={parallel}",
    )
    return Change(overrides, apply)


def _share(share: float) -> Change:
    return Change(
        (f"verl.{ROLLOUT}.gpu_memory_utilization={share}",),
        lambda recipe: replace(recipe, cache_share=share),
    )


def _width(width: int) -> Change:
    return Change(
        (f"verl.{ROLLOUT}.tensor_model_parallel_size={width}",),
        lambda recipe: replace(recipe, tensor_parallel=width),
    )
