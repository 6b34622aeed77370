"""Seeds from named axes."""

import pytest

from harness.micro.hashing import axis_hash, axis_rng


def test_axis_hash_is_the_same_on_every_machine() -> None:
    assert axis_hash("document", 0, 1) == 8954440919089180188


def test_axis_hash_keeps_axes_apart() -> None:
    assert axis_hash("a", 12) != axis_hash("a1", 2)
    with pytest.raises(ValueError, match="separator"):
        axis_hash("a\x1fb")


def test_adjacent_seeds_give_unrelated_streams() -> None:
    first, second = (
        [axis_rng("stream", seed, i).random() for i in range(100)] for seed in (42, 43)
    )
    assert not set(first) & set(second)
