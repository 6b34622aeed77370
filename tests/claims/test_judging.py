"""Rules on numbers that can be checked by hand."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from harness.claims.conditions import Condition, Word
from harness.claims.judging import ClaimVerdict, correct, judge
from harness.claims.measuring import Measured, Rows, measure
from harness.claims.rules import ClaimRule
from harness.metrics.tables import Tables

RULE = ClaimRule(
    kind="difference",
    metric="accuracy_easy",
    arm="kl=none",
    minus=("kl=loss",),
    window=0,
    reproduced=Condition("every", "low", "above", 0.0),
    contradicted=Condition("any", "high", "below", 0.0),
    level=0.95,
    min_seeds=3,
    exploratory_seeds=(1,),
)


def measured(*values: float, first_seed: int = 2) -> list[Measured]:
    seeds = range(first_seed, first_seed + len(values))
    runs = tuple(f"kl=none-s{seed}-abcdef01" for seed in seeds)
    return [Measured(name="x", values=dict(zip(seeds, values, strict=True)), run_ids=runs)]


def test_the_word_follows_the_interval() -> None:
    assert judge(RULE, measured(0.1, 0.11, 0.12)).word is Word.REPRODUCED
    assert judge(RULE, measured(-0.1, -0.11, -0.12)).word is Word.CONTRADICTED
    assert judge(RULE, measured(0.1, -0.11, 0.02)).word is Word.INCONCLUSIVE


def test_an_interval_that_touches_the_threshold_decides_nothing() -> None:
    same = measured(0.25, 0.25, 0.25)
    at = replace(RULE, reproduced=Condition("every", "point", "above", 0.25))
    assert judge(at, same).word is Word.INCONCLUSIVE


def test_too_few_seeds_decide_nothing() -> None:
    verdict = judge(RULE, measured(0.1, 0.11))
    assert verdict.word is Word.INCONCLUSIVE
    assert verdict.reason == "2 of at least 3 seeds are finished"
    assert verdict.seeds_needed == 3


def test_exploratory_seeds_are_shown_and_do_not_count() -> None:
    verdict = judge(RULE, measured(9.0, 0.1, 0.11, 0.12, first_seed=1))
    assert verdict.parts[0].seeds == (2, 3, 4)
    alone = judge(RULE, measured(9.0, first_seed=1))
    assert alone.word is Word.NOT_RUN
    assert alone.is_exploratory
    assert alone.parts[0].seeds == (1,)


def test_a_rule_that_is_not_older_than_its_runs_decides_nothing() -> None:
    verdict = judge(RULE, measured(0.1, 0.11, 0.12), "the rule is younger")
    assert verdict.word is Word.NOT_RUN
    assert verdict.is_exploratory
    assert verdict.reason == "the rule is younger"


def test_nothing_measured_is_not_run() -> None:
    verdict = judge(RULE, measured())
    assert verdict.word is Word.NOT_RUN
    assert verdict.parts == ()
    assert not verdict.is_exploratory


def test_a_finished_run_without_a_value_decides_nothing_by_the_others() -> None:
    verdict = judge(RULE, measured(0.1, math.nan, 0.11, 0.12))
    assert verdict.parts[0].seeds == (2, 4, 5)
    assert verdict.word is Word.INCONCLUSIVE
    assert verdict.reason == "not every run has a defined value: seed 3"
    # seed 1 helped to write the rule and decides nothing, defined or not
    early = judge(RULE, measured(math.nan, 0.1, 0.11, 0.12, first_seed=1))
    assert early.word is Word.REPRODUCED


def test_both_conditions_at_once_decide_nothing() -> None:
    any_ = replace(RULE, reproduced=Condition("any", "low", "above", 0.0))
    both = [*measured(0.1, 0.11, 0.12), *measured(-0.1, -0.11, -0.12)]
    assert judge(any_, both).word is Word.INCONCLUSIVE
    assert "disagree" in judge(any_, both).reason


def test_seeds_that_would_decide_are_those_at_which_the_interval_clears_the_threshold() -> None:
    verdict = judge(RULE, measured(0.3, -0.1, 0.2, 0.0))
    assert verdict.word is Word.INCONCLUSIVE
    # mean 0.1, deviation 0.183: the half-width falls below the mean at 16 seeds
    assert verdict.seeds_needed == 16
    assert judge(RULE, measured(0.1, -0.1, 0.1, -0.1)).seeds_needed is None


def test_p_is_that_of_a_one_sided_t_test() -> None:
    from scipy import stats

    values = [0.1, 0.02, 0.05, -0.01]
    expected = stats.ttest_1samp(values, 0.0, alternative="greater").pvalue
    assert judge(RULE, measured(*values)).p == pytest.approx(expected)


def test_correction_counts_every_claim_of_the_ablation() -> None:
    words = [ClaimVerdict(word=Word.REPRODUCED, reason="", p=p) for p in (0.01, 0.04, math.nan)]
    adjusted = [verdict.p_holm for verdict in correct(words)]
    assert adjusted[:2] == pytest.approx([0.03, 0.08])
    assert math.isnan(adjusted[2])


def rows(metric: str, curves: dict[str, list[float]], first_step: int = 1) -> Rows:
    """Two finished runs per arm: seed 2 has the curve, seed 3 the curve plus 1."""
    runs, steps = [], []
    for arm, curve in curves.items():
        for seed, shift in ((2, 0.0), (3, 1.0)):
            run_id = f"{arm}-s{seed}-abcdef01"
            last = first_step + len(curve) - 1
            key = {"run_id": run_id, "arm": arm, "seed": seed}
            runs.append({**key, "row_id": run_id, "steps": last, "is_included": True})
            steps += [
                {**key, "row_id": "", "step": first_step + i, "metric": metric, "value": v + shift}
                for i, v in enumerate(curve)
            ]
    tables = Tables(runs=pd.DataFrame(runs), steps=pd.DataFrame(steps), samples=pd.DataFrame())
    return Rows(tables=tables, place="", started={})


def test_a_difference_is_taken_within_each_seed() -> None:
    both = rows("accuracy_easy", {"kl=none": [0.5, 0.9], "kl=loss": [0.5, 0.6]}, first_step=0)
    (item,) = measure(RULE, both)
    assert item.values == pytest.approx({2: 0.3, 3: 0.3})
    assert len(item.run_ids) == 4


def test_change_and_ratio_start_before_training_or_at_the_first_step() -> None:
    evaluated = rows("accuracy_easy", {"kl=none": [0.5, 0.9]}, first_step=0)
    (change,) = measure(replace(RULE, kind="change", minus=()), evaluated)
    assert change.values == pytest.approx({2: 0.4, 3: 0.4})
    trained = rows("response_length", {"kl=none": [10.0] + [20.0] * 10})
    (ratio,) = measure(replace(RULE, kind="ratio", metric="response_length", minus=()), trained)
    assert ratio.values == pytest.approx({2: 2.0, 3: 21 / 11})


def test_the_largest_fall_is_below_the_highest_mean_so_far() -> None:
    curve = [0.0, 0.8, 0.2, 0.9, 0.5]
    fall = replace(RULE, kind="largest_fall", metric="reward", window=2, minus=())
    (item,) = measure(fall, rows("reward", {"kl=none": curve}))
    # means 0.4, 0.5, 0.55, 0.7: never falls
    assert item.values == pytest.approx({2: 0.0, 3: 0.0})
    (item,) = measure(replace(fall, window=1), rows("reward", {"kl=none": curve}))
    assert item.values == pytest.approx({2: 0.6, 3: 0.6})


@pytest.mark.parametrize("what", ["undefined", "missing", "cut short"])
def test_a_curve_that_may_have_fallen_unseen_has_no_largest_fall(what: str) -> None:
    fall = replace(RULE, kind="largest_fall", metric="reward", window=2, minus=())
    curve = [0.1, 0.8, math.nan if what == "undefined" else 0.1, 0.8, 0.9, 0.9]
    both = rows("reward", {"kl=none": curve})
    steps = both.tables.steps
    lost = {"undefined": 0, "missing": 3, "cut short": 6}[what]
    tables = replace(both.tables, steps=steps[~((steps["seed"] == 2) & (steps["step"] == lost))])
    (item,) = measure(fall, replace(both, tables=tables))
    assert math.isnan(item.values[2])
    assert math.isnan(item.values[3]) is (what == "undefined")


def test_an_unfinished_run_is_not_measured() -> None:
    both = rows("accuracy_easy", {"kl=none": [0.5, 0.9], "kl=loss": [0.5, 0.6]}, first_step=0)
    both.tables.runs.loc[0, "is_included"] = False
    (item,) = measure(RULE, both)
    assert list(item.values) == [3]


def test_equal_values_in_every_seed_decide_nothing_by_an_interval() -> None:
    verdict = judge(RULE, measured(0.25, 0.25, 0.25))
    assert verdict.word is Word.INCONCLUSIVE
    assert "the noise between seeds cannot be estimated" in verdict.reason
    assert math.isnan(verdict.parts[0].interval.low)
    assert judge(RULE, measured(0.25, 0.26, 0.25)).word is Word.REPRODUCED
