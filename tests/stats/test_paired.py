import math

import numpy as np
import pytest
from scipy import stats

from harness.stats.paired import FEW_SEEDS, compare_paired, compare_unpaired

TIGHT = 1e-10
TREAT = np.array([0.91, 0.88, 0.95, 0.90, 0.93])
CONTROL = np.array([0.86, 0.87, 0.89, 0.91, 0.86])


def test_paired_agrees_with_scipy_and_a_changed_value_does_not() -> None:
    known = stats.ttest_rel(TREAT, CONTROL, alternative="greater")
    bounds = stats.ttest_rel(TREAT, CONTROL).confidence_interval(0.9)
    found = compare_paired(TREAT, CONTROL, level=0.9)

    assert found.p_superior == pytest.approx(known.pvalue, rel=TIGHT)
    assert found.p_inferior == pytest.approx(1.0 - known.pvalue, rel=TIGHT)
    assert found.interval[1:] == pytest.approx((bounds.low, bounds.high), abs=TIGHT)
    assert (found.method, found.seeds, found.is_paired, found.note) == ("paired t", 5, True, "")

    changed = compare_paired(TREAT + np.array([0.01, 0, 0, 0, 0]), CONTROL, level=0.9)
    assert changed.p_superior != pytest.approx(known.pvalue, rel=TIGHT)


def test_unpaired_agrees_with_scipy_and_does_not_with_the_pooled_test() -> None:
    short = CONTROL[:3]
    known = stats.ttest_ind(TREAT, short, equal_var=False, alternative="less")
    bounds = stats.ttest_ind(TREAT, short, equal_var=False).confidence_interval(0.95)
    found = compare_unpaired(TREAT, short)

    assert found.p_inferior == pytest.approx(known.pvalue, rel=TIGHT)
    assert found.interval[1:] == pytest.approx((bounds.low, bounds.high), abs=TIGHT)
    assert (found.method, found.seeds, found.is_paired) == ("Welch t", 3, False)

    pooled = stats.ttest_ind(TREAT, short, alternative="less")
    assert found.p_inferior != pytest.approx(pooled.pvalue, rel=TIGHT)


def test_fewer_than_five_seeds_say_how_wide_a_trustworthy_interval_is_and_by_which_method() -> None:
    three = compare_paired(TREAT[:3], CONTROL[:3])
    half = three.interval.high - three.interval.point

    assert f"±{half:.3g} (paired t)" in three.note
    assert "with 3 seeds a trustworthy 95 % interval" in three.note
    # half-widths at the same spread: t(0.975, 4) / sqrt(5) against t(0.975, 2) / sqrt(3)
    at_five = half * (2.7764451 / math.sqrt(5)) / (4.3026527 / math.sqrt(3))
    assert f"{FEW_SEEDS} seeds of the same spread would give about ±{at_five:.2g}" in three.note
    assert compare_paired(TREAT, CONTROL).note == ""


def test_seeds_without_a_value_are_left_out_in_pairs_and_counted() -> None:
    gap = TREAT.copy()
    gap[1] = np.nan
    found = compare_paired(gap, CONTROL)

    known = compare_paired(np.delete(TREAT, 1), np.delete(CONTROL, 1))
    assert found.interval == known.interval
    assert (found.seeds, known.seeds) == (4, 4)
    assert found.note.startswith("1 pair without a value left out")
    assert "2 seeds without a value" in compare_unpaired(gap, gap).note


@pytest.mark.parametrize("compare", [compare_paired, compare_unpaired])
def test_one_seed_and_none_have_no_interval_and_no_p(compare) -> None:
    one = compare(np.array([0.5]), np.array([0.25]), margin=0.1)
    assert one.interval.point == 0.25
    assert all(map(math.isnan, (*one.interval[1:], one.p_superior, one.p_equivalent)))
    assert "needs at least 2" in one.note

    none = compare(np.array([]), np.array([]))
    assert math.isnan(none.interval.point) and none.seeds == 0


@pytest.mark.parametrize("compare", [compare_paired, compare_unpaired])
def test_equal_values_are_never_certain(compare) -> None:
    same = compare(np.full(5, 0.1 + 0.2), np.full(5, 0.3), margin=0.1)
    assert all(map(math.isnan, (*same.interval[1:], same.p_superior, same.p_equivalent)))
    assert "equal" in same.note

    # equal but for the rounding of a sum
    shifted = compare_paired(np.array([0.1, 0.2, 0.7]) + 0.1, np.array([0.1, 0.2, 0.7]))
    assert math.isnan(shifted.interval.low)


def test_equivalence_and_superiority_are_two_questions() -> None:
    apart = compare_paired(TREAT, CONTROL, margin=0.2)
    assert apart.p_superior < 0.05 and apart.p_equivalent < 0.05
    assert compare_paired(TREAT, CONTROL, margin=0.01).p_equivalent > 0.5
    assert math.isnan(compare_paired(TREAT, CONTROL).p_equivalent)


def test_the_difference_turns_over_with_the_arms_and_does_not_depend_on_order_or_shift() -> None:
    there, back = compare_paired(TREAT, CONTROL), compare_paired(CONTROL, TREAT)
    assert there.interval.low == pytest.approx(-back.interval.high, abs=TIGHT)
    assert there.p_superior == pytest.approx(back.p_inferior, rel=TIGHT)

    order = np.array([3, 1, 0, 4, 2])
    moved = compare_paired(10.0 * (TREAT[order] + 7.0), 10.0 * (CONTROL[order] + 7.0))
    assert moved.interval == pytest.approx([10.0 * x for x in there.interval], abs=1e-9)
    assert moved.p_superior == pytest.approx(there.p_superior, rel=1e-6)


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match="align"):
        compare_paired(TREAT, CONTROL[:2])
    with pytest.raises(ValueError, match="level"):
        compare_paired(TREAT, CONTROL, level=95)
    with pytest.raises(ValueError, match="margin"):
        compare_unpaired(TREAT, CONTROL, margin=0.0)
    with pytest.raises(ValueError, match="shape"):
        compare_paired(TREAT[None], CONTROL[None])
    with pytest.raises(ValueError, match="infinities"):
        compare_unpaired(np.array([np.inf, 1.0]), CONTROL)
