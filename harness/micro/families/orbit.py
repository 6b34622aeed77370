"""Count the steps of *times 5 plus 2 mod 17* from a start to a target.

An attempt is one step further, ``1 15 0 no``: its number, the product, the sum. Nothing shortens
the way, so the answer is found by going it.
"""

import random
from collections.abc import Iterator

from harness.micro.families.circle import MODULUS, PLUS, TIMES, apply
from harness.micro.families.problem import Attempt, Problem


class Orbit:
    """The level is the number of steps."""

    name = "orbit"
    levels: tuple[int, ...] = tuple(range(2, 11))
    hard_levels: tuple[int, ...] = tuple(range(11, 16))

    def draw(self, level: int, rng: random.Random) -> Problem:
        """Draw a map and a start that moves; the target is what it reaches after `level` steps."""
        times, plus = rng.choice(TIMES), rng.choice(PLUS)
        start = rng.randrange(MODULUS)
        while apply(plus, apply(times, start)) == start:
            start = rng.randrange(MODULUS)
        target = start
        for _ in range(level):
            target = apply(plus, apply(times, target))
        text = f"count steps: {start} * {times[1]} + {plus[1]} to {target} mod {MODULUS}"
        return Problem(self.name, text, level, level, (start, times[1], plus[1], target))

    def attempts(self, problem: Problem, rng: random.Random) -> Iterator[Attempt]:
        """Yield the steps of the way."""
        value, times, plus, target = problem.data
        for number in range(1, problem.answer + 1):
            product = value * times % MODULUS
            value = (product + plus) % MODULUS
            yield Attempt(f" {number} {product} {value}", solves=value == target)

    def guess(self, problem: Problem, rng: random.Random) -> int:
        """Any number of steps that a question may have."""
        return rng.choice(self.levels)

    def checks(
        self, problem: Problem, written: tuple[int, ...], before: tuple[int, ...]
    ) -> list[bool]:
        """The number of the step (again after *recheck*), the product, the sum."""
        start, times, plus, _ = problem.data
        if len(written) != 3 or (before and len(before) != 3):
            return [False]
        number, product, value = written
        if written == before:
            return [True] * 3
        last, at = (before[0], before[2]) if before else (0, start)
        return [
            number == last + 1,
            product == at * times % MODULUS,
            value == (product + plus) % MODULUS,
        ]

    def solves(self, problem: Problem, written: tuple[int, ...]) -> bool:
        """The sum is the target."""
        return written[-1] == problem.data[-1]
