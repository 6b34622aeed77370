"""Find the x at which two expressions meet: *x * 3 + 5 = (x + 2) * 7 mod 17*.

A trial writes x and the values of both sides, ``4 0 5 6 8 no``. Trials go up from a random start,
as in `search`.
"""

import random
from collections.abc import Iterator

from harness.micro.families.circle import (
    MODULUS,
    Operation,
    apply,
    draw_operations,
    packed,
    trials,
    unpacked,
    values_of,
    written,
)
from harness.micro.families.problem import Attempt, Problem

RIGHT = 2
"""Operations of the right side; the left one has the others."""


class Meet:
    """The level is the number of operations of both sides together."""

    name = "meet"
    levels: tuple[int, ...] = (4,)
    hard_levels: tuple[int, ...] = (5,)

    def draw(self, level: int, rng: random.Random) -> Problem:
        """Draw both sides until they meet at one x alone."""
        while True:
            left, right = draw_operations(level - RIGHT, rng), draw_operations(RIGHT, rng)
            met = [x for x in range(MODULUS) if _solves(_numbers(left, right, x), level)]
            if len(met) == 1:
                break
        text = f"meet at x:{written(left)} ={written(right)} mod {MODULUS}"
        return Problem(self.name, text, met[0], level, packed((*left, *right)))

    def attempts(self, problem: Problem, rng: random.Random) -> Iterator[Attempt]:
        """Yield trials of x, x + 1, ... from a random start."""
        left, right = _sides(problem)
        return trials(lambda x: _numbers(left, right, x), lambda n: _solves(n, problem.level), rng)

    def guess(self, problem: Problem, rng: random.Random) -> int:
        """Any x."""
        return rng.randrange(MODULUS)

    def checks(
        self, problem: Problem, written: tuple[int, ...], before: tuple[int, ...]
    ) -> list[bool]:
        """The value after each operation of either side."""
        if len(written) != problem.level + 1:
            return [False]
        left, right = _sides(problem)
        x, of_left, of_right = written[0], written[1 : len(left) + 1], written[len(left) + 1 :]
        return [
            apply(operation, value) == after
            for operations, values in ((left, of_left), (right, of_right))
            for operation, value, after in zip(operations, (x, *values), values, strict=False)
        ]

    def solves(self, problem: Problem, written: tuple[int, ...]) -> bool:
        """Both sides are equal."""
        return len(written) == problem.level + 1 and _solves(written, problem.level)


def _sides(problem: Problem) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
    operations = unpacked(problem.data)
    return operations[:-RIGHT], operations[-RIGHT:]


def _numbers(left: tuple[Operation, ...], right: tuple[Operation, ...], x: int) -> tuple[int, ...]:
    return (x, *values_of(left, x), *values_of(right, x))


def _solves(numbers: tuple[int, ...], level: int) -> bool:
    return numbers[level - RIGHT] == numbers[-1]
