import itertools

import pytest

from harness.spec.seeds import (
    PURPOSES,
    SEEDS,
    derive,
    derived_seeds,
    seed_environment,
    verl_seed_keys,
)


def test_the_list_of_seeds_does_not_change() -> None:
    assert SEEDS[:5] == (1, 2, 3, 4, 5)
    assert len(set(SEEDS)) == 64


def test_a_derived_seed_does_not_change() -> None:
    assert derive(1, "rollout") == 1807493445
    assert derive(1, "request") == 42005128


def test_no_two_seeds_or_purposes_share_a_derived_seed() -> None:
    values = [derive(seed, purpose) for seed in SEEDS for purpose in PURPOSES]
    assert len(set(values)) == len(values)
    assert all(0 <= value < 2**31 for value in values)


def test_adjacent_seeds_are_not_adjacent() -> None:
    for purpose in PURPOSES:
        values = [derive(seed, purpose) for seed in SEEDS]
        assert all(abs(a - b) > 1 for a, b in itertools.pairwise(values))


def test_every_verl_key_and_variable_differs_between_two_seeds() -> None:
    one, two = verl_seed_keys(1), verl_seed_keys(2)
    assert one.keys() == two.keys()
    assert all(one[key] != two[key] for key in one)
    first, second = seed_environment(1), seed_environment(2)
    assert all(first[name] != second[name] for name in first)


def test_the_record_names_every_purpose() -> None:
    assert tuple(derived_seeds(3)) == PURPOSES


def test_an_unknown_purpose_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown purpose 'arm'"):
        derive(1, "arm")
