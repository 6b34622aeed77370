"""Request seeds: the same in every arm, different for every request."""

from harness.plugins.request_seed import request_seed


def test_equal_requests_have_equal_seeds() -> None:
    assert request_seed(7, 3, "q1", 2) == request_seed(7, 3, "q1", 2)


def test_each_axis_changes_the_seed() -> None:
    base = request_seed(7, 3, "q1", 2)
    others = [(8, 3, "q1", 2), (7, 4, "q1", 2), (7, 3, "q2", 2), (7, 3, "q1", 3)]
    assert all(request_seed(*other) != base for other in others)


def test_seeds_fit_the_engine_and_do_not_collide_in_a_cell() -> None:
    seeds = [request_seed(1, s, f"q{q}", k) for s in range(60) for q in range(16) for k in range(8)]
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert len(set(seeds)) >= len(seeds) - 1
