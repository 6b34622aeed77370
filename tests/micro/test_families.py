"""The families of problems: one answer each, attempts that are right, checks that see a mistake."""

import random
import re

import pytest

from harness.micro.families import FAMILIES, Problem
from harness.micro.families.circle import MODULUS, OPERATIONS, apply, packed, unpacked, written

ALL = [(name, level) for name, f in FAMILIES.items() for level in (*f.levels, *f.hard_levels)]


def numbers_of(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))


def drawn(name: str, level: int, count: int = 40) -> list[Problem]:
    rng = random.Random(f"{name} {level}")
    return [FAMILIES[name].draw(level, rng) for _ in range(count)]


def solutions(problem: Problem) -> list[int]:
    """Worked out from the text alone, by Python's own arithmetic."""
    if problem.family == "chain":
        return [eval(problem.text.removeprefix("compute:"))]
    if problem.family == "orbit":
        pattern = r"count steps: (\d+) \* (\d+) \+ (\d+) to (\d+) mod 17"
        value, times, plus, target = map(int, re.fullmatch(pattern, problem.text).groups())
        found = []
        for step in range(1, MODULUS):
            value = (value * times + plus) % MODULUS
            found += [step] if value == target else []
        return found[:1]
    question = problem.text.split(":")[1].removesuffix(f" mod {MODULUS}")
    left, right = question.split("=")
    sides = [compile(side.strip(), "side", "eval") for side in (left, right)]
    return [
        x
        for x in range(MODULUS)
        if eval(sides[0], {"x": x}) % MODULUS == eval(sides[1], {"x": x}) % MODULUS
    ]


@pytest.mark.parametrize(("name", "level"), ALL)
def test_the_answer_is_the_one_solution_of_the_text(name: str, level: int) -> None:
    for problem in drawn(name, level):
        assert solutions(problem) == [problem.answer]
        assert (problem.family, problem.level) == (name, level)


@pytest.mark.parametrize(("name", "level"), ALL)
def test_attempts_end_with_the_solution_and_never_repeat(name: str, level: int) -> None:
    for problem in drawn(name, level):
        attempts = list(FAMILIES[name].attempts(problem, random.Random(0)))
        assert [attempt.solves for attempt in attempts] == [False] * (len(attempts) - 1) + [True]
        assert len({attempt.text for attempt in attempts}) == len(attempts)


@pytest.mark.parametrize(("name", "level"), ALL)
def test_every_look_up_of_an_attempt_is_found_right_and_a_changed_one_wrong(
    name: str, level: int
) -> None:
    family = FAMILIES[name]
    for problem in drawn(name, level, 10):
        before: tuple[int, ...] = ()
        for attempt in family.attempts(problem, random.Random(0)):
            numbers = numbers_of(attempt.text)
            assert all(family.checks(problem, numbers, before))
            assert family.solves(problem, numbers) == attempt.solves
            changed = (*numbers[:-1], numbers[-1] + 1)
            assert not all(family.checks(problem, changed, before))
            assert not all(family.checks(problem, numbers[:-1], before))
            before = numbers


def test_operations_are_one_to_one_and_survive_packing() -> None:
    for operation in OPERATIONS:
        assert {apply(operation, x) for x in range(MODULUS)} == set(range(MODULUS))
    assert unpacked(packed(OPERATIONS)) == OPERATIONS


def test_brackets_stand_where_a_sum_is_multiplied() -> None:
    assert written((("+", 3), ("*", 5), ("+", 2))) == " (x + 3) * 5 + 2"
    assert written((("*", 5), ("+", 2), ("*", 3))) == " (x * 5 + 2) * 3"
