import math
from dataclasses import replace

import numpy as np
import pytest

from harness.plan.calibration import BEFORE, calibrate, fit, ratio
from harness.plan.published import Published, document, published_runs
from harness.plan.steps import Efficiency

TRUE = Efficiency(compute=0.4, memory=0.5, turn_s=0.02)


def made_run(name: str, work: tuple[float, float, float]) -> Published:
    """Return a run whose cost is what `TRUE` gives."""
    seconds = np.array(work) @ np.array([1 / TRUE.compute, 1 / TRUE.memory, TRUE.turn_s])
    return replace(
        published_runs()[0],
        name=name,
        family=name,
        gpu_hours=float(seconds) / 3600,
        work_s=np.array(work),
    )


MADE = [
    made_run(f"{part}{number}", tuple(1e6 if place == part else 1.0 for place in range(3)))
    for part in range(3)
    for number in range(60)
]


def test_without_runs_the_efficiencies_are_those_known_before() -> None:
    found = fit([])
    assert (found.compute, found.memory, found.turn_s) == pytest.approx(tuple(BEFORE.values()))


def test_many_runs_move_the_efficiencies_to_theirs() -> None:
    found = fit(MADE)
    assert found.compute == pytest.approx(TRUE.compute, rel=0.02)
    assert found.memory == pytest.approx(TRUE.memory, rel=0.02)
    assert found.turn_s == pytest.approx(TRUE.turn_s, rel=0.02)


def test_a_run_that_is_left_out_is_not_seen() -> None:
    runs = list(published_runs())
    wrong = replace(runs[0], gpu_hours=100 * runs[0].gpu_hours)
    first = calibrate(runs).rows[0]
    other = calibrate([wrong, *runs[1:]]).rows[0]
    assert other.without_run == pytest.approx(first.without_run / 100)
    assert other.without_family == pytest.approx(first.without_family / 100)
    # with the run in the fit, the fit gives way to it
    assert other.fitted > first.fitted / 100


def test_the_interval_holds_every_published_run() -> None:
    calibration = calibrate()
    misses = [abs(math.log(row.without_family)) for row in calibration.rows]
    assert math.log(calibration.factor) == pytest.approx(max(misses))
    assert calibration.coverage == pytest.approx(len(misses) / (len(misses) + 1))
    worse = [replace(run, gpu_hours=run.gpu_hours * 5) for run in published_runs()[:1]]
    assert calibrate([*worse, *published_runs()[1:]]).factor > calibration.factor


def test_the_published_costs_of_the_paper_and_of_its_peers_are_in() -> None:
    families = {run.family for run in published_runs()}
    assert {"Open-Reasoner-Zero", "SimpleRL-Zoo", "NeMo-RL"} <= families
    orz = next(run for run in published_runs() if run.name == "ORZ-7B")
    assert orz.gpu_hours == 64 * 5.5 * 24
    assert 1 / 3 < ratio(orz, calibrate().efficiency) < 3


def test_every_run_has_a_source_and_every_unused_cost_a_reason() -> None:
    assert all(run.source for run in published_runs())
    assert all(len(why) > 20 for why in document().unused.values())
