from typing import Any

import numpy as np
import pytest

from harness.stats.bootstrap import LEAST_DRAWS, accuracy, paired_bootstrap

DRAWS = 400


def scores(
    rng: np.random.Generator, chance: float, shape: tuple[int, int, int] = (3, 20, 4)
) -> np.ndarray:
    return (rng.random(shape) < chance).astype(float)


def test_accuracy_is_the_mean_over_questions_of_the_mean_over_samples() -> None:
    # question 0: 1 of 1 that is there; question 1: 1 of 3; question 2: none is there
    one = np.array([[[1, np.nan, np.nan], [1, 0, 0], [np.nan] * 3]])

    assert accuracy(one) == pytest.approx([(1.0 + 1.0 / 3.0) / 2.0])
    assert np.isnan(accuracy(np.full((1, 2, 2), np.nan))).all()


def test_the_point_is_the_difference_of_accuracies() -> None:
    rng = np.random.default_rng(0)
    treat, control = scores(rng, 0.8), scores(rng, 0.3)

    found = paired_bootstrap(treat, control, rng=rng, draws=DRAWS)
    assert found.point == pytest.approx((accuracy(treat) - accuracy(control)).mean())
    assert found.low < found.point < found.high


def test_the_same_generator_gives_the_same_and_another_another() -> None:
    rng = np.random.default_rng(0)
    treat, control = scores(rng, 0.8), scores(rng, 0.3)
    run = [
        paired_bootstrap(treat, control, rng=np.random.default_rng(s), draws=DRAWS)
        for s in (1, 1, 2)
    ]

    assert run[0] == run[1]
    assert run[0] != run[2]


def test_the_global_generator_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    rng = np.random.default_rng(0)
    paired_bootstrap(scores(rng, 0.8), scores(rng, 0.3), rng=rng, draws=DRAWS)

    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_values_per_seed_are_resampled_over_seeds_only() -> None:
    gain = np.array([0.1, 0.2, 0.6])
    control = np.zeros((3, 1, 1))
    found = paired_bootstrap(gain[:, None, None], control, rng=np.random.default_rng(0), draws=4000)

    # with three values the 2.5 % quantile is the lowest value: all three draws hit it 1 time in 27
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.6)


def test_question_noise_common_to_both_arms_cancels() -> None:
    rng = np.random.default_rng(0)
    common = np.repeat(scores(rng, 0.5, (3, 20, 1)), 4, axis=2)

    found = paired_bootstrap(common, common, rng=rng, draws=DRAWS)
    assert found.point == 0.0
    assert np.isnan([found.low, found.high]).all()
    shuffled = common[:, ::-1]
    other = paired_bootstrap(common, shuffled, rng=rng, draws=DRAWS)
    assert other.low < other.high


def test_it_agrees_with_a_plain_loop() -> None:
    rng = np.random.default_rng(3)
    treat, control = scores(rng, 0.8, (3, 5, 2)), scores(rng, 0.3, (3, 5, 2))
    fast = paired_bootstrap(treat, control, rng=np.random.default_rng(5), draws=LEAST_DRAWS)

    generator = np.random.default_rng(5)
    seeds = generator.integers(3, size=(LEAST_DRAWS, 3))
    questions = generator.integers(5, size=(LEAST_DRAWS, 5))
    gains = np.zeros(LEAST_DRAWS)
    for arm, sign in ((treat, 1), (control, -1)):
        samples = generator.integers(2, size=(LEAST_DRAWS, 3, 5, 2))
        for draw in range(LEAST_DRAWS):
            for i, seed in enumerate(seeds[draw]):
                for j, question in enumerate(questions[draw]):
                    drawn = [arm[seed, question, k] for k in samples[draw, i, j]]
                    gains[draw] += sign * np.mean(drawn) / 15
    assert (fast.low, fast.high) == pytest.approx(tuple(np.quantile(gains, [0.025, 0.975])))


@pytest.mark.parametrize(
    ("treat", "control", "draws"),
    [
        (np.zeros((3, 2, 1)), np.zeros((3, 3, 1)), DRAWS),
        (np.zeros((3, 2)), np.zeros((3, 2)), DRAWS),
        (np.zeros((1, 2, 1)), np.zeros((1, 2, 1)), DRAWS),
        (np.zeros((3, 2, 1)), np.zeros((3, 2, 1)), LEAST_DRAWS - 1),
        (np.full((3, 2, 1), np.nan), np.zeros((3, 2, 1)), DRAWS),
    ],
)
def test_what_cannot_be_resampled_is_refused(treat: Any, control: Any, draws: Any) -> None:
    with pytest.raises(ValueError, match=r"align|need at least|no question"):
        paired_bootstrap(treat, control, rng=np.random.default_rng(0), draws=draws)


def test_resamples_that_all_agree_have_no_bounds() -> None:
    treat, control = np.full((3, 2, 2), 0.7), np.full((3, 2, 2), 0.6)
    found = paired_bootstrap(treat, control, rng=np.random.default_rng(0), draws=DRAWS)
    assert found.point == pytest.approx(0.1)
    assert np.isnan([found.low, found.high]).all()
    treat[0, 0, 0] = 0.9
    found = paired_bootstrap(treat, control, rng=np.random.default_rng(0), draws=DRAWS)
    assert found.low < found.high


def test_a_level_outside_of_0_to_1_is_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        paired_bootstrap(
            np.zeros((2, 1, 1)), np.ones((2, 1, 1)), rng=np.random.default_rng(0), level=1.5
        )
