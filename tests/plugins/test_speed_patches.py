"""What was made faster in verl and vLLM computes the same numbers."""

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.plugins.engine_patches import (
    MOVES_SWITCH,
    THREADS_VARIABLE,
    _CpuEngine,
    _vectorise_log_probs,
)
from harness.plugins.trainer_patches import _vectorise_bootstrap

pytestmark = pytest.mark.engine

SPIN = """
import zmq
import harness.plugins.cpu
from vllm.distributed.device_communicators import shm_broadcast as module
condition = module.SpinCondition(is_reader=True, context=zmq.Context(), notify_address="inproc://x")
print(condition.busy_loop_s, module.SHM_READER_RECHECK_INTERVAL_MS)
"""


@pytest.fixture(scope="module")
def module():
    from verl.trainer.ppo import metric_utils

    return metric_utils


def patched(original):
    """The patch on something that has nothing but verl's function."""
    holder = SimpleNamespace(bootstrap_metric=original)
    _vectorise_bootstrap(holder)
    return holder.bootstrap_metric


@pytest.mark.parametrize("size", [1, 2, 8])
def test_resampling_at_once_gives_verls_own_numbers(module, size: int) -> None:
    scores = np.random.default_rng(size).random(8).round(2)
    for data in (list(scores), [0.0, 1.0, 1.0], [1, 0], [0.5]):
        words = {"data": data, "subset_size": size, "reduce_fns": [np.max, np.min, np.mean]}
        plain = (
            module.bootstrap_metric.__wrapped__
            if hasattr(module.bootstrap_metric, "__wrapped__")
            else module.bootstrap_metric
        )
        np.testing.assert_allclose(patched(plain)(**words), plain(**words), rtol=0, atol=1e-15)


def test_another_seed_gives_other_numbers(module) -> None:
    data = list(np.random.default_rng(0).random(8))
    fast = patched(module.bootstrap_metric)
    assert fast(data, 4, [np.max], seed=1) != fast(data, 4, [np.max], seed=2)


def test_votes_go_verls_own_way(module) -> None:
    calls = []

    def original(data, subset_size, reduce_fns, n_bootstrap=1000, seed=42):
        calls.append(len(data))
        return [(0.5, 0.0)]

    fast = patched(original)
    assert fast([{"val": 1, "pred": "7"}], 1, [lambda votes: 0.5]) == [(0.5, 0.0)]
    assert calls == [1]


