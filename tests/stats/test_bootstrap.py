from typing import Any

import numpy as np
import pytest

from harness.stats.bootstrap import (
    LEAST_DRAWS,
    _question_effects,
    paired_bootstrap,
)
from harness.stats.intervals import mean_interval
from harness.stats.variance import split_variance

DRAWS = 400
TAILS = [0.025, 0.975]


def scores(
    rng: np.random.Generator, chance: float, shape: tuple[int, int, int] = (3, 20, 4)
) -> np.ndarray:
    return (rng.random(shape) < chance).astype(float)


def test_a_gain_is_the_mean_over_questions_of_the_mean_over_samples() -> None:
    # question 0: 1 of 1 that is there; question 1: 1 of 3; question 2: none is there
    one = np.array([[[1, np.nan, np.nan], [1, 0, 0], [np.nan] * 3]] * 2)

    found = paired_bootstrap(one, np.zeros(one.shape), rng=np.random.default_rng(0))
    assert found.point == pytest.approx((1.0 + 1.0 / 3.0) / 2.0)
    assert found.point != pytest.approx(np.nanmean(one))


def test_the_point_is_the_difference_of_accuracies() -> None:
    rng = np.random.default_rng(0)
    treat, control = scores(rng, 0.8), scores(rng, 0.3)

    found = paired_bootstrap(treat, control, rng=rng, draws=DRAWS)
    assert found.point == pytest.approx(treat.mean() - control.mean())
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


def test_it_is_the_bootstrap_of_one_number_per_seed_stretched_for_few() -> None:
    gain = np.array([0.1, 0.2, 0.6])
    control = np.zeros((3, 1, 1))
    found = paired_bootstrap(gain[:, None, None], control, rng=np.random.default_rng(0), draws=4000)

    # with three values the 2.5 % quantile is the lowest value: all three draws hit it 1 time in 27
    stretch = 4.30265 / 1.95996 * np.sqrt(3 / 2)
    assert found.low == pytest.approx(0.3 - stretch * 0.2, rel=1e-4)
    assert found.high == pytest.approx(0.3 + stretch * 0.3, rel=1e-4)


def test_samples_and_questions_of_a_seed_are_not_drawn_again() -> None:
    rng = np.random.default_rng(1)
    treat, control = (scores(rng, chance, (7, 20, 4)) for chance in (0.8, 0.3))
    means = (treat - control).mean(axis=(1, 2))[:, None, None]

    whole, mean = (
        paired_bootstrap(t, c, rng=np.random.default_rng(2), draws=DRAWS)
        for t, c in ((treat, control), (means, np.zeros_like(means)))
    )
    assert whole == pytest.approx(mean)
    other = paired_bootstrap(treat, control, rng=np.random.default_rng(3), draws=DRAWS)
    assert other != pytest.approx(mean)


def shared_requests(rng: np.random.Generator, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Two equal arms whose samples share what their requests drew, correlation 0.7."""
    shape = (seeds, 16, 4)
    together = np.sqrt(0.7) * rng.normal(size=shape) + 0.5 * rng.normal(size=(1, 16, 1))
    arms = [(together + np.sqrt(0.3) * rng.normal(size=shape) > 0.0).astype(float) for _ in "ab"]
    return arms[0], arms[1]


@pytest.mark.parametrize("seeds", [3, 8])
def test_it_covers_and_is_as_wide_as_the_t_interval_where_arms_share_requests(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    covered, ratio = [], []
    for _ in range(600):
        treat, control = shared_requests(rng, seeds)
        found = paired_bootstrap(treat, control, rng=rng, draws=DRAWS)
        plain = mean_interval((treat - control).mean(axis=(1, 2)))
        covered.append(found.low <= 0.0 <= found.high)
        ratio.append((found.high - found.low) / (plain.high - plain.low))
    assert np.nanmean(covered) == pytest.approx(0.95, abs=0.03)
    assert np.nanmedian(ratio) == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("questions_are", ["fixed", "sampled"])
def test_only_sampled_questions_cover_the_gain_on_all_of_their_kind(questions_are: Any) -> None:
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(600):
        gain = 0.3 * rng.normal(size=(1, 20, 1)) + 0.3 * rng.normal(size=(5, 20, 1))
        found = paired_bootstrap(
            gain, np.zeros_like(gain), rng=rng, draws=DRAWS, questions_are=questions_are
        )
        covered.append(found.low <= 0.0 <= found.high)
    assert (np.mean(covered) > 0.91) == (questions_are == "sampled")
    assert np.mean(covered) < 0.98


def test_question_effects_have_the_variance_that_is_between_questions_alone() -> None:
    rng = np.random.default_rng(5)
    gain = 0.4 * rng.normal(size=(1, 400)) + 0.6 * rng.normal(size=(3, 400))
    gain[0, :20] = np.nan
    effect = _question_effects(gain)
    assert effect.std() == pytest.approx(0.4, rel=0.15)
    assert np.nanmean(gain, axis=0).std() != pytest.approx(0.4, rel=0.15)
    known = np.sqrt(split_variance(gain[:, :, None]).question)
    assert effect.std() == pytest.approx(known, rel=0.03)


def test_arms_that_agree_on_every_seed_have_no_bounds() -> None:
    rng = np.random.default_rng(0)
    common = np.repeat(scores(rng, 0.5, (3, 20, 1)), 4, axis=2)
    for other in (common, common[:, ::-1]):
        found = paired_bootstrap(common, other, rng=rng, draws=DRAWS)
        assert found.point == pytest.approx(0.0)
        assert np.isnan([found.low, found.high]).all()


def test_it_agrees_with_a_plain_loop() -> None:
    rng = np.random.default_rng(3)
    treat, control = scores(rng, 0.8, (4, 5, 2)), scores(rng, 0.3, (4, 5, 2))
    found = paired_bootstrap(treat, control, rng=np.random.default_rng(5), draws=20_000)

    generator = np.random.default_rng(6)
    gains = [(treat[s] - control[s]).mean() for s in range(4)]
    drawn = [np.mean(generator.choice(gains, size=4)) for _ in range(20_000)]
    stretch = 3.18245 / 1.95996 * np.sqrt(4 / 3)
    known = [np.mean(gains) + stretch * (np.quantile(drawn, q) - np.mean(gains)) for q in TAILS]
    width = known[1] - known[0]
    assert found[1:] == pytest.approx(known, abs=0.03 * width)
    assert found[1:] != pytest.approx(tuple(np.quantile(drawn, TAILS)), abs=0.03 * width)


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
    arms = np.zeros((2, 1, 1)), np.array([[[0.0]], [[1.0]]])
    with pytest.raises(ValueError, match="level"):
        paired_bootstrap(*arms, rng=np.random.default_rng(0), level=1.5)
    with pytest.raises(ValueError, match="sampled questions"):
        paired_bootstrap(*arms, rng=np.random.default_rng(0), questions_are="sampled")
