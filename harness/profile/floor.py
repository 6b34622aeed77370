"""The lower bound of a training step: its arithmetic and its memory traffic at measured speeds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

FORWARD, FORWARD_AND_BACKWARD = 1, 3
"""Passes in units of one forward pass: a backward pass makes two matrix products for each one."""

REPEATS = 5
COPY_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the arithmetic of a decoder-only transformer depends on (Qwen2's layer layout).

    Attributes:
        layers, hidden, intermediate, vocabulary: sizes.
        key_value: width of keys and of values, heads times head size.
    """

    layers: int
    hidden: int
    intermediate: int
    vocabulary: int
    key_value: int

    @property
    def body_weights(self) -> int:
        """Weights of the matrix products of all layers: q, k, v, o and the three of the MLP."""
        attention = 2 * self.hidden * self.hidden + 2 * self.hidden * self.key_value
        return self.layers * (attention + 3 * self.hidden * self.intermediate)

    @property
    def head_weights(self) -> int:
        """Weights of the matrix product that makes logits."""
        return self.hidden * self.vocabulary

    def forward_flops(self, tokens: float, length: float, *, has_logits: bool = True) -> float:
        """Return the floating-point operations of a forward pass of `tokens` over all sequences.

        `length` is that of a sequence; a critic (`has_logits` False) has a head of one output.
        """
        weights = self.body_weights + (self.head_weights if has_logits else self.hidden)
        # scores and weighted sum: two products of hidden x context each, two operations per weight
        # with a causal mask a token attends to half of its sequence on average
        attention = 4 * self.layers * self.hidden * length / 2
        return tokens * (2 * weights + attention)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one training step computes on.

    Attributes:
        prompts: different prompts.
        sequences: responses.
        prompt_tokens / response_tokens: mean per sequence.
        longest: longest response, in tokens.
        has_critic / has_reference: whether values and reference log-probs are computed.
    """

    prompts: int
    sequences: int
    prompt_tokens: float
    response_tokens: float
    longest: float
    has_critic: bool
    has_reference: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What the machine can do.

    Attributes:
        flops: floating-point operations per second of a single-precision matrix product.
        bytes: read and written per second by a copy of a large array.
    """

    flops: float
    bytes: float


def shape_of(config: Mapping[str, Any]) -> Shape:
    """Return the shape from a model's config.json."""
    hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    key_value_heads = int(config.get("num_key_value_heads", heads))
    return Shape(
        layers=int(config["num_hidden_layers"]),
        hidden=hidden,
        intermediate=int(config["intermediate_size"]),
        vocabulary=int(config["vocab_size"]),
        key_value=key_value_heads * int(config.get("head_dim") or hidden // heads),
    )


def batch_of(step: Mapping[str, Any], verl: Mapping[str, Any]) -> Batch:
    """Return the batch of a step from verl's metrics and the cell's config."""
    prompts = int(verl["data"]["train_batch_size"])
    return Batch(
        prompts=prompts,
        sequences=prompts * int(verl["actor_rollout_ref"]["rollout"]["n"]),
        prompt_tokens=float(step["prompt_length/mean"]),
        response_tokens=float(step["response_length/mean"]),
        longest=float(step["response_length/max"]),
        has_critic="timing_s/values" in step,
        has_reference="timing_s/ref" in step,
    )


def step_flops(shape: Shape, batch: Batch) -> dict[str, float]:
    """Return part -> floating-point operations of one step, without padding.

    Generation computes each different prompt once (its key-value cache is shared) and every
    response token once. Each update passes over every sequence once, as one epoch does.
    """
    # the mean of all: attention over sequences of unequal lengths takes more, so this stays a floor
    length = batch.prompt_tokens + batch.response_tokens
    tokens = batch.sequences * length
    generated = batch.prompts * batch.prompt_tokens + batch.sequences * batch.response_tokens
    policy = shape.forward_flops(tokens, length)
    value = shape.forward_flops(tokens, length, has_logits=False)
    parts = {
        "generation and scoring": shape.forward_flops(generated, length),
        "old log-probs": FORWARD * policy,
        "actor update": FORWARD_AND_BACKWARD * policy,
    }
    if batch.has_reference:
        parts["reference log-probs"] = FORWARD * policy
    if batch.has_critic:
        parts["values"] = FORWARD * value
        parts["critic update"] = FORWARD_AND_BACKWARD * value
    return parts


def decode_bytes(shape: Shape, batch: Batch, width: int = 4) -> float:
    """Return the bytes that decoding must read; `width` is the bytes of a number."""
    # all weights once for each token of the longest response: the others are decoded beside it
    return batch.longest * (shape.body_weights + shape.head_weights) * width


def floor_s(shape: Shape, batch: Batch, speed: Speed) -> dict[str, float]:
    """Return part -> least seconds of one step on a machine; decoding adds its memory traffic."""
    # added, not overlapped: the two limits are of one size only where neither matters
    parts = {name: flops / speed.flops for name, flops in step_flops(shape, batch).items()}
    parts["generation and scoring"] += decode_bytes(shape, batch) / speed.bytes
    return parts


def measure_speed(shape: Shape, rows: int) -> Speed:
    """Measure this machine with all threads that numpy's BLAS takes; the best of some repeats.

    Args:
        shape: of the model; its MLP's product is the one that is timed.
        rows: tokens of a batch, the rows of the product.
    """
    generator = np.random.default_rng(0)
    left = generator.standard_normal((rows, shape.hidden), dtype=np.float32)
    right = generator.standard_normal((shape.hidden, shape.intermediate), dtype=np.float32)
    out = np.empty((rows, shape.intermediate), dtype=np.float32)
    # once untimed: the first product starts the threads
    np.matmul(left, right, out=out)
    products = max(1, int(2e9 / (2 * rows * shape.hidden * shape.intermediate)))
    best = min(_seconds(left, right, out, products) for _ in range(REPEATS))
    source = np.ones(COPY_BYTES // 8)
    target = np.empty_like(source)
    # once untimed: the first copy has the pages of the target made
    np.copyto(target, source)
    copies = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        np.copyto(target, source)
        copies.append(time.perf_counter() - begin)
    return Speed(
        flops=products * 2.0 * rows * shape.hidden * shape.intermediate / best,
        bytes=2.0 * COPY_BYTES / min(copies),
    )


def _seconds(left: np.ndarray, right: np.ndarray, out: np.ndarray, products: int) -> float:
    begin = time.perf_counter()
    for _ in range(products):
        np.matmul(left, right, out=out)
    return time.perf_counter() - begin
