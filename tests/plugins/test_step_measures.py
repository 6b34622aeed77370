"""What a step says of its responses: counted by hand, and against verl's own advantages."""

import numpy as np
import pytest

from harness.plugins.step_measures import (
    PATTERN,
    Batch,
    group_advantages,
    measures,
    repetition_onset,
)

TEXTS = [" 4 7 1 no wait, 5 2 3 yes", " 1 no", " 3 yes", " however, recheck 2"]


def batch(**changed) -> Batch:
    lengths = [8, 4, 2, 12]
    whole = {
        "texts": TEXTS,
        "tokens": [np.arange(length) for length in lengths],
        "grades": [{"correct": int(right), "format_ok": 1} for right in (1, 0, 0, 1)],
        "scores": [1.0, 1.0, 0.0, 1.0],
        "groups": ["a", "a", "b", "b"],
        "advantages": [np.linspace(-1, 1, length) for length in lengths],
        "values": [np.zeros(length) for length in lengths],
    }
    return Batch(**{**whole, **changed})


def test_texts_are_counted() -> None:
    found = measures(batch())
    assert found["rollout/accuracy"] == 0.5
    assert found["rollout/reward_gap"] == 0.25
    assert found["rollout/format"] == 1
    assert (found["rollout/length_right"], found["rollout/length_wrong"]) == (10, 3)
    assert found["rollout/reflection"] == 0.5
    assert found["rollout/reflection_wait"] == 0.25
    assert found["rollout/reflection_retry"] == 0
    assert found["rollout/right_reflection_length"] == 10
    assert found["rollout/attempts"] == 1


def test_what_nothing_counts_for_is_left_out() -> None:
    found = measures(batch(grades=[{}] * 4))
    absent = {"accuracy", "format", "length_right", "length_wrong", "reward_gap"}
    assert not {f"rollout/{name}" for name in absent} & set(found)
    assert not [name for name in found if "repetition_" in name]
    assert found["rollout/repetition"] == 0


def test_a_quarter_holds_the_tokens_of_its_part_of_each_response() -> None:
    found = measures(batch(advantages=[np.arange(n) * 4 // n for n in (8, 4, 2, 12)]))
    quarters = [found[f"rollout/advantage_quarter_{number}"] for number in (1, 2, 3, 4)]
    assert quarters == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("tokens", "onset"),
    [
        (list(range(30)), 30),
        ([*range(PATTERN), *range(PATTERN)], PATTERN),
        ([*range(PATTERN - 1), 99, *range(PATTERN - 1), 98], 2 * PATTERN),
        ([5, 6, *[7] * 20], 3),
        ([1, 2], 2),
        ([], 0),
    ],
)
def test_repetition_begins_where_a_pattern_begins_again(tokens: list[int], onset: int) -> None:
    assert repetition_onset(np.array(tokens, dtype=np.int64)) == onset


def test_tokens_after_the_onset_are_told_from_those_before() -> None:
    loop = np.array([*range(PATTERN), *range(PATTERN)])
    values = [np.array([3.0] * PATTERN + [1.0] * PATTERN), *[np.full(4, 9.0)] * 3]
    tokens = [loop, *[np.arange(4)] * 3]
    advantages = [np.array([1.0] * PATTERN + [-2.0] * PATTERN), *[np.zeros(4)] * 3]
    changed = batch(tokens=tokens, advantages=advantages, values=values)
    found = measures(changed)
    assert found["rollout/repetition"] == PATTERN / (2 * PATTERN + 12)
    assert found["rollout/repetition_advantage"] == -2
    # a response without repetition says nothing of what repetition does to the value
    assert found["rollout/repetition_value_change"] == -2
    group = group_advantages(changed.scores, changed.groups, np.array([16, 4, 4, 4]))
    assert found["rollout/repetition_advantage_gap"] == pytest.approx(-2 - group[PATTERN])
    assert "rollout/repetition_value_change" not in measures(changed._replace(values=None))


@pytest.mark.engine
def test_the_advantage_of_a_group_is_that_of_verls_functions() -> None:
    import torch
    from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage
    from verl.utils.torch_functional import masked_whiten

    lengths, groups = np.array([3, 5, 2, 4]), ["a", "a", "b", "b"]
    mask = (torch.arange(5) < torch.tensor(lengths)[:, None]).float()
    scores = torch.tensor([1.0, 0.0, 0.25, 1.0])
    rewards = torch.zeros(4, 5)
    rewards[torch.arange(4), torch.tensor(lengths) - 1] = scores
    plain, _ = compute_grpo_outcome_advantage(
        rewards, mask, np.array(groups), norm_adv_by_std_in_grpo=False
    )
    expected = masked_whiten(plain, mask)[mask.bool()]
    found = group_advantages(scores.tolist(), groups, lengths)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
