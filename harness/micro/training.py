"""The pre-training loop: random weights, a fixed stream of documents, one thread, fixed seeds."""

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from harness.micro.corpus import FINAL_MIX, PATIENT_MIX, SIMPLE_MIX, Document, Mix, draw_document
from harness.micro.hashing import axis_hash
from harness.micro.sizes import SIZES
from harness.micro.tokenizer import MAX_POSITIONS

BATCH_DOCUMENTS = 64
MICRO_BATCHES = 3
FLOOR_SHARE = 0.01
WARM_UP_STEPS = 40
SIMPLE_UNTIL = 0.2
PATIENT_UNTIL = 0.75
WEIGHT_DECAY = 0.01
CLIP_NORM = 1.0
IGNORED = -100
SOLVED_WEIGHT = 8.0
"""Weight of the word *yes* in the loss: one verdict in ten is one, and each search hangs on it."""


class Schedule(NamedTuple):
    """Length of pre-training in steps, and the highest learning rate."""

    steps: int
    peak: float


class Progress(NamedTuple):
    """One step: its number (from 0), mean loss in nats per token, rate and seconds so far."""

    step: int
    loss: float
    rate: float
    elapsed_s: float


def build_model(size: str, vocabulary: int, end_token: int, seed: int) -> Any:
    """Build a Qwen2-architecture model of a size of `SIZES` with random weights, fp32."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(axis_hash("weights", seed) % 2**63)
    shape = SIZES[size]
    config = Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        max_position_embeddings=MAX_POSITIONS,
        tie_word_embeddings=True,
        initializer_range=0.04,
        bos_token_id=None,
        eos_token_id=end_token,
        pad_token_id=end_token,
        dtype="float32",
        attn_implementation="sdpa",
    )
    return Qwen2ForCausalLM(config)


def mix_of_step(step: int, steps: int) -> Mix:
    """Simple problems, then all of them, by authors who go on; last the base model's habits."""
    if step <= steps * SIMPLE_UNTIL:
        return SIMPLE_MIX
    return PATIENT_MIX if step < steps * PATIENT_UNTIL else FINAL_MIX


def documents_of_step(step: int, steps: int, seed: int) -> list[Document]:
    """The documents of one step, each from its own named axes."""
    mix = mix_of_step(step, steps)
    return [draw_document(mix, seed, step, row) for row in range(BATCH_DOCUMENTS)]


def rate_of_step(step: int, schedule: Schedule) -> float:
    """Linear warm-up to the peak, then a cosine down to a hundredth of it."""
    steps, peak = schedule
    if step < WARM_UP_STEPS:
        return peak * (step + 1) / WARM_UP_STEPS
    progress = (step - WARM_UP_STEPS) / max(1, steps - WARM_UP_STEPS)
    return peak * (FLOOR_SHARE + (1 - FLOOR_SHARE) * 0.5 * (1 + math.cos(math.pi * progress)))


def encode_documents(documents: list[Document], tokenizer: Any) -> list[tuple[list[int], int]]:
    """Encode documents to (token ids, prompt length), longest last."""
    prompts = tokenizer([d.prompt for d in documents])["input_ids"]
    responses = tokenizer([d.response for d in documents])["input_ids"]
    rows = []
    for prompt, response in zip(prompts, responses, strict=True):
        rows.append(([*prompt, *response, tokenizer.eos_token_id], len(prompt)))
    return sorted(rows, key=lambda row: len(row[0]))


def micro_batches(rows: list[tuple[list[int], int]], pad: int) -> list[tuple[Any, Any]]:
    """Split rows into batches of similar length: (inputs, targets), each [rows, tokens].

    Targets are `IGNORED` on the prompt and the padding: the loss is on the response only. Padding
    stands on the right, where a causal model cannot see it, so no mask is needed.
    """
    import torch

    size, batches = math.ceil(len(rows) / MICRO_BATCHES), []
    for start in range(0, len(rows), size):
        chunk = rows[start : start + size]
        width = len(chunk[-1][0]) - 1
        inputs = torch.full((len(chunk), width), pad)
        targets = torch.full((len(chunk), width), IGNORED)
        for row, (ids, prompt_length) in enumerate(chunk):
            inputs[row, : len(ids) - 1] = torch.tensor(ids[:-1])
            answer = slice(prompt_length - 1, len(ids) - 1)
            targets[row, answer] = torch.tensor(ids[prompt_length:])
        batches.append((inputs, targets))
    return batches


def train(
    model: Any,
    tokenizer: Any,
    *,
    schedule: Schedule,
    seed: int,
    stop_after: int | None = None,
    report: Callable[[Progress], None] = lambda _: None,
) -> list[float]:
    """Train in place and return the loss of every step.

    Args:
        model: from `build_model`.
        tokenizer: from `tokenizer.build_tokenizer`.
        schedule: length of the whole training, and its peak rate.
        seed: names the document stream.
        stop_after: leave after so many steps of that schedule (for the check of a prefix).
        report: called after every step.
    """
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=schedule.peak, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY
    )
    weights = torch.ones(len(tokenizer))
    weights[tokenizer.convert_tokens_to_ids(" yes")] = SOLVED_WEIGHT
    model.train()
    began, losses = time.monotonic(), []
    for step in range(schedule.steps if stop_after is None else stop_after):
        rate = rate_of_step(step, schedule)
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = encode_documents(documents_of_step(step, schedule.steps, seed), tokenizer)
        batches = micro_batches(rows, tokenizer.pad_token_id)
        losses.append(_step(model, optimizer, batches, weights))
        report(Progress(step, losses[-1], rate, time.monotonic() - began))
    return losses


def _step(model: Any, optimizer: Any, batches: list[tuple[Any, Any]], weights: Any) -> float:
    import torch

    tokens = sum(int((targets != IGNORED).sum()) for _, targets in batches)
    loss_sum = 0.0
    for inputs, targets in batches:
        hidden = model.model(input_ids=inputs, use_cache=False).last_hidden_state
        wanted = targets != IGNORED
        logits = model.lm_head(hidden[wanted])
        loss = (
            torch.nn.functional.cross_entropy(logits, targets[wanted], weights, reduction="sum")
            / tokens
        )
        loss.backward()
        loss_sum += float(loss.detach())
    torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss_sum
