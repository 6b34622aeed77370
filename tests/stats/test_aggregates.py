"""Aggregates by hand, against scipy, and with bad input."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from harness.stats import aggregates, resampling
from harness.stats.resampling import _drawn_counts
from harness.stats.stratified import aggregate_draws

SCORES = np.array([[0.1, 0.9, 0.4, 2.0], [0.3, 0.7, 0.4, 1.0], [0.2, 0.8, 0.1, 3.0]])


def test_by_hand() -> None:
    assert aggregates.mean(SCORES) == pytest.approx(9.9 / 12)
    assert aggregates.median(SCORES) == pytest.approx((0.8 + 0.3) / 2)
    # twelve scores: three go at either end, 0.1 0.1 0.2 and 1 2 3
    assert aggregates.iqm(SCORES) == pytest.approx((0.3 + 0.4 + 0.4 + 0.7 + 0.8 + 0.9) / 6)
    assert aggregates.optimality_gap(SCORES) == pytest.approx(1 - 6.9 / 12)
    profile = aggregates.profile(SCORES, np.array([0.0, 0.4, 1.0, 3.0]))
    np.testing.assert_allclose(profile, [1.0, 6 / 12, 2 / 12, 0.0])


def test_a_tie_is_half_a_win() -> None:
    treat, control = np.array([[1.0, 2.0]]), np.array([[1.0, 3.0], [0.0, 1.0]])
    assert aggregates.probability_of_improvement(treat, control) == (0.75 + 0.5) / 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1), (5, 26), (7, 9), (4, 4)])
def test_iqm_and_wins_equal_scipy(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(11)
    score = rng.normal(size=shape).round(1)
    other = rng.normal(size=(3, shape[1])).round(1)
    trimmed = stats.trim_mean(score, 0.25, axis=None)
    assert aggregates.iqm(score) == pytest.approx(trimmed, abs=1e-14)
    statistic = [
        stats.mannwhitneyu(a, b, alternative="greater", method="asymptotic").statistic
        for a, b in zip(score.T, other.T, strict=True)
        if np.ptp([*a, *b]) > 0
    ]
    if len(statistic) == shape[1]:
        expected = np.mean(statistic) / (3 * shape[0])
        found = aggregates.probability_of_improvement(score, other)
        assert found == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("name", ["mean", "median", "iqm", "optimality_gap"])
@pytest.mark.parametrize(
    ("score", "message"),
    [
        (np.array([[1.0, np.nan]]), "1 of 2 scores are not finite"),
        (np.array([[1.0, np.inf]]), "1 of 2 scores are not finite"),
        (np.zeros((0, 4)), "expected scores"),
        (np.zeros((4, 0)), "expected scores"),
        (np.zeros(4), "expected scores"),
    ],
)
def test_bad_scores_are_refused(name: str, score: np.ndarray, message: str) -> None:
    aggregate: Callable[[np.ndarray], float] = getattr(aggregates, name)
    with pytest.raises(ValueError, match=message):
        aggregate(score)


def test_bad_targets_thresholds_and_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="target"):
        aggregates.optimality_gap(SCORES, target=np.nan)
    with pytest.raises(ValueError, match="thresholds"):
        aggregates.profile(SCORES, np.array([np.nan]))
    with pytest.raises(ValueError, match="same questions"):
        aggregates.probability_of_improvement(SCORES, SCORES[:, :2])


def test_one_seed_and_constant_scores_have_points() -> None:
    for score in (np.full((1, 1), 0.7), np.full((3, 5), 0.7)):
        for aggregate in (aggregates.mean, aggregates.median, aggregates.iqm):
            assert aggregate(score) == pytest.approx(0.7)
    assert aggregates.probability_of_improvement(score, score) == 0.5


def test_a_million_scores() -> None:
    score = np.random.default_rng(3).permutation(1_000_000.0 + np.arange(1_000_000)).reshape(5, -1)
    assert aggregates.iqm(score) == pytest.approx(1_499_999.5, rel=1e-12)
    assert aggregates.profile(score, np.array([1_749_999.0]))[0] == 0.25


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (3, 3), (10, 26), (15, 4), (16, 3)])
def test_rows_that_every_draw_cuts_off_are_skipped_without_a_trace(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(7)
    score_SQ = rng.normal(size=shape)
    index_BSQ = rng.integers(shape[0], size=(80, *shape))
    drawn = aggregate_draws(score_SQ, names=("iqm", "optimality_gap"), index_BSQ=index_BSQ)
    plain = [np.take_along_axis(score_SQ, index_SQ, axis=0) for index_SQ in index_BSQ]
    assert drawn["iqm"] == pytest.approx([aggregates.iqm(one) for one in plain], abs=1e-12)
    below = aggregate_draws(score_SQ, names=("optimality_gap",), index_BSQ=index_BSQ, target=9.0)
    for target, found in ((1.0, drawn), (9.0, below)):
        known = [aggregates.optimality_gap(one, target=target) for one in plain]
        assert found["optimality_gap"] == pytest.approx(known, abs=1e-12)


@pytest.mark.parametrize("seeds", [1, 2, 3, 8, 15, 16, 40])
def test_packed_counts_are_whole_draws_and_each_seed_is_as_likely(seeds: int) -> None:
    count_SQB = _drawn_counts(np.random.default_rng(0), seeds, (2, 2000))
    assert (count_SQB.sum(axis=0, dtype=int) == seeds).all()
    mean_S = count_SQB.mean(axis=(1, 2))
    assert mean_S == pytest.approx(np.ones(seeds), abs=0.12)
    assert count_SQB.var(dtype=float) == pytest.approx(1.0 - 1.0 / seeds, abs=0.05)


@pytest.mark.parametrize("lowest", [True, False])
def test_sums_that_no_byte_holds_are_seen(lowest: bool) -> None:
    """300 draws that all fall to one side of the middle: their sum begins again at 0 in a byte."""
    score = np.sort(np.random.default_rng(5).normal(size=300)).reshape(10, 30)
    drawn = 0 if lowest else 9
    index = np.full((200, 10, 1), drawn)
    # one resample as usual among them
    index[7, :, 0] = range(10)
    found = aggregate_draws(score, names=("iqm",), index_BSQ=index)["iqm"]
    expected = aggregates.iqm(np.tile(score[drawn], (10, 1)))
    assert np.delete(found, 7) == pytest.approx(expected, abs=1e-13)
    assert found[7] == pytest.approx(aggregates.iqm(score), abs=1e-13)


def test_the_sums_of_bytes_would_be_wrong_there(monkeypatch: pytest.MonkeyPatch) -> None:
    score = np.sort(np.random.default_rng(5).normal(size=300)).reshape(10, 30)
    index = np.zeros((200, 10, 1), dtype=int)
    plain = resampling._running_sums
    monkeypatch.setattr(
        resampling, "_running_sums", lambda count, row, dtype: plain(count, row, np.dtype(np.uint8))
    )
    found = aggregate_draws(score, names=("iqm",), index_BSQ=index)["iqm"]
    assert abs(found[0] - aggregates.iqm(np.tile(score[0], (10, 1)))) > 0.01
