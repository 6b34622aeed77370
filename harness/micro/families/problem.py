"""What a family of problems is: how to draw one, and how an author attempts it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Problem(NamedTuple):
    """One question.

    Attributes:
        family: name of the family that drew it.
        text: the question as the prompt shows it.
        answer: a whole number of at least 0.
        level: what the family calls difficulty (numbers, operations, steps).
        data: the family's own numbers, enough to write attempts.
    """

    family: str
    text: str
    answer: int
    level: int
    data: tuple[int, ...]


class Attempt(NamedTuple):
    """One attempt as written, and whether it solves the problem."""

    text: str
    solves: bool


class Family(Protocol):
    """A kind of problem.

    Attributes:
        name: as data sources and options call it.
        levels: difficulties of training and of the in-distribution questions.
        hard_levels: difficulties of the harder questions, never trained on.
    """

    name: str
    levels: tuple[int, ...]
    hard_levels: tuple[int, ...]

    def draw(self, level: int, rng: random.Random) -> Problem:
        """Draw a problem with exactly one answer."""
        ...

    def attempts(self, problem: Problem, rng: random.Random) -> Iterator[Attempt]:
        """Yield attempts until one solves the problem, none of them twice."""
        ...

    def guess(self, problem: Problem, rng: random.Random) -> int:
        """The answer of an author who does not try."""
        ...

    def checks(
        self, problem: Problem, written: tuple[int, ...], before: tuple[int, ...]
    ) -> list[bool]:
        """Whether each look-up of a written attempt follows from what is written before it.

        Args:
            problem: the question.
            written: the numbers of the attempt.
            before: the numbers of the attempt before it, empty for the first.

        Returns:
            One value per look-up; an attempt that is not of the family's form counts as one
            that is wrong.
        """
        ...

    def solves(self, problem: Problem, written: tuple[int, ...]) -> bool:
        """Whether an attempt with these numbers solves the problem, if its look-ups are right."""
        ...
