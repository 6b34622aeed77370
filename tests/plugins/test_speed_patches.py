"""What was made faster in verl and vLLM computes the same numbers."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from harness.plugins.trainer_patches import _bootstrap_at_once

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
    _bootstrap_at_once(holder)
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

    from harness.micro.base_model import base_model_dir

    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(3, 60, (32, 48), generator=generator)
    before = torch.get_num_threads()

    def passes(threads: int) -> tuple[torch.Tensor, ...]:
        torch.set_num_threads(threads)
        model = AutoModelForCausalLM.from_pretrained(base_model_dir(), dtype=torch.float32)
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
