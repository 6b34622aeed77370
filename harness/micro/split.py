"""Which part of the project may see a problem: decided by the hash of its text alone.

So held-out problems are disjoint from training by construction, whatever draws them.
"""

from typing import Literal

from harness.micro.hashing import axis_hash

Part = Literal["pretrain", "train", "held_out"]

PARTS = 8
HELD_OUT_PARTS = frozenset({0})
TRAIN_PARTS = frozenset({1, 2, 3})
SEED_CLASSES = 2


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
