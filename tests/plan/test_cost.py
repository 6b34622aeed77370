import pytest

from harness.plan.cost import Finished, estimate_cell, evaluations, minutes
from tests.cells import make_spec

SETTINGS = {"start_s": 100, "step_s": 10, "evaluation_s": 5}


def test_without_records_the_settings_count() -> None:
    # 100 s start, two evaluations (steps 0 and 2), two steps
    assert estimate_cell(make_spec(), SETTINGS, []).cell_s == 100 + 2 * 5 + 2 * 10


def test_runs_with_the_same_steps_count_as_they_are() -> None:
    finished = [Finished(2, 300.0), Finished(2, 100.0), Finished(2, 200.0), Finished(60, 9.0)]
    estimate = estimate_cell(make_spec(), SETTINGS, finished)
    assert estimate.cell_s == 200.0
    assert "3 finished runs" in estimate.source


def test_runs_with_other_steps_give_the_rate() -> None:
    assert estimate_cell(make_spec(), SETTINGS, [Finished(10, 400.0)]).cell_s == 100 + 2 * 30


@pytest.mark.parametrize(
    ("trainer", "count"),
    [
        ({"total_training_steps": 60, "test_freq": 10}, 7),
        ({"total_training_steps": 25, "test_freq": 10}, 4),
        ({"total_training_steps": 2, "test_freq": 10}, 2),
        ({"total_training_steps": 2, "test_freq": -1, "val_before_train": False}, 0),
    ],
)
def test_the_last_step_is_always_evaluated(trainer: dict[str, int], count: int) -> None:
    assert evaluations(trainer) == count


def test_minutes_are_readable() -> None:
    assert [minutes(s) for s in (10, 725, 12000)] == [
        "about 1 min",
        "about 12 min",
        "about 3 h 20 min",
    ]
