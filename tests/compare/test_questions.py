"""Scores question by question, and the tests by swaps, on the stored study and on known numbers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from harness.compare.comparison import StudyComparison, compare_sides
from harness.compare.document import comparison_document
from harness.compare.effects import Effect, Settings, swaps_of
from harness.compare.output import comparison_text, write_comparison
from harness.compare.questions import question_scores
from harness.compare.sides import Side, side_of
from harness.paths import BASELINES
from harness.stats.paired import compare_paired
from harness.store.bundle import find_bundle, read_bundle
from harness.trace import __main__ as trace

SETTINGS = Settings(level=0.95, margin=None, metric="")
EASY = np.array([[1.0, 0.5, 0.0, 1.0], [1.0, 0.25, 0.5, 1.0]])
HARD = np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.75, 0.25, 0.5]])


@pytest.fixture(scope="module")
def sides() -> tuple[Side, Side]:
    stored = read_bundle(find_bundle("micro/kl_penalty@v3", BASELINES))
    new = read_bundle(find_bundle("micro/maxrl@v2", BASELINES))
    return side_of(new, "", "candidate"), side_of(stored, "", "baseline")


@pytest.fixture(scope="module")
def compared(sides: tuple[Side, Side]) -> StudyComparison:
    return compare_sides(*sides, SETTINGS)


def plain(side: Side, split: str) -> np.ndarray:
    """Return the scores of a side, seeds by questions, written out."""
    rows = side.scores[side.scores["split"] == split].sort_values(["seed", "question_id"])
    shares = rows["correct"] / rows["samples"]
    return np.array([list(shares[rows["seed"] == seed]) for seed in side.seeds])


def test_the_numbers_are_those_of_the_definition(
    compared: StudyComparison, sides: tuple[Side, Side]
) -> None:
    assert [s.metric for s in compared.questions] == ["accuracy_easy", "accuracy_hard"]
    hard = compared.questions[1]
    mine, other = (plain(side, "eval_hard") for side in sides)
    assert (hard.seeds, hard.questions, hard.left_out) == ((5, 5), 32, 0)
    for found, score in zip(hard.iqm, (mine, other), strict=True):
        assert found.interval.point == pytest.approx(stats.trim_mean(score, 0.25, axis=None))
        assert found.interval.low < found.interval.point < found.interval.high
    pairs = [(a > b) + 0.5 * (a == b) for q in range(32) for a in mine[:, q] for b in other[:, q]]
    assert hard.improvement.interval.point == pytest.approx(np.mean(pairs))
    assert hard.improvement.interval.high < 0.5
    for profile, score in zip(hard.profiles, (mine, other), strict=True):
        shares = [(score > threshold).mean() for threshold in hard.threshold_T]
        assert profile.point_T == pytest.approx(np.array(shares))
    assert list(hard.threshold_T) == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_the_other_way_round_is_the_other_chance(
    compared: StudyComparison, sides: tuple[Side, Side]
) -> None:
    turned = compare_sides(sides[1], sides[0], SETTINGS).questions[1]
    point = compared.questions[1].improvement.interval.point
    assert turned.improvement.interval.point == pytest.approx(1.0 - point)
    assert point != pytest.approx(0.5)


def test_the_same_comparison_draws_the_same(
    compared: StudyComparison, sides: tuple[Side, Side]
) -> None:
    again = compare_sides(*sides, SETTINGS)
    assert comparison_text(again) == comparison_text(compared)


def test_a_score_that_is_missing_is_left_out_and_is_not_zero(sides: tuple[Side, Side]) -> None:
    new, stored = sides
    is_easy = new.scores["split"] == "eval_easy"
    lost = new.scores[is_easy & (new.scores["seed"] == 4) & (new.scores["correct"] == 4)].index[0]
    name = new.scores.loc[lost, "question_id"]
    fewer = compare_sides(replace(new, scores=new.scores.drop(index=lost)), stored, SETTINGS)
    easy = fewer.questions[0]
    assert (easy.questions, easy.left_out) == (31, 1)
    assert "1 questions that a run lacks are left out" in comparison_text(fewer)
    rest = new.scores[is_easy & (new.scores["question_id"] != name)]
    kept = (rest["correct"] / rest["samples"]).to_numpy(dtype=float)
    assert easy.iqm[0].interval.point == pytest.approx(stats.trim_mean(kept, 0.25))
    whole = compare_sides(new, stored, SETTINGS).questions[0]
    assert easy.improvement.interval.point != whole.improvement.interval.point


def test_sides_that_end_at_other_steps_are_not_compared_by_question(
    sides: tuple[Side, Side],
) -> None:
    new, stored = sides
    short = replace(new, steps=30, curves=new.curves[new.curves["step"] <= 30])
    comparison = compare_sides(short, stored, replace(SETTINGS, allow_partial=True))
    assert comparison.questions == ()
    assert "Question by question nothing is compared" in comparison_text(comparison)
    silent = compare_sides(replace(new, scores=new.scores.iloc[:0]), stored, SETTINGS)
    assert "uestion by question" not in comparison_text(silent)


def test_questions_are_drawn_with_both_answers_to_them() -> None:
    treat, control = EASY.mean(axis=0)[None], HARD.mean(axis=0)[None]
    found = question_scores("accuracy_x", (treat, control), 0.95, "questions")
    # 1 against 0.25, 0.375 against 0.625, 0.25 against 0.125, 1 against 0.25
    assert found.improvement.interval.point == 0.75
    assert found.improvement.interval.low < 0.75 < found.improvement.interval.high
    assert found.iqm[0].interval.point == pytest.approx((0.375 + 1.0) / 2)
    assert "whole questions" in found.improvement.method
    assert not any("seed" in note for note in found.notes)
    # the same scores of other questions: whose they are counts
    turned = question_scores("accuracy_x", (np.roll(treat, 1), control), 0.95, "questions")
    assert turned.iqm[0].interval.point == found.iqm[0].interval.point
    assert turned.improvement.interval.point != found.improvement.interval.point


def test_one_seed_has_points_and_no_interval() -> None:
    found = question_scores("accuracy_x", (EASY[:1], HARD), 0.95)
    assert np.isnan(found.iqm[0].interval.low) and np.isfinite(found.iqm[1].interval.low)
    assert "1 seed: an interval needs at least 2" in found.notes


def effect(count: int) -> Effect:
    """A difference of so many pairs, all of one sign."""
    treat, control = 0.1 * np.arange(1.0, count + 1), np.zeros(count)
    return Effect(
        metric="accuracy_easy",
        unit="fraction",
        better="higher",
        end=40,
        candidate=0.0,
        baseline=0.0,
        seeds=((), ()),
        rows=(),
        difference=compare_paired(treat, control),
        swaps=swaps_of(treat, control, "accuracy_easy"),
    )


def test_swaps_stand_beside_t_where_they_can_say_anything(compared: StudyComparison) -> None:
    six = replace(compared, effects=(effect(6),))
    text = comparison_text(six)
    t = stats.ttest_1samp(0.1 * np.arange(1.0, 7.0), 0.0).pvalue
    assert effect(6).p_differs == pytest.approx(t)
    row = next(line for line in text.splitlines() if line.endswith("0.0312"))
    assert row.split() == ["accuracy_easy", f"{t:.3g}", "0.0312", "0.0312"]
    assert "say nothing at this level" not in text

    five = comparison_text(replace(compared, effects=(effect(5),)))
    assert "p by swaps" not in five
    assert "they can reach, two-sided, is 0.0625 (accuracy_easy)." in five
    wide = replace(compared, effects=(effect(5),), settings=replace(SETTINGS, level=0.9))
    assert "p by swaps" in comparison_text(wide)


def test_sides_that_are_not_paired_have_no_swaps(sides: tuple[Side, Side]) -> None:
    new, stored = sides
    assert all(e.swaps is not None for e in compare_sides(new, stored, SETTINGS).effects)
    other = replace(new, config={**new.config, "verl.data.shuffle": "other"})
    unpaired = compare_sides(other, stored, SETTINGS)
    assert all(e.swaps is None for e in unpaired.effects)
    assert "p_swaps" not in comparison_document(unpaired, "")["rows"][0]


def test_files_have_the_numbers_and_the_profiles(compared: StudyComparison, tmp_path: Path) -> None:
    write_comparison(compared, tmp_path, "command")
    page = (tmp_path / "COMPARISON.md").read_text()
    assert "## Question by question, at the last evaluation" in page
    assert "](figures/accuracy_hard-profile.svg)" in page
    assert (tmp_path / "figures" / "accuracy_hard-profile.svg").is_file()
    document = json.loads((tmp_path / "comparison.json").read_text())
    row = document["questions"][1]
    known = compared.questions[1]
    assert row["improvement"]["point"] == known.improvement.interval.point
    assert row["candidate_iqm"]["low"] == known.iqm[0].interval.low
    assert [step["above"] for step in row["profile"]] == list(known.threshold_T)
    assert row["profile"][-1]["candidate"]["point"] == 0.0
    assert document["rows"][0]["p_swaps_smallest"] == 0.125
    traced = trace.trace_text(tmp_path / "comparison.json", "questions/accuracy_hard")
    assert traced.count("\nrun ") == 10
