"""Work out a chain of additions and subtractions of single digits: *7 + 5 - 3 + 8*.

The running total stays within 0..99. The one attempt writes every total, so a worked answer is as
long as its question: the world of before 2026-11-27, kept as a family.
"""

import random
from collections.abc import Iterator

from harness.micro.families.problem import Attempt, Problem

MAX_TOTAL = 99
PLUS_SHARE = 0.6


class Chain:
    """The level is the number of operations."""

    name = "chain"
    levels: tuple[int, ...] = (4, 5, 6)
    hard_levels: tuple[int, ...] = (7, 8)

    def draw(self, level: int, rng: random.Random) -> Problem:
        """Draw a chain; a sign that would leave 0..99 is flipped, so no draw is rejected."""
        total = rng.randint(1, 9)
        terms = [total]
        for _ in range(level):
            term = rng.randint(1, 9) * (1 if rng.random() < PLUS_SHARE else -1)
            if not 0 <= total + term <= MAX_TOTAL:
                term = -term
            total += term
            terms.append(term)
        text = f"compute: {terms[0]}{''.join(_written(term) for term in terms[1:])}"
        return Problem(self.name, text, total, level, tuple(terms))

    def attempts(self, problem: Problem, rng: random.Random) -> Iterator[Attempt]:
        """Yield the one attempt: every running total."""
        total, *terms = problem.data
        text = f" {total}"
        for term in terms:
            total += term
            text += f"{_written(term)} = {total}"
        yield Attempt(text, solves=True)

    def guess(self, problem: Problem, rng: random.Random) -> int:
        """The answer: what an author would say who sees it at once."""
        return problem.answer

    def checks(
        self, problem: Problem, written: tuple[int, ...], before: tuple[int, ...]
    ) -> list[bool]:
        """Each running total; `written` holds the first number, then operand and total in turn."""
        first, *terms = problem.data
        if len(written) != 2 * len(terms) + 1:
            return [False]
        totals = (written[0], *written[2::2])
        steps = zip(terms, written[1::2], totals, totals[1:], strict=False)
        return [
            written[0] == first,
            *(operand == abs(term) and y == x + term for term, operand, x, y in steps),
        ]

    def solves(self, problem: Problem, written: tuple[int, ...]) -> bool:
        """The one attempt ends in the answer."""
        return True


def _written(term: int) -> str:
    return f" {'+' if term > 0 else '-'} {abs(term)}"
