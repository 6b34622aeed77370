"""Generation without what nobody reads samples the same tokens, and they reach the queue."""

import asyncio
import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from harness.plugins import lean_forward
from harness.plugins.engine_patches import DIFFERENCE_KEY, ENTROPY_KEY
from harness.plugins.trainer_patches import _name_as_measured_before
from harness.plugins.vllm_patches import (
    LEAN_FORWARD_SWITCH,
    LEAN_SAMPLING_SWITCH,
    _draw_once,
    _leave_log_probs_without_text,
)

pytestmark = pytest.mark.engine

GENERATE = """
import json, sys
import harness.plugins.cpu
from vllm import LLM, SamplingParams
from harness.micro.models import model_dir

model = LLM(str(model_dir()), dtype="float32", enforce_eager=True, max_model_len=128,
            logprobs_mode="processed_logprobs")
prompts = [{"prompt_token_ids": list(range(3, 3 + length))} for length in (5, 9, 12)]
asked = [SamplingParams(temperature=1.0, seed=seed, max_tokens=40, logprobs=0) for seed in range(3)]
outputs = [output.outputs[0] for output in model.generate(prompts, asked, use_tqdm=False)]
first = [next(iter(entry.values())) for output in outputs for entry in output.logprobs]
print(json.dumps({
    "tokens": [list(output.token_ids) for output in outputs],
    "log_probs": [entry.logprob for entry in first],
    "texts": [entry.decoded_token for entry in first],
}))
"""


