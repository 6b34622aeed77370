"""DAPO's penalty and its way through veRL: reward manager, replay buffer, config."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl")

from tests.algorithms import plain  # noqa: E402
from tests.algorithms.installed import keys_of  # noqa: E402

pytestmark = pytest.mark.engine

LONGEST = 288
"""Tokens of the longest response at micro scale."""


@pytest.mark.parametrize("longest", [1, 10, LONGEST, 20480])
def test_the_penalty_is_the_papers(longest: int) -> None:
    from harness.algorithms.dapo import overlong_penalty

    for length in {0, 1, longest // 2, int(longest * 0.8), int(longest * 0.9), longest}:
        found = overlong_penalty(length, longest)
        assert found == pytest.approx(plain.overlong(length, longest))
        assert -1.0 <= found <= 0.0
    assert overlong_penalty(2 * longest, longest) == -1.0


def scored(length: int, finish_reason: str = "stop") -> dict[str, Any]:
    """What the manager of the algorithm's file answers for a right response of this length."""
    from omegaconf import OmegaConf
    from verl import DataProto
    from verl.trainer.ppo.reward import load_reward_manager

    verl = keys_of("dapo")
    config = OmegaConf.create({"reward": verl["reward"], "data": verl["data"]})
    tokenizer = SimpleNamespace(decode=lambda ids, **_: " 1 </think> <answer> \\boxed{4} </answer>")
    width, prompt = LONGEST, 3
    attention = torch.zeros(1, prompt + width, dtype=torch.long)
    attention[0, : prompt + length] = 1
    data = DataProto.from_dict(
        tensors={"responses": torch.zeros(1, width, dtype=torch.long), "attention_mask": attention},
        non_tensors={
            "data_source": np.array(["micro"], dtype=object),
            "reward_model": np.array([{"ground_truth": "4"}], dtype=object),
            "extra_info": np.array([{"question_id": "q"}], dtype=object),
            "tool_extra_fields": np.array(
                [{"finish_reason": finish_reason, "sample": 0, "response_tokens": length}],
                dtype=object,
            ),
        },
    )

    async def run() -> dict[str, Any]:
        manager = load_reward_manager(config, tokenizer)
        manager.loop = asyncio.get_running_loop()
        return await manager.run_single(data)

    return asyncio.run(run())


def test_a_short_right_response_earns_its_reward() -> None:
    result = scored(40)
    assert result["reward_score"] == 1.0
    assert result["reward_extra_info"]["correct"] == 1
    assert result["reward_extra_info"]["overlong_penalty"] == 0.0


def test_a_long_one_loses_and_the_record_keeps_both() -> None:
    result = scored(260)
    assert result["reward_score"] == pytest.approx(1.0 + plain.overlong(260, LONGEST))
    assert 0.0 < result["reward_score"] < 1.0
    assert result["reward_extra_info"]["score"] == 1.0
    assert isinstance(result["reward_score"], float)


def test_the_reward_is_told_how_the_response_ended() -> None:
    """veRL's own manager "dapo" does not tell it, and every response counts as truncated."""
    result = scored(LONGEST, finish_reason="length")
    assert result["reward_extra_info"]["outcome"] == "truncated"
    assert result["reward_score"] == pytest.approx(-1.0)
    assert scored(40)["reward_extra_info"]["outcome"] == "correct"


def test_the_replay_buffer_gets_the_filter() -> None:
    from omegaconf import OmegaConf

    from harness.plugins.ordered_replay import OrderedReplayBuffer

    verl = keys_of("dapo")
    asked = verl["trainer"]["v1"]["sampler"]["sampler_kwargs"]
    given: dict[str, Any] = {
        "trainer_mode": "sync",
        "trainer_config": OmegaConf.create({}),
        "max_off_policy_threshold": 8,
        "max_off_policy_strategy": "drop",
    }
    buffer = OrderedReplayBuffer(sampler_kwargs=asked, refill_fn=lambda count: count, **given)
    assert buffer.filter_groups_metric == "correct"
    assert buffer.train_batch_size == verl["data"]["train_batch_size"]
    assert buffer.gen_batch_size == buffer.max_inflight_gen_batches == 1
    # the key by which the data loader fetches one prompt at a time
    assert verl["algorithm"]["filter_groups"]["enable"]
    with pytest.raises(ValueError, match="refill_fn"):
        OrderedReplayBuffer(sampler_kwargs=asked, **given)


@pytest.mark.parametrize(
    ("answers", "is_kept"),
    [([1, 1, 1], False), ([0, 0, 0], False), ([1, 0, 1], True), ([1], True)],
)
def test_groups_of_equal_answers_are_dropped(
    answers: list[int], is_kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omegaconf import OmegaConf
    from verl.trainer.ppo.v1 import replay_buffer

    from harness.plugins.ordered_replay import OrderedReplayBuffer

    asked = keys_of("dapo")["trainer"]["v1"]["sampler"]["sampler_kwargs"]
    buffer = OrderedReplayBuffer(
        sampler_kwargs=asked,
        refill_fn=lambda count: count,
        trainer_mode="sync",
        trainer_config=OmegaConf.create({}),
        max_off_policy_threshold=8,
        max_off_policy_strategy="drop",
    )
    rows = [SimpleNamespace(data={"reward_extra_info": {"correct": a}}) for a in answers]
    monkeypatch.setattr(replay_buffer.tq, "kv_batch_get", lambda **_: {"extra_fields": rows})
    buffer.finished_keys["train"] = {"uid"}
    buffer.partitions["train"] = {f"uid_{n}_0": {} for n in range(len(answers))}
    dropped, _ = buffer._dapo_filtered_keys("train")
    assert (dropped == set()) is is_kept
