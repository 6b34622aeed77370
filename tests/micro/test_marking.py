"""What is read from a response."""

import random

import pytest

from harness.micro.families import FAMILIES, Problem
from harness.micro.families.circle import packed
from harness.micro.marking import mark

# x * 3 = 8 at x = 14; a trial: x, x * 3, + 5, + 3
SEARCH = Problem("search", "", 14, 3, (*packed((("*", 3), ("+", 5), ("+", 3))), 16))
TAIL = " </think> <answer> \\boxed{ 14} </answer>"


def test_a_search_is_read_trial_by_trial() -> None:
    found = mark(SEARCH, f" 13 5 10 13 no wait, 14 8 13 16 yes 14{TAIL}", finished=True)
    assert found == (True, True, True, True, 2, 6, 6, 2, 2, 1)


def test_a_wrong_step_and_a_wrong_verdict_are_counted() -> None:
    found = mark(SEARCH, f" 13 6 11 14 no 14 8 13 16 no{TAIL}", finished=True)
    assert (found.steps, found.steps_right) == (6, 5)
    assert (found.verdicts, found.verdicts_right) == (2, 1)


def test_a_guess_has_no_attempt_and_an_unfinished_text_is_not_right() -> None:
    assert mark(SEARCH, TAIL, finished=True).attempts == 0
    assert mark(SEARCH, TAIL, finished=True).correct
    cut = mark(SEARCH, TAIL, finished=False)
    assert not cut.correct and not cut.well_formed


@pytest.mark.parametrize(
    "text",
    [
        "",
        " no no yes",
        " 999999999999999999999 no",
        "</think>" * 50,
        " 4 no 4 4 4 4 4 4 yes",
        "\x00é",
    ],
)
@pytest.mark.parametrize("name", FAMILIES)
def test_any_text_can_be_read(name: str, text: str) -> None:
    family = FAMILIES[name]
    problem = family.draw(family.levels[0], random.Random(0))
    assert mark(problem, text, finished=True).correct is False
