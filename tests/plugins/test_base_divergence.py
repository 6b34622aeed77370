"""The divergence from the base model, against a plain loop over single responses."""

import pytest

from harness.plugins.base_divergence import kl_to_base

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def model():
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 11}
    return Qwen2ForCausalLM(Qwen2Config(**sizes, **heads)).eval()


@pytest.fixture(scope="module")
def rows():
    import torch

    drawn = torch.Generator().manual_seed(1)
    prompts, responses = (
        [torch.randint(0, 11, (length,), generator=drawn) for length in lengths]
        for lengths in ((4, 2, 6), (3, 7, 1))
    )
    return prompts, responses


def log_probs(model, rows, temperature: float) -> list:
    import torch

    found = []
    for prompt, response in zip(*rows, strict=True):
        with torch.no_grad():
            logits = model(torch.cat([prompt, response])[None]).logits[0]
        places = range(len(prompt) - 1, len(prompt) + len(response) - 1)
        steps = zip(places, response, strict=True)
        found.append(torch.stack([(logits[p] / temperature).log_softmax(-1)[t] for p, t in steps]))
    return found


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_the_base_does_not_diverge_from_itself(model, rows, temperature: float) -> None:
    policy = log_probs(model, rows, temperature)
    assert kl_to_base(model, *rows, policy, temperature) == pytest.approx(0, abs=1e-9)
    # at another temperature it is another policy
    assert kl_to_base(model, *rows, policy, 2.0) > 1e-4


def test_it_is_the_mean_over_all_tokens_of_k3(model, rows) -> None:
    import torch

    base = torch.cat(log_probs(model, rows, 1.0))
    policy = [part - 0.3 for part in log_probs(model, rows, 1.0)]
    ratio = (base - torch.cat(policy)).exp()
    expected = float((ratio - 1 - ratio.log()).mean())
    assert kl_to_base(model, *rows, policy, 1.0) == pytest.approx(expected, rel=1e-5)
