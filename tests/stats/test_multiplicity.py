import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from harness.stats.multiplicity import holm


def test_holm_agrees_with_statsmodels_and_is_not_bonferroni() -> None:
    p = np.random.default_rng(0).random(12) ** 3

    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-14)
    assert holm(p) != pytest.approx(multipletests(p, method="bonferroni")[1], abs=1e-14)


def test_holm_by_hand() -> None:
    # 3 x 0.01; 2 x 0.02; max(0.04, 1 x 0.03)
    assert holm(np.array([0.03, 0.01, 0.02])) == pytest.approx([0.04, 0.03, 0.04])
    assert holm(np.array([0.6, 0.9])) == pytest.approx([1.0, 1.0])
    assert holm(np.array([])).size == 0


def test_a_claim_that_was_not_tested_stays_undefined_and_counts() -> None:
    adjusted = holm(np.array([0.01, np.nan, 0.02]))

    assert np.isnan(adjusted[1])
    assert adjusted[[0, 2]] == pytest.approx([0.03, 0.04])


def test_order_does_not_matter() -> None:
    p = np.array([0.04, 0.001, 0.3, 0.02])
    order = np.array([2, 0, 3, 1])
    assert holm(p[order]) == pytest.approx(holm(p)[order])


@pytest.mark.parametrize("bad", [[-0.1], [1.1], [[0.5, 0.5]]])
def test_what_is_no_p_value_is_refused(bad) -> None:
    with pytest.raises(ValueError, match="p values"):
        holm(np.array(bad))
