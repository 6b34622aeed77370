"""Two runs of one cell compared number by number, on the records of a real cell."""

import copy
import math
from pathlib import Path
from typing import Any

from harness.profile.neutrality import compare_runs
from harness.profile.phases import read_steps

STEPS = read_steps(Path(__file__).parent / "recorded")


def changed(step: int, key: str, value: Any) -> list[dict[str, Any]]:
    steps = copy.deepcopy(STEPS)
    steps[step - 1][key] = value
    return steps


def test_a_run_is_equal_to_itself() -> None:
    same = compare_runs(STEPS, STEPS)
    assert same.first_different is None
    assert same.steps == 3
    assert same.values > 100
    assert "every one is equal" in same.text()


def test_one_changed_bit_is_found() -> None:
    value = math.nextafter(STEPS[1]["actor/grad_norm"], math.inf)
    found = compare_runs(STEPS, changed(2, "actor/grad_norm", value))
    assert found.first_different == 2
    assert list(found.largest) == ["actor/grad_norm"]
    assert 0 < found.largest["actor/grad_norm"] < 1e-12
    assert "first difference at step 2" in found.text()


def test_times_are_not_compared() -> None:
    assert compare_runs(STEPS, changed(1, "timing_s/step", 99.0)).first_different is None


def test_undefined_is_equal_to_undefined_only() -> None:
    gone = changed(3, "critic/vf_explained_var", math.nan)
    assert compare_runs(gone, copy.deepcopy(gone)).first_different is None
    assert compare_runs(STEPS, gone).largest == {"critic/vf_explained_var": math.inf}


def test_a_metric_of_one_run_only_is_named() -> None:
    more = changed(1, "actor/kl_loss", 0.1)
    assert compare_runs(STEPS, more).only_in_one == ("actor/kl_loss",)
