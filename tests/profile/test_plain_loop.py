"""The plain loop that is timed beside the suite: its sampling, advantages and update are right."""

from pathlib import Path
from typing import Any

import pytest

from harness.micro.dataset import rows_of
from harness.micro.models import model_dir
from tests.bench.peers.work import STOP_TEXT, Work

pytestmark = pytest.mark.engine
PROMPTS = [row["prompt"][0]["content"] for row in rows_of("train", 6)]


def work(**others: Any) -> Work:
    settings = {
        "model": str(model_dir()),
        "batches": [],
        "samples": 4,
        "response_limit": 60,
        "temperature": 1e-6,
        "rate": 2e-4,
        "clip": 0.2,
        "clip_grad": 1.0,
        "micro_batch": 5,
        "threads": 1,
        "seed": 1,
    }
    return Work(**{**settings, **others})


@pytest.fixture(scope="module")
def loaded() -> Any:
    import torch
    from transformers import AutoTokenizer, Qwen2ForCausalLM

    folder = Path(model_dir())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = Qwen2ForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ends = torch.tensor([tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(STOP_TEXT)])
    return model, tokenizer, ends


def test_at_no_temperature_it_samples_what_transformers_does(loaded: Any) -> None:
    """Rows end at different times: those that are dropped leave the others as they were."""
    from tests.bench.peers.plain_loop import generate

    model, tokenizer, ends = loaded
    responses = generate(model, tokenizer, work(), PROMPTS, ends)
    inputs = tokenizer(PROMPTS, padding=True, return_tensors="pt")
    expected = model.generate(
        **inputs, do_sample=False, max_new_tokens=60, eos_token_id=ends.tolist()
    )
    lengths = responses.lengths.tolist()
    assert len(set(lengths)) > 2
    for row, length in enumerate(lengths):
        begin = responses.prompt_width
        own = responses.tokens[row, begin : begin + length]
        assert own.tolist() == expected[row // 4, begin : begin + length].tolist()
        assert length == 60 or own[-1] in ends
        assert responses.mask[row, begin:].sum() == length


def test_an_update_in_small_batches_is_that_of_the_whole_batch(loaded: Any) -> None:
    import copy

    import torch

    from tests.bench.peers.plain_loop import generate, update

    model, tokenizer, ends = loaded
    torch.manual_seed(1)
    responses = generate(model, tokenizer, work(temperature=1.0), PROMPTS, ends)
    advantages = torch.randn(len(responses.tokens))
    changed = {}
    for size in (5, 24):
        own = copy.deepcopy(model)
        # a step of plain descent is the gradient itself
        update(
            own,
            torch.optim.SGD(own.parameters(), lr=1.0),
            work(temperature=1.0, micro_batch=size, clip_grad=1e9),
            responses,
            advantages,
        )
        changed[size] = torch.cat([p.detach().flatten() for p in own.parameters()])
    before = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert (changed[5] - changed[24]).abs().max() < 1e-5
    assert (changed[5] - before).abs().max() > 1e-2


def test_advantages_are_standardised_in_their_group() -> None:
    import torch

    from tests.bench.peers.plain_loop import advantages_of

    found = advantages_of(torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]), 4)
    assert found.tolist() == pytest.approx([0.5, -1.5, 0.5, 0.5, 0, 0, 0, 0], abs=1e-5)
