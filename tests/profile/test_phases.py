"""Wall seconds by phase, on the records of a real cell."""

from pathlib import Path

import pytest

from harness.profile.accounts import read_snapshots
from harness.profile.phases import (
    REST,
    median_parts,
    read_steps,
    start_phases,
    startup_s,
    step_parts,
    wall_table,
)
from harness.schema import UsageError

RECORDED = Path(__file__).parent / "recorded"


def test_phases_of_the_start_follow_each_other_without_gaps() -> None:
    start = start_phases(read_snapshots(RECORDED))
    assert start["phase"].tolist()[:2] == ["imports", "Ray"]
    assert start["begin_s"].tolist()[1:] == start["end_s"].tolist()[:-1]
    assert start["begin_s"].iloc[0] == 0.0


def test_parts_of_a_step_add_up_to_it() -> None:
    for step in read_steps(RECORDED):
        parts = step_parts(step)
        assert sum(parts.values()) == pytest.approx(step["timing_s/step"])
        assert 0 <= parts[REST] < 0.2 * step["timing_s/step"]
        assert "reference log-probs" not in parts  # this arm has no reference model


def test_a_part_that_verl_did_not_time_falls_to_the_rest() -> None:
    step = dict(read_steps(RECORDED)[0])
    generation = step.pop("timing_s/gen")
    assert step_parts(step)[REST] > generation


def test_wall_seconds_add_up_to_the_attempt() -> None:
    snapshots, steps = read_snapshots(RECORDED), read_steps(RECORDED)
    table = wall_table(snapshots, steps, 100.0)
    assert table["wall_s"].sum() == pytest.approx(100.0)
    assert table["phase"].is_unique


def test_the_first_step_is_no_part_of_the_start_up() -> None:
    snapshots, steps = read_snapshots(RECORDED), read_steps(RECORDED)
    first = steps[0]["timing_s/step"]
    assert startup_s(snapshots, first) == start_phases(snapshots)["end_s"].iloc[-1] - first


def test_the_median_leaves_the_first_step_out() -> None:
    steps = read_steps(RECORDED)
    slow = [{**steps[0], "timing_s/gen": 1000.0}, *steps[1:]]
    assert median_parts(slow) == median_parts(steps)
    assert median_parts(slow[:1]) != median_parts(steps[:1])


def test_a_run_without_steps_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no training step"):
        read_steps(tmp_path)
