"""What a comparison must not make of runs that failed, were cut short, or were done twice."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.baseline.logs.log import Log, checked, frame_of
from harness.baseline.logs.mapping import Mapping
from harness.baseline.logs.study import bundle_of_logs
from harness.compare.comparison import StudyComparison, compare_sides
from harness.compare.costs import updates
from harness.compare.document import comparison_document
from harness.compare.effects import Settings
from harness.compare.output import comparison_text
from harness.compare.sides import Side, side_of
from harness.paths import ROOT
from harness.schema import ExitCode
from harness.store.bundle import Bundle, read_bundle

STORED = ROOT / "baselines" / "runs" / "micro" / "kl_penalty" / "v1"
SETTINGS = Settings(level=0.95, margin=0.2, metric="accuracy_easy")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(STORED)


@pytest.fixture(scope="module")
def none(bundle: Bundle) -> Side:
    return side_of(bundle, "kl=none", "baseline")


def compared(bundle: Bundle, none: Side) -> StudyComparison:
    return compare_sides(side_of(bundle, "kl=loss", "candidate"), none, SETTINGS)


def with_status(bundle: Bundle, arm: str, seed: int, status: str) -> Bundle:
    cells = [
        {**cell, "status": status} if (cell["arm"], cell["seed"]) == (arm, seed) else cell
        for cell in bundle.manifest["cells"]
    ]
    return replace(bundle, manifest={**bundle.manifest, "cells": cells})


def test_survivors_of_a_candidate_do_not_pass(bundle: Bundle, none: Side) -> None:
    assert compared(bundle, none).gate.code is ExitCode.OK
    broken = compared(with_status(bundle, "kl=loss", 3, "failed"), none)
    assert broken.gate.code is not ExitCode.OK
    for margin, code in ((0.9, ExitCode.CANNOT_TELL), (1e-6, ExitCode.CANNOT_TELL)):
        settings = replace(SETTINGS, margin=margin)
        gate = compare_sides(broken.candidate, none, settings).gate
        assert gate.code is code
    wide = compare_sides(broken.candidate, none, replace(SETTINGS, margin=0.9))
    assert "not every run of the candidate is complete: seed 3 (failed)" in wide.gate.reason
    assert "runs that are not done: seed 3 (failed)" in comparison_text(wide)
    assert comparison_document(wide, "")["candidate"]["unfinished"] == ["seed 3 (failed)"]


def test_survivors_of_a_baseline_are_noted_and_judge(bundle: Bundle) -> None:
    stored = side_of(with_status(bundle, "kl=none", 3, "failed"), "kl=none", "baseline")
    treat = side_of(bundle, "kl=loss", "candidate")
    comparison = compare_sides(treat, stored, replace(SETTINGS, margin=0.9))
    assert comparison.gate.code is ExitCode.OK
    assert any("baseline has runs that are not done" in n for n in comparison.comparability.notes)


def test_a_candidate_with_an_undefined_end_does_not_pass(bundle: Bundle, none: Side) -> None:
    curves = bundle.curves.copy()
    names = curves["metric"].astype(str) + curves["arm"].astype(str)
    is_one = (names == "accuracy_easykl=loss") & (curves["seed"] == 2) & (curves["step"] == 40)
    curves.loc[is_one, "value"] = np.nan
    treat = side_of(replace(bundle, curves=curves), "kl=loss", "candidate")
    comparison = compare_sides(treat, none, replace(SETTINGS, margin=0.9))
    assert comparison.gate.code is ExitCode.CANNOT_TELL
    assert "seed 2 (no value)" in comparison.gate.reason


def test_the_same_cells_with_other_numbers_are_not_the_same_runs(none: Side) -> None:
    again = compare_sides(none, none, SETTINGS)
    assert again.gate.reason == "both sides are the same runs"
    worse = none.curves.assign(value=none.curves["value"])
    is_accuracy = worse["metric"].astype(str) == "accuracy_easy"
    noise = np.linspace(0.49, 0.51, int(is_accuracy.sum()))
    worse.loc[is_accuracy, "value"] -= noise
    comparison = compare_sides(replace(none, curves=worse), none, SETTINGS)
    assert comparison.gate.code is ExitCode.WORSE
    assert any("same work, done twice" in note for note in comparison.comparability.notes)


def test_the_same_runs_without_a_value_do_not_pass(none: Side) -> None:
    void = replace(none, curves=none.curves.assign(value=np.nan))
    assert compare_sides(void, void, SETTINGS).gate.code is ExitCode.CANNOT_TELL


def test_the_means_of_a_cost_differ_by_its_difference(bundle: Bundle, none: Side) -> None:
    curves = bundle.curves
    is_lost = (curves["arm"].astype(str) == "kl=loss") & (curves["seed"] == 1)
    lost = replace(bundle, curves=curves[~(is_lost & (curves["step"] == 7))])
    for cost in compared(lost, none).costs:
        if cost.difference is not None and np.isfinite(cost.candidate):
            found = cost.candidate - cost.baseline
            assert found == pytest.approx(cost.difference.interval.point), cost.name


@pytest.mark.parametrize(("warm", "count"), [(0, 40), (1, 40), (5, 36), (100, 0)])
def test_the_actor_is_trained_from_the_step_on_that_the_warm_up_names(
    none: Side, warm: int, count: int
) -> None:
    # verl: `if critic_warmup <= global_steps`, and steps count from 1
    side = replace(none, config={**none.config, "verl.trainer.critic_warmup": warm})
    assert updates(side, "actor") == count


def log_of(*runs: tuple[str, int, int], skipped: tuple[int, ...] = ()) -> Log:
    """A log whose reward is the step / 100, of runs (arm, seed, last step)."""
    rows = [
        (arm, seed, step, "reward", step / 100.0 + seed / 1000.0)
        for arm, seed, last in runs
        for step in range(1, last + 1)
        if not (seed == 1 and step in skipped)
    ]
    return checked(Log(path=Path(__file__), format="csv", rows=frame_of(rows)))


def forced(candidate: Bundle, baseline: Bundle) -> StudyComparison:
    sides = side_of(candidate, "", "candidate"), side_of(baseline, "", "baseline")
    return compare_sides(*sides, Settings(level=0.95, margin=None, metric="reward"), is_forced=True)


def test_a_log_that_was_cut_short_has_no_end() -> None:
    whole = bundle_of_logs([log_of(("a", 1, 40), ("a", 2, 40), ("a", 3, 40))], Mapping(), "whole")
    short = bundle_of_logs([log_of(("a", 1, 40), ("a", 2, 35), ("a", 3, 40))], Mapping(), "short")
    assert not whole.manifest["imported"]["notes"]
    assert short.manifest["imported"]["notes"] == [
        "a, seed 2, ends at step 35 of 40: it has no value at the end of training"
    ]
    effect = forced(short, whole).effects[0]
    assert effect.lacking == (2,)
    assert effect.candidate == pytest.approx(0.357)
    ends = short.finals(["reward"]).set_index("seed")["value"]
    assert np.isnan(ends[2]) and ends[3] == pytest.approx(0.358)


def test_an_arm_that_was_trained_for_fewer_steps_ends_where_it_ends() -> None:
    rows = log_of(("a", 1, 40), ("a", 2, 40), ("b", 1, 20), ("b", 2, 20))
    both = bundle_of_logs([rows], Mapping(), "both")
    assert not both.manifest["imported"]["notes"]
    shorter, longer = side_of(both, "b", "candidate"), side_of(both, "a", "baseline")
    assert (shorter.steps, longer.steps) == (20, 40)
    comparison = compare_sides(
        shorter, longer, Settings(level=0.95, margin=None, metric="reward"), is_forced=True
    )
    effect = comparison.effects[0]
    assert effect.end == 20
    # steps 11 to 20 on both sides, which the longer side's ids say
    assert effect.candidate == effect.baseline == pytest.approx(0.1565)
    assert [name.partition("/")[2] for name in effect.rows] == [
        *["final/reward"] * 2,
        *["final/reward@20"] * 2,
    ]


def test_a_window_with_steps_missing_is_told() -> None:
    whole = bundle_of_logs([log_of(("a", 1, 40), ("a", 2, 40))], Mapping(), "whole")
    gaps = log_of(("a", 1, 40), ("a", 2, 40), skipped=(33, 34, 35))
    comparison = forced(bundle_of_logs([gaps], Mapping(), "gaps"), whole)
    assert "mean of 7 to 10 steps" in comparison.effects[0].note
    assert "mean of 7 to 10 steps" in comparison_text(comparison)
    assert "mean of 7 to 10 steps" in comparison_document(comparison, "")["rows"][0]["note"]
    assert not forced(whole, whole).effects[0].gaps
