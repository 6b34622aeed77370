"""Seeds and stable orders from named axes, never from ``seed + i``."""

import hashlib
import random


def axis_hash(*axes: str | int) -> int:
    """Hash named axes to an integer in [0, 2**64).

    Axes are joined by a separator that no axis may contain, so ``("a", 12)`` and ``("a1", 2)``
    differ. The result is the same on every machine and Python version.

    Raises:
        ValueError: If an axis contains the separator.
    """
    parts = [str(axis) for axis in axes]
    if any("\x1f" in part for part in parts):
        raise ValueError(f"an axis contains the separator \\x1f: {parts!r}")
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def axis_rng(*axes: str | int) -> random.Random:
    """Return a private random generator seeded by `axis_hash` of the axes."""
    return random.Random(axis_hash(*axes))
