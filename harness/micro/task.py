"""The task: a chain of additions and subtractions of single digits, e.g. ``7+5-3+8=?``.

Every running total stays within 0..99. One step is easy for a small model, the whole chain at
once is not, so writing the steps pays. The hash of a problem's text decides which part of the
project may see it, so held-out problems are disjoint from training by construction.
"""

import random
from typing import Literal, NamedTuple

from harness.micro.hashing import axis_hash

Part = Literal["pretrain", "train", "held_out"]

PARTS = 8
HELD_OUT_PARTS = frozenset({0})
TRAIN_PARTS = frozenset({1, 2, 3})
SEED_CLASSES = 4
MAX_TOTAL = 99
PLUS_SHARE = 0.6


class Problem(NamedTuple):
    """One chain: ``operands[0]`` followed by ``signs[i] operands[i + 1]``."""

    operands: tuple[int, ...]
    signs: tuple[int, ...]

    @property
    def text(self) -> str:
        """The question, ending in ``=?``."""
        return f"{self.operands[0]}{''.join(self.steps)}=?"

    @property
    def steps(self) -> list[str]:
        """The operations as written, e.g. ``["+5", "-3"]``."""
        pairs = zip(self.signs, self.operands[1:], strict=True)
        return [f"{'+' if sign > 0 else '-'}{operand}" for sign, operand in pairs]

    @property
    def totals(self) -> list[int]:
        """The running total after each operation, in 0..99."""
        total, totals = self.operands[0], []
        for sign, operand in zip(self.signs, self.operands[1:], strict=True):
            total += sign * operand
            totals.append(total)
        return totals

    @property
    def answer(self) -> int:
        """The value of the chain, in 0..99."""
        return self.totals[-1]


def draw_problem(operations: int, rng: random.Random) -> Problem:
    """Draw a chain with the given number of operations.

    A sign that would leave 0..99 is flipped, so no draw is rejected.
    """
    total = rng.randint(1, 9)
    operands, signs = [total], []
    for _ in range(operations):
        operand = rng.randint(1, 9)
        sign = 1 if rng.random() < PLUS_SHARE else -1
        if not 0 <= total + sign * operand <= MAX_TOTAL:
            sign = -sign
        total += sign * operand
        operands.append(operand)
        signs.append(sign)
    return Problem(tuple(operands), tuple(signs))


def part_of(text: str) -> Part:
    """Say which part of the project may use a problem, from the hash of its text alone."""
    part = axis_hash("part", text) % PARTS
    if part in HELD_OUT_PARTS:
        return "held_out"
    return "train" if part in TRAIN_PARTS else "pretrain"


def seed_class_of(text: str) -> int:
    """The class of a training problem, in 0..SEED_CLASSES - 1.

    A data seed uses one class only, so seeds that differ modulo `SEED_CLASSES` share no problem.
    """
    return axis_hash("seed_class", text) % SEED_CLASSES
