"""The fingerprint's numbers are those of the formulas, and each formula moves its own."""

import math

import pytest

from harness.plugins.fingerprint import EXPECTED, MEASURES, departures, summed_up, text_of
from tests.defects.formulas import FORMULAS


@pytest.mark.parametrize("name", MEASURES)
def test_the_expected_number_is_that_of_the_formula(name: str) -> None:
    assert list(EXPECTED) == list(MEASURES) == list(FORMULAS)
    assert summed_up(FORMULAS[name]()) == pytest.approx(EXPECTED[name], rel=1e-6)


def test_a_sum_moves_with_each_value_and_with_the_order() -> None:
    values = FORMULAS["gae"]()
    for place in range(len(values)):
        moved = [*values]
        moved[place] += 1e-3
        assert not math.isclose(summed_up(moved), summed_up(values), abs_tol=1e-6)
    assert not math.isclose(summed_up(values[::-1]), summed_up(values), abs_tol=1e-3)


def test_machines_that_round_differently_have_one_fingerprint() -> None:
    rounded = {name: value * (1 + 1e-6) for name, value in EXPECTED.items()}
    assert text_of(rounded) == text_of(dict(EXPECTED)) and departures(rounded) == []


def test_another_engine_is_told_by_what_it_computes() -> None:
    other = {**EXPECTED, "critic_loss_adds_up": 3 * EXPECTED["critic_loss_adds_up"]}
    assert departures(other) == ["critic_loss_adds_up"]
    assert text_of(other) == "other: critic_loss_adds_up 1.43"
    # two other engines are not one because both are another
    assert text_of({**EXPECTED, "critic_loss_adds_up": 1.0}) != text_of(other)
    assert text_of({**EXPECTED, "gae": "AttributeError: gone"}) == "other: gae"
    assert departures({}) == list(EXPECTED)
