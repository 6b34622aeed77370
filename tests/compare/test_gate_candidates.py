"""What a gate must not let through, each beside a candidate with nothing wrong, which passes."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.baseline import __main__ as baseline
from harness.baseline.writing import write_version
from harness.compare import __main__ as compare
from harness.paths import BASELINES
from harness.schema import ExitCode
from harness.store.bundle import Bundle, read_bundle

NAME = "micro/kl_penalty@v3"
ARM, SEEDS = "kl=none", (4, 5, 6, 7, 8)
LITTLE = dict(zip(SEEDS, (1, -1, 2, 0, -1), strict=True))
"""Right answers more or fewer, of 128, that mean nothing."""


@pytest.fixture(scope="module")
def stored() -> Bundle:
    return read_bundle(BASELINES / "micro" / "kl_penalty" / "v3")


def moved(
    bundle: Bundle, answers: Mapping[int, int], split: str = "easy", *, is_scored: bool = True
) -> Bundle:
    """The arm with more or fewer right answers per seed at the end, in curves and scores."""
    curves, scores = bundle.curves.copy(), bundle.scores.copy()
    ends = (curves["metric"].astype(str) == f"accuracy_{split}") & (curves["step"] == 40)
    splits = (scores["split"].astype(str) == f"eval_{split}") & (scores["arm"].astype(str) == ARM)
    for seed, count in answers.items():
        mine = ends & (curves["seed"] == seed) & (curves["arm"].astype(str) == ARM)
        curves.loc[mine, "value"] += count / 128
        own = scores[splits & (scores["seed"] == seed)]
        left = abs(count) if is_scored else 0
        for place, row in own.iterrows():
            room = row["correct"] if count < 0 else row["samples"] - row["correct"]
            step = min(left, room)
            scores.loc[place, "correct"] += step if count > 0 else -step
            left -= step
        assert left == 0
    return replace(bundle, curves=curves, scores=scores)


def cut(bundle: Bundle, steps: int) -> Bundle:
    """The runs up to a step, with a manifest that says so and the scores that they had."""
    plan = bundle.manifest["protocol"]["evaluation"]
    protocol = {
        **bundle.manifest["protocol"],
        "steps": steps,
        "evaluation": {**plan, "steps": [s for s in plan["steps"] if s <= steps]},
    }
    curves = bundle.curves[bundle.curves["step"] <= steps]
    return replace(bundle, manifest={**bundle.manifest, "protocol": protocol}, curves=curves)


def only(bundle: Bundle, seeds: tuple[int, ...]) -> Bundle:
    cells = [cell for cell in bundle.manifest["cells"] if cell["seed"] in seeds]
    return replace(
        bundle,
        manifest={**bundle.manifest, "cells": cells, "seeds": list(seeds)},
        curves=bundle.curves[bundle.curves["seed"].isin(seeds)],
        scores=bundle.scores[bundle.scores["seed"].isin(seeds)],
    )


def with_values(bundle: Bundle, metric: str, change: Any) -> Bundle:
    curves = bundle.curves.copy()
    is_metric = curves["metric"].astype(str) == metric
    curves.loc[is_metric, "value"] = change(curves.loc[is_metric, "value"])
    return replace(bundle, curves=curves)


def folder(bundle: Bundle, base: Path) -> Path:
    """Write a bundle with hashes that fit, as who forges one would."""
    own = {k: v for k, v in bundle.manifest.items() if k not in ("files", "digest")}
    tables = [t.reset_index(drop=True) for t in (bundle.curves, bundle.scores)]
    return write_version(base / "micro" / "forged", own, *tables)


def gated(bundle: Bundle, base: Path, *words: str, against: str = NAME) -> int:
    place = folder(bundle, base)
    arms = [f"candidate_arm={ARM}", f"baseline_arm={ARM}"]
    return compare.main([f"candidate={place}", f"baseline={against}", *arms, "--gate", *words])


def test_a_candidate_with_nothing_wrong_passes(stored: Bundle, tmp_path: Path, capsys: Any) -> None:
    assert gated(moved(stored, LITTLE), tmp_path) == ExitCode.OK
    assert "excludes a loss as large as the margin" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("metric", "change", "said"),
    [
        ("accuracy_easy", lambda v: 100 * v, "is it in percent?"),
        ("accuracy_easy", lambda v: v + 0.5, "outside 0 to 1"),
        ("response_length", lambda v: -v, "never negative"),
        ("reward", lambda v: v / 0.0, "infinite"),
        ("accuracy_easy", lambda v: v * float("nan"), "has no accuracy_easy at step 0"),
        ("samples_easy", lambda v: v + 1, "129 samples of eval_easy, 128 were asked for"),
        ("samples_easy", lambda v: v - 1, "128 samples of eval_easy"),
    ],
)
def test_numbers_that_cannot_be_are_refused_in_a_folder(
    stored: Bundle, tmp_path: Path, capsys: Any, metric: str, change: Any, said: str
) -> None:
    assert gated(with_values(stored, metric, change), tmp_path) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    with pytest.raises(Exception, match="the hashes fit"):
        read_bundle(tmp_path / "micro" / "forged" / "v1")


def test_scores_that_contradict_the_curves_are_refused_by_compare_and_verify(
    stored: Bundle, tmp_path: Path, capsys: Any
) -> None:
    zero = replace(stored, scores=stored.scores.assign(correct=stored.scores["correct"] * 0))
    assert gated(zero, tmp_path) == ExitCode.USAGE
    assert "scores.parquet that it is 0.0000" in capsys.readouterr().err
    words = ["verify", f"baselines_dir={tmp_path}"]
    assert baseline.main(words) == ExitCode.USAGE
    assert "scores.parquet that it is 0.0000" in capsys.readouterr().err
    folder(moved(stored, LITTLE), tmp_path / "whole")
    assert baseline.main(["verify", f"baselines_dir={tmp_path / 'whole'}"]) == ExitCode.OK


def test_curves_below_their_scores_are_judged_and_cannot_pass(
    stored: Bundle, tmp_path: Path, capsys: Any
) -> None:
    """What makes a candidate look worse than it is does not help it, and is judged."""
    lower = moved(stored, dict(zip(SEEDS, (-1, -1, -2, -1, -1), strict=True)), is_scored=False)
    assert gated(lower, tmp_path) == ExitCode.CANNOT_TELL
    assert "contradicts itself" in capsys.readouterr().out
    fallen = moved(stored, dict.fromkeys(SEEDS, -90) | {4: -91}, is_scored=False)
    assert gated(fallen, tmp_path / "fallen") == ExitCode.WORSE
    assert baseline.main(["verify", f"baselines_dir={tmp_path}"]) == ExitCode.USAGE
    words = [f"candidate={NAME}", f"baseline={tmp_path / 'micro' / 'forged' / 'v1'}", "--gate"]
    assert compare.main(words) == ExitCode.USAGE


def test_a_collapse_does_not_pass_by_being_cut_off(
    stored: Bundle, tmp_path: Path, capsys: Any
) -> None:
    collapsed = moved(stored, dict.fromkeys(SEEDS, -90) | {4: -91})
    assert gated(collapsed, tmp_path / "whole") == ExitCode.WORSE
    early = cut(collapsed, 30)
    assert gated(early, tmp_path / "cut") == ExitCode.NOT_COMPARABLE
    assert "end at step 30, the baseline's at 40; allow_partial=true" in capsys.readouterr().err
    assert gated(early, tmp_path / "partial", "allow_partial=true") == ExitCode.CANNOT_TELL
    assert gated(early, tmp_path / "forced", "--anyway") == ExitCode.CANNOT_TELL
    assert gated(cut(stored, 10), tmp_path / "ten", "allow_partial=true") == ExitCode.CANNOT_TELL


def test_rows_that_end_before_their_manifest_says_are_cut_off_too(
    stored: Bundle, tmp_path: Path
) -> None:
    early = replace(stored, curves=stored.curves[stored.curves["step"] <= 39])
    assert gated(early, tmp_path / "a") == ExitCode.USAGE
    is_last = (stored.curves["step"] == 40) & (stored.curves["seed"] == 6)
    names = stored.curves["metric"].astype(str)
    one = replace(stored, curves=stored.curves[~(is_last & names.str.startswith("accuracy"))])
    assert gated(moved(one, LITTLE | {6: 0}), tmp_path / "b") == ExitCode.CANNOT_TELL


def test_one_run_that_breaks_off_does_not_move_the_end_of_the_others(
    stored: Bundle, tmp_path: Path
) -> None:
    """All collapse after step 30, one of them has no evaluation after it."""
    collapsed = moved(stored, dict.fromkeys(SEEDS, -90) | {4: -91})
    curves = collapsed.curves
    names = curves["metric"].astype(str)
    is_lost = (curves["step"] == 40) & (curves["seed"] == 8) & names.str.endswith("_easy")
    assert gated(replace(collapsed, curves=curves[~is_lost]), tmp_path) == ExitCode.WORSE


def test_chosen_seeds_do_not_pass(stored: Bundle, tmp_path: Path, capsys: Any) -> None:
    best = only(moved(stored, LITTLE), (4, 6, 7))
    assert gated(best, tmp_path / "a") == ExitCode.NOT_COMPARABLE
    assert "lacks seeds 5, 8 of the baseline's 5" in capsys.readouterr().err
    assert gated(best, tmp_path / "b", "allow_partial=true", "margin=0.5") == ExitCode.CANNOT_TELL
    assert gated(moved(stored, LITTLE), tmp_path / "c", "margin=0.5") == ExitCode.OK


def test_of_more_seeds_only_the_baseline_s_enter(
    stored: Bundle, tmp_path: Path, capsys: Any
) -> None:
    """Two seeds that would lift the mean do not: what the baseline has not run is no pair."""
    few = folder(only(stored, (4, 5, 6)), tmp_path / "few")
    worse = moved(stored, {4: -20, 5: -21, 6: -22, 7: 10, 8: 9})
    assert gated(worse, tmp_path, against=str(few)) == ExitCode.WORSE
    assert "left out: candidate seeds 7, 8" in capsys.readouterr().out
    same = {key: value for key, value in stored.manifest["protocol"].items() if key != "data"}
    other = replace(worse, manifest={**stored.manifest, "protocol": {**same, "data": "0" * 64}})
    assert gated(other, tmp_path / "unpaired", against=str(few)) == ExitCode.WORSE
    said = capsys.readouterr().out
    assert "unpaired (Welch)" in said and "left out: candidate seeds 7, 8" in said


def test_a_perfect_repeat_is_the_same_result_and_passes(capsys: Any, tmp_path: Path) -> None:
    for arm in ("kl=none", "kl=loss", "kl=reward"):
        arms = [f"candidate_arm={arm}", f"baseline_arm={arm}"]
        words = ["candidate=micro/kl_penalty@v2", f"baseline={NAME}", *arms, "--gate"]
        assert compare.main(words) == ExitCode.OK
        said = capsys.readouterr().out
        assert "the same result under another id: accuracy_easy and reward" in said


def test_a_repeat_with_one_other_number_is_judged_by_its_interval(
    stored: Bundle, tmp_path: Path, capsys: Any
) -> None:
    assert gated(moved(stored, {4: -1}), tmp_path / "a") == ExitCode.OK
    said = capsys.readouterr().out
    assert "same result" not in said and "excludes a loss as large" in said
    other = with_values(stored, "reward", lambda v: v.where(v.index != v.index[0], 0.0))
    assert gated(other, tmp_path / "b") == ExitCode.CANNOT_TELL
    assert "same result" not in capsys.readouterr().out


def test_another_metric_that_loses_its_margin_makes_the_gate_worse(
    stored: Bundle, tmp_path: Path, capsys: Any
) -> None:
    hard = moved(
        moved(stored, LITTLE), dict(zip(SEEDS, (-20, -18, -22, -19, -21), strict=True)), "hard"
    )
    assert gated(hard, tmp_path / "a", f"out={tmp_path / 'out'}") == ExitCode.WORSE
    said = capsys.readouterr().out
    assert "accuracy_hard lost at least the margin. The judged metric passes" in said
    assert "accuracy_hard is worse, lower by 0.156 [" in said
    gate = json.loads((tmp_path / "out" / "comparison.json").read_text())["gate"]
    assert gate["worse"] == ["accuracy_hard"]
    # a loss below the margin is told, and does not decide
    little = moved(
        moved(stored, LITTLE), dict(zip(SEEDS, (-2, -2, -3, -2, -2), strict=True)), "hard"
    )
    assert gated(little, tmp_path / "b") == ExitCode.OK
    assert "accuracy_hard is worse, lower by 0.017 [" in capsys.readouterr().out


def test_the_headline_names_every_metric_that_is_worse(
    stored: Bundle, tmp_path: Path, capsys: Any
) -> None:
    falls = dict(zip(SEEDS, (-20, -18, -22, -19, -21), strict=True))
    both = moved(moved(stored, falls), falls, "hard")
    longer = with_values(both, "response_length", lambda v: 1.5 * v)
    assert gated(longer, tmp_path) == ExitCode.WORSE
    head = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("Verdict"))
    assert "accuracy_easy: -0.156 [" in head
    assert "accuracy_hard is worse, lower by 0.156 [" in head and "which decides" in head
    assert "response_length is higher by 19.9 [" in head and "neither direction is worse" in head
    assert "reward" not in head


def test_every_output_has_the_operating_curve(stored: Bundle, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    assert gated(moved(stored, LITTLE), tmp_path, f"out={out}") == ExitCode.OK
    sentence = "a true loss of one margin passes in 2.5 %"
    assert sentence in capsys.readouterr().out
    assert sentence in (out / "COMPARISON.md").read_text()
    curve = json.loads((out / "comparison.json").read_text())["gate"]["operating_curve"]
    assert [row["margins"] for row in curve["rows"]] == [0, 0.5, 1, 1.5, 2, 3]
    assert curve["rows"][2]["passes"] == pytest.approx(0.025, abs=1e-3)
    for row in curve["rows"]:
        assert row["passes"] + row["cannot_tell"] + row["worse"] == pytest.approx(1.0)
    shifts = pd.Series(LITTLE.values()) / 128
    assert curve["spread"] == pytest.approx(shifts.std())
    assert curve["spread_low"] < curve["spread"] < curve["spread_high"]


def test_without_a_margin_there_is_no_operating_curve(
    stored: Bundle, tmp_path: Path, capsys: Any
) -> None:
    assert gated(stored, tmp_path, "metric=policy_loss") == ExitCode.OK
    assert "lets through" not in capsys.readouterr().out


@pytest.mark.parametrize("word", ["allow_partial=yes", "allow_partial=1"])
def test_allow_partial_is_true_or_false(stored: Bundle, tmp_path: Path, word: str) -> None:
    assert gated(stored, tmp_path, word) == ExitCode.USAGE
