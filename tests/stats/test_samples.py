"""pass@k, avg@k and maj@k against every draw of k, by hand, and with bad input."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats.samples import avg_at_k, maj_at_k, pass_at_k

QUICK = settings(max_examples=25, deadline=None, derandomize=True)


@pytest.mark.parametrize(("correct", "total", "k"), [(0, 4, 2), (1, 4, 2), (3, 8, 5), (8, 8, 8)])
def test_pass_at_k_is_the_ratio_of_binomials(correct: int, total: int, k: int) -> None:
    found = pass_at_k(np.array([correct]), np.array([total]), k)[0]
    assert found == pytest.approx(1 - comb(total - correct, k) / comb(total, k), abs=1e-15)


def test_pass_at_k_is_unbiased_and_avg_at_k_is_pass_at_1() -> None:
    correct = np.arange(17)
    np.testing.assert_allclose(pass_at_k(correct, 16, 1), correct / 16, atol=1e-15)
    np.testing.assert_array_equal(avg_at_k(correct, 16, 4), correct / 16)
    # truth 0.3: the mean over all counts of successes is 1 - 0.7^k, which c / n plugged in is not
    weight = np.array([comb(16, c) * 0.3**c * 0.7 ** (16 - c) for c in correct])
    assert weight @ pass_at_k(correct, 16, 4) == pytest.approx(1 - 0.7**4, abs=1e-12)
    assert weight @ (1 - (1 - correct / 16) ** 4) < 1 - 0.7**4 - 0.01


def test_fewer_samples_than_k_are_missing_not_zero() -> None:
    assert np.isnan(pass_at_k(np.array([2, 2]), np.array([3, 8]), 4)).tolist() == [True, False]
    assert np.isnan(avg_at_k(np.array([0]), np.array([0]), 1)).all()
    assert np.isnan(maj_at_k([["a"]], [[True]], 2)).all()


def plain_majority(answers: list[str | None], right: str, k: int) -> float:
    """Look at every draw of k."""
    earned = []
    for drawn in combinations(answers, k):
        votes = [answer for answer in drawn if answer is not None]
        most = max((votes.count(answer) for answer in votes), default=0)
        leaders = {answer for answer in votes if votes.count(answer) == most}
        earned.append((right in leaders) / max(len(leaders), 1))
    return float(np.mean(earned))


@QUICK
@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=9), st.data())
def test_majority_equals_every_draw(answers: list[str | None], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(answers)))
    grades = [answer == "a" for answer in answers]
    found = maj_at_k([answers], [grades], k)[0]
    assert found == pytest.approx(plain_majority(answers, "a", k), abs=1e-12)
    shuffled = data.draw(st.permutations(answers))
    assert maj_at_k([shuffled], [[a == "a" for a in shuffled]], k)[0] == pytest.approx(found)


@QUICK
@given(st.integers(1, 40), st.data())
def test_bounds_and_growth(total: int, data: st.DataObject) -> None:
    correct = np.array([data.draw(st.integers(0, total))])
    values = [pass_at_k(correct, total, k)[0] for k in range(1, total + 1)]
    assert all(0.0 <= value <= 1.0 for value in values)
    assert (np.diff(values) >= -1e-15).all()
    assert values[-1] == pytest.approx(float(correct[0] > 0))


def test_two_right_forms_share_the_lead() -> None:
    answers, grades = ["1/2", "0.5", "3"], [True, True, False]
    assert maj_at_k([answers], [grades], 3)[0] == pytest.approx(2 / 3)


def test_many_samples_are_quick_and_finite() -> None:
    answers = [str(i % 7) for i in range(256)]
    value = maj_at_k([answers], [[a == "0" for a in answers]], 64)[0]
    assert 0.1 < value < 0.3
    many = pass_at_k(np.arange(1_000_000) % 17, 16, 8)
    assert many.shape == (1_000_000,) and np.isfinite(many[np.arange(1_000_000) % 17 <= 16]).all()


def test_no_question_gives_no_number() -> None:
    assert maj_at_k([], [], 1).shape == (0,)
    assert pass_at_k(np.array([], dtype=int), np.array([], dtype=int), 1).shape == (0,)


@pytest.mark.parametrize(
    ("correct", "total", "k", "message"),
    [
        ([1.5], [2], 1, "whole numbers"),
        ([np.nan], [2], 1, "whole numbers"),
        ([-1], [2], 1, "whole numbers"),
        ([3], [2], 1, "more right"),
        ([1], [2], 0, "k must be"),
        ([1, 1], [2, 2, 2], 1, "expected counts"),
    ],
)
def test_bad_counts_are_refused(correct: list, total: list, k: int, message: str) -> None:
    for estimate in (pass_at_k, avg_at_k):
        with pytest.raises(ValueError, match=message):
            estimate(np.array(correct), np.array(total), k)


def test_bad_answers_are_refused() -> None:
    with pytest.raises(ValueError, match="both right and wrong"):
        maj_at_k([["a", "a"]], [[True, False]], 1)
    with pytest.raises(ValueError, match="2 answers and 1 grades"):
        maj_at_k([["a", "b"]], [[True]], 1)
    with pytest.raises(ValueError, match="questions have answers"):
        maj_at_k([["a"]], [], 1)
    with pytest.raises(ValueError, match="k must be"):
        maj_at_k([["a"]], [[True]], 0)
    with pytest.raises(ValueError, match="at most"):
        maj_at_k([["a"] * 1001], [[True] * 1001], 1)
