"""The parts of the plugin that need the real verl: prompts as token ids, order, finish reasons."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.engine

STOP = ("User:", "Human:", "Assistant:", "</answer>")


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    from harness.micro.models import model_dir

    return AutoTokenizer.from_pretrained(model_dir())


@pytest.fixture(scope="module")
def chat_template() -> str:
    from harness.spec.config import session
    from harness.spec.study import make_study

    with session():
        study = make_study(["ablation=kl_penalty"])
    return study.cells[0].config["verl"]["actor_rollout_ref"]["model"]["custom_chat_template"]


def token_ids(tokenizer, template: str, prompt: str) -> list[int]:
    """The ids that verl's agent loop sends to the engine for a prompt of the data set."""
    from verl.utils.tokenizer.continuous_token_wiring import create_continuous_token_builder

    tokenizer.chat_template = template
    builder = create_continuous_token_builder(tokenizer, hf_model_type="qwen2")
    return builder.build_initial_tokens([{"role": "user", "content": prompt}])


def test_the_prompt_is_sent_exactly_as_written(tokenizer, chat_template) -> None:
    from harness.micro.template import render_prompt

    prompt = render_prompt("find x: (x + 3) * 5 + 2 = 8 mod 17")
    assert token_ids(tokenizer, chat_template, prompt) == tokenizer.encode(prompt)


def test_a_chat_template_that_wraps_would_be_noticed(tokenizer) -> None:
    from harness.micro.template import render_prompt

    prompt = render_prompt("find x: (x + 3) * 5 + 2 = 8 mod 17")
    wrapping = "user: {{ messages[0]['content'] }}"
    assert token_ids(tokenizer, wrapping, prompt) != tokenizer.encode(prompt)


@pytest.mark.parametrize(
    ("ids", "text", "expected"),
    [
        ([5, 6], " short", "stop"),
        ([5, 6, 7, 9], " ends in eos", "stop"),
        ([5, 6, 7, 8], " \\boxed{4} </answer>", "stop"),
        ([5, 6, 7, 8], " cut", "length"),
        ([], "", "stop"),
    ],
)
def test_finish_reason_is_derived_from_the_response(ids, text, expected) -> None:
    from harness.plugins.agent_loop import finish_reason

    assert finish_reason(ids, text, limit=4, eos_id=9, stop=STOP) == expected


def test_a_batch_is_ordered_by_question_then_sample() -> None:
    from harness.plugins.ordered_replay import batch_order

    keys = ["b_10_0", "a_1_0", "b_9_0", "a_0_0"]
    index_of_key = {key: {"a": 7, "b": 2}[key[0]] for key in keys}
    assert [keys[place] for place in batch_order(keys, index_of_key)] == [
        "b_9_0",
        "b_10_0",
        "a_0_0",
        "a_1_0",
    ]


@pytest.mark.parametrize(("platform", "enabled"), [("cpu", "True"), ("nvidia", "False")])
def test_the_platform_stays_out_of_the_way_of_others(platform: str, enabled: str) -> None:
    code = (
        "import verl, harness.plugins.cpu as plugin; "
        "from verl.plugin.platform.platform_manager import PlatformRegistry; "
        "print(plugin.ENABLED, PlatformRegistry.get('cpu') is not None)"
    )
    environment = os.environ | {
        "VERL_PLATFORM": platform,
        "VERL_USE_EXTERNAL_MODULES": "harness.plugins.cpu",
    }
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout.split()[-2:] == [enabled, enabled]


def test_a_batch_that_lacks_a_response_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """veRL trains on what is left, so that what could not be graded chooses the data."""
    from omegaconf import OmegaConf
    from verl.trainer.ppo.v1 import replay_buffer

    from harness.plugins.ordered_replay import OrderedReplayBuffer

    buffer = OrderedReplayBuffer(
        sampler_kwargs={},
        trainer_mode="sync",
        trainer_config=OmegaConf.create({}),
        max_off_policy_threshold=8,
        max_off_policy_strategy="drop",
    )
    prompt = {"is_prompt": True, "global_steps": 1}
    queue = {
        "one": {**prompt, "status": "finished"},
        "two": {**prompt, "status": "failure"},
        "one_0_0": {},
    }
    monkeypatch.setattr(replay_buffer.tq, "kv_list", lambda: {"train": queue})
    with pytest.raises(RuntimeError, match="1 of 2 prompts have a response that failed"):
        buffer.sample(1, "train", 2)
