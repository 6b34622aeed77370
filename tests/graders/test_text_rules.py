"""The text rules of the legacy matcher: on cases by hand, and on made-up text."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.graders import hendrycks, minerva
from harness.graders.repetition import repetition_score
from harness.graders.verdict import LONGEST_SHOWN, right, shortened

PIECES = st.sampled_from(
    [
        *("\\frac", "\\sqrt", "\\text{ ", "\\left(", "\\right)", "{", "}", "^\\circ", "\\%", "$"),
        *(" ", ",", "=", "/", ".", "0", "1", "23", "x", "-", "\\\\", "\n", "\\boxed{", "ft"),
    ]
)
ANSWERS = st.one_of(st.lists(PIECES, max_size=12).map("".join), st.text(max_size=30))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\\dfrac12", "\\frac{1}{2}"),
        ("\\frac1{72}", "\\frac{1}{72}"),
        ("\\frac{1}2", "\\frac{1}2"),
        ("\\frac12\\frac34", "\\frac{1}{2}\\frac{3}{4}"),
        # one fraction of a single character, and none is changed
        ("\\frac12+\\frac1", "\\frac12+\\frac1"),
        ("\\frac1\\frac23", "\\frac1\\frac23"),
        ("\\sqrt[3]2", "\\sqrt{[}3]2"),
        (" .5", "\\frac{1}{2}"),
        ("{.5}", "{0.5}"),
        (".25", "0.25"),
        ("x = 3", "3"),
        ("xyz=3", "xyz=3"),
        ("1=2=3", "1=2=3"),
        ("\\sqrt3x", "\\sqrt{3}x"),
        ("-3/4", "\\frac{-3}{4}"),
        ("03/4", "03/4"),
        ("a/b", "a/b"),
        ("1/2/3", "1/2/3"),
        ("5\\text{ m}^2", "5"),
        ("\\left(1, 2\\right]", "(12]"),
        ("$5\\$", "5"),
        ("", ""),
    ],
)
def test_the_math_normalisation_by_hand(text: str, plain: str) -> None:
    assert hendrycks.normalised(text) == plain


def test_two_units_are_compared_as_they_stand() -> None:
    twice = "5\\text{ m}\\text{ s}"
    with pytest.raises(ValueError, match="two units"):
        hendrycks.normalised(twice)
    assert hendrycks.same_text(twice, twice)
    assert not hendrycks.same_text(twice, "5")


@pytest.mark.parametrize("text", ["2\\sqrt", "\\sqrt\\sqrt3", "\\frac", "\\frac12\\frac"])
def test_a_command_with_nothing_after_it_leaves_the_text_as_it_stands(text: str) -> None:
    with pytest.raises(ValueError, match="nothing after"):
        hendrycks.normalised(text)
    assert hendrycks.same_text(text, text)
    assert not hendrycks.same_text(text, f"${text}")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("b = 7", "b=7"),
        ("a 7", "7"),
        ("12,345", "12345"),
        ("12,34x", "12,34x"),
        ("about $3$ cm", "3"),
        ("\\text{east}", "east"),
        ("\\left(3\\right)", "\\le(3\\right)"),
        ("5\\mbox{ inches}^2", "5"),
        ("\\frac12", "\\frac{1}{2}"),
        ("\\sqrt2", "\\sqrt{2}"),
        ("\\boxed{{1}}", "{1}"),
    ],
)
def test_the_minerva_normalisation_by_hand(text: str, plain: str) -> None:
    assert minerva.normalised(text) == plain


@settings(max_examples=40)
@given(ANSWERS, ANSWERS)
def test_sameness_as_text_never_raises_and_has_no_direction(left: str, right: str) -> None:
    assert hendrycks.same_text(left, right) is hendrycks.same_text(right, left)


@settings(max_examples=40)
@given(ANSWERS)
def test_minerva_never_raises_and_leaves_no_dollar(text: str) -> None:
    assert "$" not in minerva.normalised(text)


@settings(max_examples=40)
@given(st.text(alphabet="ab", max_size=40))
def test_repetition_is_that_of_the_plain_definition(text: str) -> None:
    suffixes = sorted(text[place:] for place in range(len(text)))
    shared = 0
    for first, second in itertools.pairwise(suffixes):
        pairs = zip(first, second, strict=False)
        shared += next(
            (place for place, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second))
        )
    expected = 2 * shared / (len(text) * (len(text) + 1)) if text else 0.0
    assert repetition_score(text) == pytest.approx(expected, abs=1e-12)


def test_repetition_is_near_one_for_one_letter_and_small_for_different_ones() -> None:
    assert repetition_score("a" * 200) > 0.9
    assert repetition_score("abcdefghijklmnopqrstuvwxyz") == 0.0
    assert repetition_score("") == 0.0


def test_what_a_verdict_shows_is_short() -> None:
    assert len(shortened("x" * 10_000)) == LONGEST_SHOWN
    assert shortened("x" * LONGEST_SHOWN) == "x" * LONGEST_SHOWN
    assert len(right("r", "y" * 10_000).answer) == LONGEST_SHOWN
