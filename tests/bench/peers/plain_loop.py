"""GRPO as a plain torch loop, with a key-value cache and nothing else: ``work=<file>``.

Run as ``python -m tests.bench.peers.plain_loop`` in the suite's environment. No engine, no other
process, no compilation: what the arithmetic of this model costs in torch, written in one file.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoTokenizer, DynamicCache, Qwen2ForCausalLM

from tests.bench.peers.work import STOP_TEXT, Report, Work, grade, read_work

STD_FLOOR = 1e-6
"""Beside the deviation of a group's rewards, as in the suite's GRPO."""


class Responses(NamedTuple):
    """Sampled responses of one batch, B = prompts x samples.

    Attributes:
        tokens: prompts (padded on the left) and responses (on the right), shape (B, P + R).
        mask: 1 where a token is no padding, shape (B, P + R).
        prompt_width: P.
        lengths: tokens of each response, its end included, shape (B,).
    """

    tokens: torch.Tensor
    mask: torch.Tensor
    prompt_width: int
    lengths: torch.Tensor


def positions(mask: torch.Tensor) -> torch.Tensor:
    """Return the position of each token of sequences that are padded on the left."""
    return (mask.cumsum(-1) - 1).clamp(min=0)


def read_prompts(model: Any, inputs: Any, samples: int) -> tuple[DynamicCache, torch.Tensor]:
    """Read each prompt once; return its keys and values, and next logits, for each response."""
    mask = inputs["attention_mask"]
    cache = DynamicCache(config=model.config)
    output = model(
        input_ids=inputs["input_ids"],
        attention_mask=mask,
        position_ids=positions(mask),
        past_key_values=cache,
        logits_to_keep=1,
    )
    cache.batch_repeat_interleave(samples)
    return cache, output.logits[:, -1].repeat_interleave(samples, 0)


@torch.no_grad()
def generate(model: Any, tokenizer: Any, work: Work, prompts: list[str], ends: Any) -> Responses:
    """Sample `work.samples` responses to each prompt; `ends` are the tokens that end one."""
    inputs = tokenizer(prompts, padding=True, return_tensors="pt")
    cache, logits = read_prompts(model, inputs, work.samples)
    prompt_mask = mask = inputs["attention_mask"].repeat_interleave(work.samples, 0)
    count = len(mask)
    written = torch.full((count, work.response_limit), tokenizer.pad_token_id)
    lengths = torch.full((count,), work.response_limit)
    # the responses that are still computed, and which of them go on
    rows, is_open = torch.arange(count), torch.ones(count, dtype=torch.bool)
    for step in range(work.response_limit):
        token = torch.multinomial((logits / work.temperature).softmax(-1), 1)
        written[rows[is_open], step] = token[is_open, 0]
        has_ended = is_open & torch.isin(token[:, 0], ends)
        lengths[rows[has_ended]] = step + 1
        is_open &= ~has_ended
        if not is_open.any():
            break
        if 2 * int(is_open.sum()) <= len(rows):
            # half of them have ended: go on with the others alone
            cache.batch_select_indices(is_open.nonzero()[:, 0])
            rows, token, mask = rows[is_open], token[is_open], mask[is_open]
            is_open = is_open[is_open]
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], -1)
        place = positions(mask)[:, -1:]
        logits = model(
            input_ids=token, attention_mask=mask, position_ids=place, past_key_values=cache
        ).logits[:, -1]
    return together(inputs["input_ids"], prompt_mask, written, lengths)


def together(
    prompt_ids: torch.Tensor, mask: torch.Tensor, written: torch.Tensor, lengths: torch.Tensor
) -> Responses:
    """Put prompts (one each), their mask (one for each response) and what was written together."""
    longest = int(lengths.max())
    inside = (torch.arange(longest) < lengths[:, None]).to(mask.dtype)
    prompts = prompt_ids.repeat_interleave(len(mask) // len(prompt_ids), 0)
    tokens = torch.cat([prompts, written[:, :longest]], -1)
    return Responses(tokens, torch.cat([mask, inside], -1), mask.shape[1], lengths)


def rewards_of(
    tokenizer: Any, responses: Responses, references: list[str], ends: Any
) -> torch.Tensor:
    """Return the reward of each response, shape (B,)."""
    texts = responses.tokens[:, responses.prompt_width :].tolist()
    rewards = []
    for row, length, reference in zip(texts, responses.lengths.tolist(), references, strict=True):
        text = tokenizer.decode(row[:length], skip_special_tokens=True)
        rewards.append(grade(text, reference, is_finished=row[length - 1] in ends))
    return torch.tensor(rewards)


def advantages_of(rewards: torch.Tensor, samples: int) -> torch.Tensor:
    """Return the rewards, standardised in each group of `samples`, shape (B,)."""
    groups = rewards.view(-1, samples)
    deviation = groups.std(1, keepdim=True) + STD_FLOOR
    return ((groups - groups.mean(1, keepdim=True)) / deviation).flatten()


def update(
    model: Any, optimizer: Any, work: Work, responses: Responses, advantages: torch.Tensor
) -> None:
    """Make one step of AdamW on the clipped loss, the mean over all tokens of the batch."""
    total = responses.lengths.sum()
    for begin in range(0, len(advantages), work.micro_batch):
        part = slice(begin, begin + work.micro_batch)
        longest = responses.prompt_width + int(responses.lengths[part].max())
        tokens, mask = responses.tokens[part, :longest], responses.mask[part, :longest]
        kept = longest - responses.prompt_width
        logits = model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions(mask),
            logits_to_keep=kept + 1,
            use_cache=False,
        ).logits[:, :-1]
        targets = tokens[:, -kept:, None]
        log_probs = (logits / work.temperature).log_softmax(-1).gather(-1, targets)[..., 0]
        # one update per batch: the old policy is this one
        ratio = (log_probs - log_probs.detach()).exp()
        gains = advantages[part, None]
        clipped = ratio.clamp(1 - work.clip, 1 + work.clip)
        loss = -torch.minimum(ratio * gains, clipped * gains) * mask[:, -kept:]
        (loss.sum() / total).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), work.clip_grad)
    optimizer.step()
    optimizer.zero_grad()


def main(argv: list[str]) -> None:
    """Do the work and print the report."""
    work = read_work(argv)
    torch.set_num_threads(work.threads)
    torch.manual_seed(work.seed)
    tokenizer = AutoTokenizer.from_pretrained(Path(work.model))
    model = Qwen2ForCausalLM.from_pretrained(Path(work.model), dtype=torch.float32)
    ends = torch.tensor([tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(STOP_TEXT)])
    optimizer = torch.optim.AdamW(model.parameters(), lr=work.rate, weight_decay=0.0)
    report = Report(("torch", "transformers"))
    for batch in work.batches:
        begin = time.monotonic()
        responses = generate(model, tokenizer, work, [prompt for prompt, _ in batch], ends)
        references = [reference for _, reference in batch for _ in range(work.samples)]
        rewards = rewards_of(tokenizer, responses, references, ends.tolist())
        report.generation_s.append(time.monotonic() - begin)
        report.note_responses(responses.lengths.tolist(), rewards.tolist())
        update(model, optimizer, work, responses, advantages_of(rewards, work.samples))
        report.note_step(time.monotonic() - begin)
    report.print()


if __name__ == "__main__":
    main(sys.argv[1:])
