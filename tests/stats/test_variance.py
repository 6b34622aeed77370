import math

import numpy as np
import pytest

from harness.stats.power import between_seeds
from harness.stats.shared_samples import sampling_correlation
from harness.stats.variance import split_difference, split_variance

TRUTH = {"training": 0.04, "question": 0.25, "training_by_question": 0.09, "sampling": 0.16}


def make_scores(rng: np.random.Generator, seeds: int, questions: int, samples: int) -> np.ndarray:
    a, b, c, e = (np.sqrt(value) for value in TRUTH.values())
    return np.asarray(
        a * rng.normal(size=(seeds, 1, 1))
        + b * rng.normal(size=(1, questions, 1))
        + c * rng.normal(size=(seeds, questions, 1))
        + e * rng.normal(size=(seeds, questions, samples))
    )


def analysis_of_variance(score_SQK: np.ndarray) -> tuple[float, float, float, float]:
    """Components from the mean squares of a complete two-way table."""
    seeds, questions, samples = score_SQK.shape
    cell = score_SQK.mean(axis=2)
    row, column, mean = cell.mean(axis=1), cell.mean(axis=0), cell.mean()
    by_row = questions * samples * ((row - mean) ** 2).sum() / (seeds - 1)
    by_column = seeds * samples * ((column - mean) ** 2).sum() / (questions - 1)
    rest = cell - row[:, None] - column + mean
    by_both = samples * (rest**2).sum() / ((seeds - 1) * (questions - 1))
    within = ((score_SQK - cell[:, :, None]) ** 2).sum() / (seeds * questions * (samples - 1))
    return (
        (by_row - by_both) / (questions * samples),
        (by_column - by_both) / (seeds * samples),
        (by_both - within) / samples,
        within,
    )


def components(split) -> list[float]:
    return [getattr(split, name) for name in TRUTH]


def test_a_complete_table_is_the_analysis_of_variance_and_a_changed_one_is_not() -> None:
    scores = make_scores(np.random.default_rng(0), 5, 12, 3)
    split = split_variance(scores)

    assert components(split) == pytest.approx(analysis_of_variance(scores), rel=1e-9)
    assert (split.seeds, split.questions, split.samples, split.missing) == (5, 12, 3.0, 0)
    assert split.note == ""
    known = analysis_of_variance(scores)
    scores[0] += 0.5
    assert components(split_variance(scores)) != pytest.approx(known, rel=1e-9)


def test_one_way_agrees_with_the_mixed_model_of_statsmodels() -> None:
    mixed = pytest.importorskip("statsmodels.regression.mixed_linear_model")
    scores = make_scores(np.random.default_rng(3), 8, 1, 6)
    split = split_variance(scores)
    fit = mixed.MixedLM(scores.ravel(), np.ones(48), np.repeat(np.arange(8), 6)).fit(reml=True)

    assert split.training == pytest.approx(float(fit.cov_re[0, 0]), rel=1e-3)
    assert split.sampling == pytest.approx(float(fit.scale), rel=1e-3)


def test_unequal_and_missing_cells_are_unbiased_and_reported() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(300):
        scores = make_scores(rng, 6, 8, 3)
        scores[rng.random(scores.shape) < 0.2] = np.nan
        scores[rng.random(scores.shape[:2]) < 0.15] = np.nan
        found.append(components(split_variance(scores)))
    error = np.std(found, axis=0) / np.sqrt(len(found))

    assert (np.abs(np.mean(found, axis=0) - list(TRUTH.values())) < 4.0 * error).all()
    split = split_variance(scores)
    assert split.missing > 0 and f"{split.missing} of 48 pairs" in split.note
    assert "between 1 and 3 samples a question" in split.note
    # taken for zeros, missing scores would be noise
    zeros = split_variance(np.nan_to_num(scores))
    assert abs(zeros.sampling - TRUTH["sampling"]) > 0.02


def test_order_shift_and_scale_do_what_they_should() -> None:
    rng = np.random.default_rng(2)
    scores = make_scores(rng, 4, 6, 3)
    scores[0, 1] = np.nan
    known = components(split_variance(scores))
    moved = scores[[2, 0, 3, 1]][:, [5, 1, 0, 2, 4, 3]][:, :, [2, 0, 1]]

    assert components(split_variance(moved)) == pytest.approx(known, rel=1e-9)
    assert components(split_variance(scores + 100.0)) == pytest.approx(known, rel=1e-6)
    assert components(split_variance(scores * 3.0)) == pytest.approx([9 * v for v in known])


def test_what_both_arms_share_is_in_no_component_of_the_difference() -> None:
    rng = np.random.default_rng(5)
    shared = 50.0 * make_scores(rng, 6, 10, 1)
    treat, control = (make_scores(rng, 6, 10, k) for k in (3, 5))
    split, known = (
        split_difference(treat + shared, control + shared),
        split_difference(treat, control),
    )

    assert components(split) == pytest.approx(components(known), rel=1e-6)
    assert split.is_difference and not split_variance(treat).is_difference
    both = split_variance(treat).sampling + split_variance(control).sampling
    assert split.sampling == pytest.approx(both)
    assert split.samples == pytest.approx(2.0 / (1 / 3 + 1 / 5))


def shared_requests(
    rng: np.random.Generator, shape: tuple[int, int, int], correlation: float
) -> list[np.ndarray]:
    """Two arms whose samples share noise; the difference has the components of `PAIRED`."""
    seeds, questions, _ = shape
    request = np.sqrt(correlation) * rng.normal(size=shape)
    arms = []
    for _ in range(2):
        training = np.sqrt(0.01) * rng.normal(size=(seeds, 1, 1))
        both = np.sqrt(0.03) * rng.normal(size=(seeds, questions, 1))
        own = np.sqrt(1.0 - correlation) * rng.normal(size=shape)
        arms.append(training + both + request + own)
    return arms