def generated(**switches: str) -> dict[str, Any]:
    """What vLLM samples for three seeded prompts, in a process of its own."""
    variables = {
        "VERL_PLATFORM": "cpu",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "TORCHDYNAMO_DISABLE": "1",
        "OMP_NUM_THREADS": "1",
        "HARNESS_WARM": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", GENERATE],
        env={**os.environ, **variables, **switches},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    return generated()


def test_the_lean_forward_pass_samples_the_same_tokens_with_the_same_log_probs(plain) -> None:
    lean = generated(**{LEAN_FORWARD_SWITCH: "1"})
    assert lean == plain


def test_lean_sampling_samples_the_same_tokens_and_leaves_out_the_texts(plain) -> None:
    lean = generated(**{LEAN_SAMPLING_SWITCH: "1"})
    assert (lean["tokens"], lean["log_probs"]) == (plain["tokens"], plain["log_probs"])
    assert all(plain["texts"])
    assert not any(lean["texts"])


def small_model(**changed: Any) -> Any:
    """What the lean pass asks of a model before it takes its place."""
    linear = SimpleNamespace(tp_size=1, quant_method=type("UnquantizedLinearMethod", (), {})())
    attention = SimpleNamespace(
        qkv_proj=linear,
        o_proj=linear,
        qk_norm=changed.get("qk_norm", False),
        attn=SimpleNamespace(query_quant=changed.get("query_quant")),
    )
    mlp = SimpleNamespace(gate_up_proj=linear, down_proj=linear)
    if "down_proj" in changed:
        mlp.down_proj = changed["down_proj"]
    layer = SimpleNamespace(self_attn=attention, mlp=mlp)
    hidden = changed.get("aux_hidden_state_layers", ())
    return SimpleNamespace(layers=[layer, layer], aux_hidden_state_layers=hidden)


@pytest.mark.parametrize(
    "changed",
    [
        {"qk_norm": True},
        {"query_quant": object()},
        {"aux_hidden_state_layers": (1,)},
        {"down_proj": SimpleNamespace(tp_size=2, quant_method=None)},
        {"down_proj": SimpleNamespace(tp_size=1, quant_method=None)},
    ],
)
def test_a_model_with_more_than_the_lean_pass_does_goes_vllms_own_way(changed: Any) -> None:
    assert lean_forward._is_plain(small_model())
    assert not lean_forward._is_plain(small_model(**changed))


@pytest.mark.parametrize("mode", ["raw_logprobs", "processed_logits", "processed_logprobs"])
@pytest.mark.parametrize("seeded", [4, 3, 0])
def test_noise_that_is_drawn_once_samples_the_same_tokens(mode: str, seeded: int) -> None:
    import torch
    from vllm.v1.sample.ops import topk_topp_sampler as module

    # of its own, so that the patch stays in this test
    sampler: Any = type("Sampler", (module.TopKTopPSampler,), {})
    holder = SimpleNamespace(
        TopKTopPSampler=sampler,
        torch=torch,
        apply_top_k_top_p=module.apply_top_k_top_p,
        sample_with_exponential_noise=module.sample_with_exponential_noise,
    )
    logits = torch.randn(4, 50, generator=torch.Generator().manual_seed(0))

    def sampled(sampler: Any) -> tuple[Any, Any, bool]:
        generators = {place: torch.Generator().manual_seed(place) for place in range(seeded)}
        torch.manual_seed(7)
        before = torch.get_rng_state()
        tokens, returned = sampler.forward_cpu(logits.clone(), generators, None, None)
        return tokens, returned, not torch.equal(before, torch.get_rng_state())

    original = sampled(module.TopKTopPSampler(mode))
    _draw_once(holder)
    ours = sampled(sampler(mode))
    assert torch.equal(ours[0], original[0])
    assert (ours[1] is None) == (original[1] is None)
    if original[1] is not None:
        assert torch.equal(ours[1], original[1])
    # where every request has its own generator the shared one is left alone
    assert original[2]
    assert ours[2] == (seeded < len(logits))


def test_log_probs_are_asked_for_without_a_tokenizer() -> None:
    class Processor:
        @classmethod
        def from_new_request(cls, tokenizer: Any, request: Any) -> tuple[Any, Any]:
            return tokenizer, request

    _leave_log_probs_without_text(SimpleNamespace(LogprobsProcessor=Processor))
    assert Processor.from_new_request("a tokenizer", "a request") == (None, "a request")


def loss_and_gradient(old_log_probs: Any, *, config: Any = None) -> tuple[Any, Any, Any]:
    """verl's loss of two responses for these old log-probs: loss, gradient, metrics."""
    import torch
    from tensordict import TensorDict
    from verl.workers.config import ActorConfig
    from verl.workers.utils import losses

    from harness.plugins.engine_patches import _measure_in_update

    module = SimpleNamespace(**vars(losses))
    module.no_padding_2_padding = lambda tensor, data: tensor
    original = losses.no_padding_2_padding
    losses.no_padding_2_padding = module.no_padding_2_padding
    try:
        _measure_in_update(module)
        log_probs = new_log_probs().requires_grad_()
        entropy = torch.full((2, 5), 0.5, requires_grad=True)
        data = TensorDict(
            {
                "response_mask": torch.nested.nested_tensor(
                    [torch.ones(5), torch.ones(3)], layout=torch.jagged
                ),
                "old_log_probs": torch.nested.nested_tensor(
                    [old_log_probs[0], old_log_probs[1, :3]], layout=torch.jagged
                ),
                "advantages": torch.nested.nested_tensor(
                    [torch.linspace(-1, 1, 5), torch.linspace(2, -1, 3)], layout=torch.jagged
                ),
            },
            batch_size=[2],
        )
        from verl.utils import tensordict_utils as tu

        tu.assign_non_tensor(data, dp_size=1, batch_num_tokens=8, global_batch_size=2)
        config = ActorConfig(
            strategy="fsdp2", rollout_n=1, ppo_micro_batch_size_per_gpu=2, entropy_coeff=0.0
        )
        loss, metrics = module.ppo_loss(config, {"log_probs": log_probs, "entropy": entropy}, data)
        loss.backward()
        assert entropy.grad is None
        return loss.detach(), log_probs.grad, metrics
    finally:
        losses.no_padding_2_padding = original


def new_log_probs() -> Any:
    import torch

    return -torch.rand(2, 5, generator=torch.Generator().manual_seed(0))


def test_the_log_probs_of_the_rollout_give_the_gradient_of_a_pass_of_their_own() -> None:
    import torch

    exact = new_log_probs()
    from_rollout = exact + 3e-7 * torch.randn(2, 5, generator=torch.Generator().manual_seed(1))
    loss, gradient, metrics = loss_and_gradient(from_rollout)
    same_loss, same_gradient, _ = loss_and_gradient(exact)
    torch.testing.assert_close(loss, same_loss, rtol=0, atol=1e-6)
    torch.testing.assert_close(gradient, same_gradient, rtol=1e-5, atol=1e-7)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    expected = ((exact.exp() - from_rollout.exp()).abs() * mask).sum() / 8
    measured = metrics[DIFFERENCE_KEY].aggregate()
    assert measured == pytest.approx(float(expected), rel=1e-3)


def test_log_probs_of_another_policy_would_be_noticed() -> None:
    _, gradient, metrics = loss_and_gradient(new_log_probs() + 0.1)
    _, same_gradient, _ = loss_and_gradient(new_log_probs())
    assert float((gradient - same_gradient).abs().max()) > 1e-3
    assert metrics[DIFFERENCE_KEY].aggregate() > 1e-2


@pytest.mark.parametrize(
    ("is_bypassed", "is_measured"), [(True, True), (True, False), (False, True)]
)
def test_what_the_update_measures_has_verls_names_in_bypass_mode_alone(
    is_bypassed: bool, is_measured: bool
) -> None:
    class Trainer:
        def _update_actor(self, batch: Any, metrics: dict[str, Any]) -> str:
            metrics["actor/pg_loss"] = 3.0
            if is_measured:
                metrics |= {ENTROPY_KEY: 1.0, DIFFERENCE_KEY: 2.0}
            return "the batch"

    _name_as_measured_before(SimpleNamespace(PPOTrainer=Trainer))
    correction = SimpleNamespace(bypass_mode=is_bypassed)
    trainer: Any = Trainer()
    trainer.config = SimpleNamespace(algorithm=SimpleNamespace(rollout_correction=correction))
    metrics: dict[str, Any] = {}
    assert trainer._update_actor(None, metrics) == "the batch"
    named = {"actor/entropy": 1.0, "training/rollout_probs_diff_mean": 2.0}
    plain = {ENTROPY_KEY: 1.0, DIFFERENCE_KEY: 2.0}
    expected = (named if is_bypassed else plain) if is_measured else {}
    assert metrics == {"actor/pg_loss": 3.0, **expected}


class _Queue:
    """Stands for the transfer queue: takes a while, and writes down what it was given."""

    def __init__(self) -> None:
        self.puts: list[tuple[list[str], bool]] = []

    async def async_kv_batch_put(self, *, keys: list[str], tags: Any, **extra: Any) -> None:
        await asyncio.sleep(0.01)
        self.puts.append((list(keys), "fields" in extra))


def test_what_is_ready_together_is_put_together_and_responses_come_first(monkeypatch) -> None:
    from harness.plugins import in_process_agent_loop as module

    queue = _Queue()
    monkeypatch.setattr(module, "tq", queue)
    monkeypatch.setattr(module, "list_of_dict_to_tensordict", list)
    worker = SimpleNamespace(_ready={}, _putting=set())

    def ready(uid: str) -> Any:
        buffer = module._Ready()
        buffer.keys, buffer.fields, buffer.tags = [f"{uid}_0_0"], [{}], [{}]
        buffer.prompts[uid] = "finished"
        return buffer

    async def three_prompts() -> None:
        put = module.InProcessAgentLoopWorker._put
        await asyncio.gather(*(put(worker, ready(uid), "train") for uid in ("a", "b", "c")))

    asyncio.run(three_prompts())
    assert queue.puts == [
        (["a_0_0"], True),
        (["a"], False),
        (["b_0_0", "c_0_0"], True),
        (["b", "c"], False),
    ]


def test_the_samples_of_a_question_share_one_tokenisation(monkeypatch) -> None:
    from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop

    from harness.plugins.agent_loop import PairedAgentLoop

    asked: list[str] = []

    async def build(self: Any, messages: Any, **extra: Any) -> list[int]:
        await asyncio.sleep(0)
        asked.append(messages[0]["content"])
        return [len(messages[0]["content"])]

    monkeypatch.setattr(SingleTurnAgentLoop, "ct_build_initial_tokens", build)
    loop = PairedAgentLoop.__new__(PairedAgentLoop)
    loop._prompts = {}

    async def samples() -> list[list[int]]:
        words = ["one", "three", "one", "one"]
        messages = [[{"role": "user", "content": word}] for word in words]
        return await asyncio.gather(*map(loop.ct_build_initial_tokens, messages))

    tokens = asyncio.run(samples())
    assert asked == ["one", "three"]
    assert tokens == [[3], [5], [3], [3]]
    # a list that a caller changes is its own
    assert tokens[0] is not tokens[2]