@pytest.mark.parametrize(("switch", "expected"), [("0", "0.001 5"), ("1", "1 5000")])
def test_readers_sleep_when_they_are_told_to(switch: str, expected: str) -> None:
    variables = {"VERL_PLATFORM": "cpu", "HARNESS_VLLM_SPIN": switch, "HARNESS_WARM": "0"}
    done = subprocess.run(
        [sys.executable, "-c", SPIN],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[-2:] == expected.split()


def test_one_thread_and_two_compute_the_same_log_probs_loss_and_gradients() -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from harness.micro.models import model_dir

    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(3, 60, (32, 48), generator=generator)
    before = torch.get_num_threads()

    def passes(threads: int) -> tuple[torch.Tensor, ...]:
        torch.set_num_threads(threads)
        model = AutoModelForCausalLM.from_pretrained(model_dir(), dtype=torch.float32)
        logits = model(tokens).logits[:, :-1]
        chosen = logits.log_softmax(-1).gather(-1, tokens[:, 1:, None]).squeeze(-1)
        loss = -chosen.mean()
        loss.backward()
        gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        return chosen.detach(), loss.detach(), torch.cat(gradients)

    try:
        one, two = passes(1), passes(2)
    finally:
        torch.set_num_threads(before)
    for ours, others in zip(one, two, strict=True):
        torch.testing.assert_close(ours, others, rtol=1e-5, atol=1e-7)


def packed_and_padded(lengths: list[int]) -> tuple[Any, Any, Any, Any, Any]:
    """One model with each attention, and a batch of these lengths, padded and packed."""
    import torch
    from transformers import AutoModelForCausalLM

    from harness.micro.models import model_dir
    from harness.plugins import packed_attention

    packed_attention.register()
    padded_model, packed_model = (
        AutoModelForCausalLM.from_pretrained(
            model_dir(), dtype=torch.float32, attn_implementation=name
        )
        for name in ("sdpa", packed_attention.NAME)
    )
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(3, 60, (len(lengths), max(lengths)), generator=generator)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    positions = torch.cat([torch.arange(length) for length in lengths])[None]
    return padded_model, packed_model, tokens, mask, positions


def test_packed_passes_give_the_padded_log_probs_and_gradients() -> None:
    import torch

    padded, packed, tokens, mask, positions = packed_and_padded([7, 1, 40, 23, 40, 3])
    outputs, gradients = [], []
    for model in (padded, packed):
        if model is padded:
            logits = model(tokens, attention_mask=mask.long(), use_cache=False).logits[mask]
        else:
            words = {"attention_mask": None, "position_ids": positions, "use_cache": False}
            logits = model(tokens[mask][None], **words).logits[0]
        scores = logits.log_softmax(-1)
        scores.gather(-1, tokens[mask][:, None]).mean().backward()
        outputs.append(scores.detach())
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    torch.testing.assert_close(*outputs, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-7)


def test_packed_passes_keep_the_sequences_apart() -> None:
    import torch

    _, model, tokens, mask, positions = packed_and_padded([5, 9])
    row = tokens[mask][None]
    other = row.clone()
    other[0, :5] = 61  # the first sequence only
    with torch.no_grad():
        one, two = (
            model(ids, attention_mask=None, position_ids=positions, use_cache=False).logits
            for ids in (row, other)
        )
    assert torch.equal(one[0, 5:], two[0, 5:])
    assert not torch.equal(one[0, :5], two[0, :5])


def test_packed_attention_refuses_a_batch_that_is_not_packed() -> None:
    _, model, tokens, _, _ = packed_and_padded([5, 5])
    with pytest.raises(ValueError, match="packed rows only: found 2 rows"):
        model(tokens, use_cache=False)


def log_probs_and_gradient(function: Any) -> tuple[Any, Any]:
    """What a function makes of a packed row of logits, and the gradient through it."""
    import torch

    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 267, generator=generator).mul(5).requires_grad_()
    labels = torch.randint(0, 267, (50,), generator=generator)
    out = function(logits, labels)
    out.pow(2).sum().backward()
    return out.detach(), logits.grad


def test_log_probs_at_once_are_verls_own() -> None:
    import torch
    from verl.utils import torch_functional

    plain = torch_functional.logprobs_from_logits_v2
    holder = SimpleNamespace(logprobs_from_logits_v2=plain)
    _vectorise_log_probs(holder)
    ours, verls = (
        log_probs_and_gradient(function) for function in (holder.logprobs_from_logits_v2, plain)
    )
    for one, other in zip(ours, verls, strict=True):
        assert torch.equal(one, other)


def test_log_probs_of_padded_rows_go_verls_own_way() -> None:
    import torch

    holder = SimpleNamespace(logprobs_from_logits_v2=lambda logits, labels: "verl's")
    _vectorise_log_probs(holder)
    assert holder.logprobs_from_logits_v2(torch.zeros(2, 3, 4), torch.zeros(2, 3)) == "verl's"


class _Base:
    def initialize(self) -> None:
        self.begun = True

    def forward_step(self, micro_batch: Any) -> Any:
        import torch

        return micro_batch.to(torch.device("cpu"))


class _Engine(_CpuEngine, _Base):
    pass


@pytest.mark.parametrize(("switch", "stays"), [("1", True), ("0", False)])
def test_a_micro_batch_stays_where_it_is(
    switch: str, stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from tensordict import TensorDict

    monkeypatch.setenv(MOVES_SWITCH, switch)
    values = torch.arange(3.0)
    batch = TensorDict({"values": values}, batch_size=[3])
    after = _Engine().forward_step(batch)
    assert (after is batch) == stays
    assert torch.equal(after["values"], values)


def test_an_engine_takes_the_threads_that_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    before = torch.get_num_threads()
    engine = _Engine()
    try:
        monkeypatch.setenv(THREADS_VARIABLE, "3")
        engine.initialize()
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert engine.begun


def test_a_response_is_reported_once_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from vllm.sampling_params import RequestOutputKind

    from harness.plugins import agent_loop

    monkeypatch.setenv(agent_loop.FINAL_SWITCH, "1")
    assert agent_loop._output_kind() == {"output_kind": RequestOutputKind.FINAL_ONLY}
    monkeypatch.setenv(agent_loop.FINAL_SWITCH, "0")
    assert agent_loop._output_kind() == {}