PAIRED = {"training": 0.02, "training_by_question": 0.06, "sampling": 0.6}
"""Of `shared_requests` at correlation 0.7: twice an arm's, but for what the requests share."""


def test_aligned_samples_show_the_noise_that_is_left_of_shared_requests() -> None:
    rng = np.random.default_rng(7)
    found, apart, correlation = [], [], []
    for _ in range(300):
        arms = shared_requests(rng, (5, 16, 4), 0.7)
        split = split_difference(*arms, is_aligned=True)
        found.append([getattr(split, name) for name in PAIRED])
        correlation.append(split.sampling_correlation)
        apart.append(split_difference(*arms).sampling)
    error = np.std(found, axis=0) / np.sqrt(len(found))
    gap = np.mean(found, axis=0) - list(PAIRED.values())
    # negative estimates of training are set to 0, which lifts their mean
    assert (np.abs(gap)[1:] < 4.0 * error[1:]).all() and abs(gap[0]) < 0.006
    assert np.mean(correlation) == pytest.approx(0.7, abs=0.01)
    # samples that are not aligned hold training by question too, at most twice 1
    assert 0.8 < np.mean(apart) < 2.0


def test_the_noise_of_one_seed_is_the_same_whether_samples_are_aligned_or_not() -> None:
    """Alignment moves noise between components; what a seed's mean varies by is seen either way."""
    rng = np.random.default_rng(8)
    for correlation in (0.0, 0.7, 0.95):
        arms = shared_requests(rng, (6, 24, 4), correlation)
        size = [np.array(24), np.array(4)]
        aligned, counted = (
            float(between_seeds(split_difference(*arms, is_aligned=a), *size))
            for a in (True, False)
        )
        assert counted == pytest.approx(aligned, rel=1e-6)
        independent = sum(split_variance(arm).sampling for arm in arms)
        split = split_difference(*arms)
        assert split.sampling <= independent * (1.0 + 1e-12)
        assert "not aligned" in split.note
        shuffled = rng.permuted(arms[1], axis=2)
        wrong = split_difference(arms[0], shuffled, is_aligned=True)
        assert (wrong.sampling > 1.5 * split_difference(*arms, is_aligned=True).sampling) == (
            correlation > 0.5
        )


def test_the_correlation_of_samples_is_that_of_numpy_within_cells() -> None:
    rng = np.random.default_rng(9)
    treat, control = shared_requests(rng, (3, 5, 4), 0.6)
    within = [(arm - arm.mean(axis=2, keepdims=True)).ravel() for arm in (treat, control)]
    assert sampling_correlation(treat, control) == pytest.approx(np.corrcoef(*within)[0, 1])
    assert sampling_correlation(treat, -treat) == pytest.approx(-1.0)
    treat[0, 0, 0] = np.nan
    left = sampling_correlation(treat, control)
    control[0, 0, 0] = 1e6
    assert sampling_correlation(treat, control) == pytest.approx(left)
    assert math.isnan(sampling_correlation(np.ones((2, 2, 2)), control[:2, :2, :2]))


def test_samples_of_one_arm_alone_are_left_out_and_counted() -> None:
    rng = np.random.default_rng(10)
    treat, control = shared_requests(rng, (4, 6, 3), 0.7)
    known = split_difference(treat[:, :, 1:], control[:, :, 1:], is_aligned=True)
    treat[:, :, 0] = np.nan
    found = split_difference(treat, control, is_aligned=True)
    assert components(found) == pytest.approx(components(known))
    assert "24 samples of one arm alone left out" in found.note
    with pytest.raises(ValueError, match="samples"):
        split_difference(treat, control[:, :, :2], is_aligned=True)
    with pytest.raises(ValueError, match="both arms"):
        split_difference(treat * np.nan, control, is_aligned=True)


def test_what_the_data_cannot_tell_is_undefined_and_said() -> None:
    rng = np.random.default_rng(6)
    one_seed = split_variance(make_scores(rng, 1, 10, 3))
    assert math.isnan(one_seed.training) and "one seed" in one_seed.note
    one_sample = split_variance(make_scores(rng, 4, 10, 1))
    assert math.isnan(one_sample.training_by_question) and one_sample.sampling > 0.0
    assert "one sample" in one_sample.note
    one_question = split_variance(make_scores(rng, 4, 1, 5))
    assert math.isnan(one_question.question) and one_question.training > 0.0

    apart = make_scores(rng, 2, 2, 2)
    apart[0, 0] = apart[1, 1] = np.nan
    assert math.isnan(split_variance(apart).training)
    assert "too few cells overlap" in split_variance(apart).note


def test_constant_scores_have_no_noise_and_estimates_below_zero_are_named() -> None:
    assert components(split_variance(np.ones((3, 4, 2)))) == [0.0, 0.0, 0.0, 0.0]
    alike = np.array([[[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    split = split_variance(alike)
    assert split.training_by_question == 0.0 and "training by question" in split.note


def test_bad_input_is_told() -> None:
    scores = np.ones((2, 3, 2))
    with pytest.raises(ValueError, match="seeds, questions, samples"):
        split_variance(scores[0])
    with pytest.raises(ValueError, match="finite"):
        split_variance(scores * np.inf)
    with pytest.raises(ValueError, match="no score"):
        split_variance(scores * np.nan)
    with pytest.raises(ValueError, match="align"):
        split_difference(scores, scores[:, :2])
    half, other = scores.copy(), scores.copy()
    half[0], other[1] = np.nan, np.nan
    with pytest.raises(ValueError, match="both arms"):
        split_difference(half, other)
