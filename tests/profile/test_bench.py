"""The tables of `make bench-cell`."""

import pytest

from harness.profile.bench import (
    MEASURES,
    Measured,
    long_table,
    medians,
    ratio_table,
    read_runs,
    removal_table,
)


def measured(variant: str, value: float) -> Measured:
    return Measured(variant=variant, values=dict.fromkeys(MEASURES, value))


RUNS = [
    measured("naive", 10.0),
    measured("final", 4.0),
    measured("naive", 30.0),
    measured("final", 5.0),
    measured("naive", 20.0),
    measured("final", 99.0),
    measured("without warm_start", 15.0),
]


def test_medians_are_by_variant_and_measure() -> None:
    assert medians(RUNS)["naive"] == dict.fromkeys(MEASURES, 20.0)
    assert medians(RUNS)["final"] == dict.fromkeys(MEASURES, 5.0)


def test_the_ratio_is_naive_over_final() -> None:
    table = ratio_table(RUNS)
    assert "naive (3 runs)" in table
    assert all(line.endswith("4.00 |") for line in table.splitlines()[2:])
    assert ratio_table(RUNS[:1]) == ""


def test_a_switch_is_shown_as_a_ratio_to_the_final_cell() -> None:
    what = {"warm_start": "a warm start"}
    (row,) = removal_table(RUNS, what).splitlines()[2:]
    assert "a warm start" in row
    assert row.count("3.00") == len(MEASURES)
    assert removal_table(RUNS[:6], what) == ""


def test_a_switch_that_is_not_declared_is_an_error() -> None:
    with pytest.raises(KeyError):
        removal_table(RUNS, {})


def test_what_the_harness_adds_is_taken_pair_by_pair() -> None:
    # by medians it would be 110 over 104: +5.8 %
    pairs = [(110.0, 100.0), (121.0, 110.0), (106.0, 104.0)]
    runs = [
        Measured(variant="cell_60", values={"cells": 1, "cell_s": whole, "bare_s": bare})
        for whole, bare in pairs
    ]
    runs.append(Measured(variant="pair_60", values={"cells": 2, "cell_s": 144.0}))
    alone, pair = long_table(runs).splitlines()[2:]
    assert "+10.0% [+1.9%, +10.0%] of 104 s" in alone
    assert "not measured" in pair
    assert "50.0" in pair


def test_runs_are_read_from_the_file_of_the_measurement() -> None:
    info = {"variant": "final", "repeat": 0, "values": dict.fromkeys(MEASURES, 1.0)}
    assert read_runs({"benchmarks": [{"extra_info": info}]}) == [measured("final", 1.0)]
