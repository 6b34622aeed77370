"""Find x by trial: *(x + 3) * 5 + 2 = 8 mod 17*.

A trial writes x and the value after each operation, ``4 7 1 3 no``. Trials go up from a random
start, so all 17 are made before one comes again.
"""

import random
from collections.abc import Iterator

from harness.micro.families.circle import (
    MODULUS,
    apply,
    draw_operations,
    packed,
    trials,
    unpacked,
    values_of,
    written,
)
from harness.micro.families.problem import Attempt, Problem


class Search:
    """The level is the number of operations."""

    name = "search"
    levels: tuple[int, ...] = (3,)
    hard_levels: tuple[int, ...] = (4,)

    def draw(self, level: int, rng: random.Random) -> Problem:
        """Draw operations and the solution; they are one to one, so no other x solves it."""
        operations = draw_operations(level, rng)
        answer = rng.randrange(MODULUS)
        target = values_of(operations, answer)[-1]
        text = f"find x:{written(operations)} = {target} mod {MODULUS}"
        return Problem(self.name, text, answer, level, (*packed(operations), target))

    def attempts(self, problem: Problem, rng: random.Random) -> Iterator[Attempt]:
        """Yield trials of x, x + 1, ... from a random start."""
        operations = unpacked(problem.data[:-1])
        return trials(
            lambda x: (x, *values_of(operations, x)), lambda n: self.solves(problem, n), rng
        )

    def guess(self, problem: Problem, rng: random.Random) -> int:
        """Any x."""
        return rng.randrange(MODULUS)

    def checks(
        self, problem: Problem, written: tuple[int, ...], before: tuple[int, ...]
    ) -> list[bool]:
        """The value after each operation."""
        operations = unpacked(problem.data[:-1])
        if len(written) != len(operations) + 1:
            return [False]
        steps = zip(operations, written, written[1:], strict=False)
        return [apply(operation, x) == y for operation, x, y in steps]

    def solves(self, problem: Problem, written: tuple[int, ...]) -> bool:
        """The last value is the target."""
        return written[-1] == problem.data[-1]
