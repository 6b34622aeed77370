"""Arithmetic on a circle of 17 numbers: twelve operations, each one to one, learned by heart.

Few operations, so that a small model learns every look-up; on a circle, so that a near miss says
nothing about where the solution lies.
"""

import random
from collections.abc import Callable, Iterator

from harness.micro.families.problem import Attempt

MODULUS = 17
Operation = tuple[str, int]
TIMES = tuple(("*", number) for number in (3, 5, 6, 7, 10, 11))
"""Multiplications whose powers reach every number but 0: an orbit returns after 16 steps only."""

PLUS = tuple(("+", number) for number in (2, 3, 5, 8, 11, 14))
OPERATIONS: tuple[Operation, ...] = TIMES + PLUS


def apply(operation: Operation, x: int) -> int:
    """One look-up."""
    sign, number = operation
    return (x * number if sign == "*" else x + number) % MODULUS


def values_of(operations: tuple[Operation, ...], x: int) -> list[int]:
    """The value after each operation."""
    values = []
    for operation in operations:
        x = apply(operation, x)
        values.append(x)
    return values


def draw_operations(count: int, rng: random.Random) -> tuple[Operation, ...]:
    """Draw operations, none twice in a row."""
    drawn: list[Operation] = []
    while len(drawn) < count:
        operation = rng.choice(OPERATIONS)
        if not drawn or operation != drawn[-1]:
            drawn.append(operation)
    return tuple(drawn)


def written(operations: tuple[Operation, ...], start: str = " x") -> str:
    """The expression in x; what a multiplication takes as a whole stands in brackets."""
    text, is_sum = start, False
    for sign, number in operations:
        if sign == "*" and is_sum:
            text = f" ({text[1:]})"
        text += f" {sign} {number}"
        is_sum = sign == "+"
    return text


def packed(operations: tuple[Operation, ...]) -> tuple[int, ...]:
    """Operations as numbers: a multiplication by its number, an addition by its negative."""
    return tuple(number if sign == "*" else -number for sign, number in operations)


def unpacked(numbers: tuple[int, ...]) -> tuple[Operation, ...]:
    """The operations of `packed` numbers."""
    return tuple(("*", number) if number > 0 else ("+", -number) for number in numbers)


def trials(
    numbers_of: Callable[[int], tuple[int, ...]],
    solves: Callable[[tuple[int, ...]], bool],
    rng: random.Random,
) -> Iterator[Attempt]:
    """Yield trials of x, x + 1, ... from a random start, until one solves the problem.

    Args:
        numbers_of: what is written of a trial of x.
        solves: whether the numbers of a trial are those of the solution.
        rng: draws the start.
    """
    start = rng.randrange(MODULUS)
    for step in range(MODULUS):
        numbers = numbers_of((start + step) % MODULUS)
        is_last = solves(numbers)
        yield Attempt("".join(f" {number}" for number in numbers), is_last)
        if is_last:
            return
