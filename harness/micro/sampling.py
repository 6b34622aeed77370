"""Samples a micro model with plain transformers, freely or made to go on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.micro.hashing import axis_hash
from harness.schema import UsageError

RESPONSE_LIMIT = 288
"""Tokens; three times the longest search of a training question (17 trials and the answer)."""

BATCH = 256
STOP_TEXT = "</answer>"
BARRED = ("</think>", "<answer>", "\\boxed{", " ")
"""What begins an answer: the space stands before each tag."""


class Response(NamedTuple):
    """One sampled text, whether it ended before the limit, and its length in tokens."""

    text: str
    finished: bool
    tokens: int


class Loaded(NamedTuple):
    """A model and its tokenizer."""

    model: Any
    tokenizer: Any


def load(directory: Path) -> Loaded:
    """Load a model and its tokenizer for sampling.

    Raises:
        UsageError: If the directory holds no model.
    """
    if not (directory / "config.json").is_file():
        raise UsageError(f"{directory} holds no model (no config.json): give model=<dir>")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(directory, dtype="float32").eval()
    return Loaded(model, AutoTokenizer.from_pretrained(directory))


def sample(
    loaded: Loaded,
    prompts: Sequence[str],
    seed: int,
    *,
    attempts: int = 0,
    limit: int = RESPONSE_LIMIT,
) -> list[Response]:
    """Sample one response per prompt at temperature 1, ended by eos or ``</answer>``.

    Args:
        loaded: from `load`.
        prompts: with the template.
        seed: of the sampling.
        attempts: make the model go on until it writes `yes` or has failed so often, then answer;
            0 leaves it alone.
        limit: longest response in tokens.
    """
    import torch

    model, tokenizer = loaded
    torch.manual_seed(axis_hash("probe", seed) % 2**63)
    ends = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(STOP_TEXT)]
    results = []
    for start in range(0, len(prompts), BATCH):
        inputs = tokenizer(list(prompts[start : start + BATCH]), padding=True, return_tensors="pt")
        width = inputs["input_ids"].shape[1]
        with torch.inference_mode():
            output = model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                do_sample=True,
                temperature=1.0,
                top_p=1.0,
                top_k=0,
                max_new_tokens=limit,
                eos_token_id=ends,
                pad_token_id=tokenizer.pad_token_id,
                logits_processor=[_going_on(tokenizer, width, attempts)] if attempts else [],
            )
        for row in output[:, width:].tolist():
            length = next((i + 1 for i, token in enumerate(row) if token in ends), len(row))
            text = tokenizer.decode(row[:length], skip_special_tokens=True)
            results.append(Response(text, row[length - 1] in ends, length))
    return results


def _going_on(tokenizer: Any, width: int, attempts: int) -> Any:
    """A logits processor: no answer before so many failures, none but the answer after them."""
    import torch

    barred = [tokenizer.eos_token_id, *tokenizer.convert_tokens_to_ids(list(BARRED[:-1]))]
    space = tokenizer(BARRED[-1])["input_ids"][0]
    no, yes, close = tokenizer.convert_tokens_to_ids([" no", " yes", "</think>"])

    def process(ids: Any, scores: Any) -> Any:
        written = ids[:, width:]
        is_open = ~((written == yes) | (written == close)).any(1)
        failures = (written == no).sum(1)
        scores[(is_open & (failures < attempts))[:, None] & _only(scores, [*barred, space])] = -1e9
        if written.shape[1]:
            last = written[:, -1]
            spent = is_open & (failures >= attempts)
            for after, forced in ((no, space), (space, close)):
                rows = spent & (last == after)
                scores[rows] = torch.where(_only(scores, [forced])[0], 0.0, -1e9)
        return scores

    def _only(scores: Any, tokens: list[int]) -> Any:
        chosen = torch.zeros_like(scores, dtype=torch.bool)
        chosen[:, tokens] = True
        return chosen

    return process
