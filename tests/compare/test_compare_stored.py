"""Comparing arms of the stored KL study: real recorded runs, with what is known of them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.compare import __main__ as compare
from harness.compare.comparability import KEY_RULES, NotComparableError, check_comparability
from harness.compare.comparison import StudyComparison, compare_sides
from harness.compare.config_diff import RANKS, config_differences
from harness.compare.costs import updates
from harness.compare.effects import Effect, Settings
from harness.compare.gate import judge
from harness.compare.output import comparison_text, write_comparison
from harness.compare.pairing import PAIRED_KEYS, pair_sides
from harness.compare.sides import Side, side_of
from harness.metrics.columns import EVALUATION, TRAINING
from harness.paths import ROOT
from harness.schema import DamagedError, ExitCode, UsageError
from harness.stats.paired import compare_paired
from harness.store.bundle import Bundle, read_bundle

STORED = ROOT / "baselines" / "runs" / "micro" / "kl_penalty" / "v1"
NAME = "micro/kl_penalty@v1"
SETTINGS = Settings(level=0.95, margin=None, metric="")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(STORED)


@pytest.fixture(scope="module")
def loss(bundle: Bundle) -> Side:
    return side_of(bundle, "kl=loss", "candidate")


@pytest.fixture(scope="module")
def none(bundle: Bundle) -> Side:
    return side_of(bundle, "kl=none", "baseline")


@pytest.fixture(scope="module")
def compared(loss: Side, none: Side) -> StudyComparison:
    return compare_sides(loss, none, SETTINGS)


def with_config(side: Side, **changes: Any) -> Side:
    keys = {name.replace("__", "."): value for name, value in changes.items()}
    return replace(side, config={**side.config, **keys})


def shifted(side: Side, metric: str, shift: float) -> Side:
    """The same runs with a metric moved by the same amount at every step."""
    curves = side.curves.copy()
    curves.loc[curves["metric"].astype(str) == metric, "value"] += shift
    cells = [{**cell, "cell_id": f"{cell['cell_id'][:8]}{'0' * 56}"} for cell in side.cells]
    return replace(side, curves=curves, cells=cells)


def test_the_effects_are_those_of_the_study_s_own_table() -> None:
    results = ROOT / "results" / "micro" / "kl_penalty"
    table = pd.read_csv(results / "effects.csv")
    runs = set(pd.read_parquet(results / "runs.parquet")["run_id"])
    stored = (read_bundle(path) for path in sorted(STORED.parent.glob("v*")))
    study = next(b for b in stored if {c["run_id"] for c in b.manifest["cells"]} == runs)
    for arm in ("kl=loss", "kl=reward"):
        treat, control = side_of(study, arm, "candidate"), side_of(study, "kl=none", "baseline")
        comparison = compare_sides(treat, control, SETTINGS)
        assert comparison.pairing.is_paired
        assert comparison.settings.metric == "accuracy_easy"
        for effect in comparison.effects:
            row = table[(table["metric"] == effect.metric) & (table["arm"] == arm)].iloc[0]
            wanted = (row["estimate"], row["low"], row["high"])
            assert effect.difference.interval == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_the_config_difference_is_the_kl_term_and_is_named(compared: StudyComparison) -> None:
    keys = [item.key.rpartition(".")[2] for item in compared.differences]
    assert keys == ["use_kl_loss", "kl_loss_coef"]
    assert {item.title for item in compared.differences} == {"what is optimised"}
    assert "reference policy" in compared.differences[0].changes


def test_costs_are_sums_of_the_stored_rows(compared: StudyComparison, none: Side) -> None:
    by_name = {cost.name: cost for cost in compared.costs}
    rows = none.curves[none.curves["metric"].astype(str) == "tokens"]
    tokens = by_name["prompt and response tokens"]
    assert tokens.baseline == pytest.approx(rows["value"].sum() / 3)
    # one update of the actor and two of the critic per step, 40 steps
    assert by_name["updates of the actor"].candidate == 40
    assert by_name["updates of the critic"].candidate == 80
    assert updates(with_config(none, verl__critic__enable=False), "critic") == 0


def test_a_run_with_a_missing_step_has_no_total(loss: Side, none: Side) -> None:
    curves = loss.curves[~((loss.curves["seed"] == 1) & (loss.curves["step"] == 7))]
    comparison = compare_sides(replace(loss, curves=curves), none, SETTINGS)
    tokens = comparison.costs[0]
    assert tokens.difference is not None
    assert tokens.difference.seeds == 2
    assert "without a value" in tokens.difference.note


@pytest.mark.parametrize(
    ("shift", "code"),
    [
        (0.2, ExitCode.OK),
        (-0.2, ExitCode.WORSE),
        (-0.03, ExitCode.CANNOT_TELL),
    ],
)
def test_the_gate_on_a_known_difference(loss: Side, none: Side, shift: float, code: Any) -> None:
    comparison = compare_sides(shifted(loss, "accuracy_easy", shift), none, SETTINGS)
    assert comparison.gate.code is code, comparison.gate.reason


def effect(values: list[float], better: Any = "higher", margin: float | None = 0.03) -> Effect:
    difference = compare_paired(np.array(values), np.zeros(len(values)), margin=margin)
    return Effect(
        metric="accuracy_easy",
        unit="fraction",
        better=better,
        end=40,
        candidate=0.0,
        baseline=0.0,
        seeds=((), ()),
        rows=(),
        difference=difference,
    )


@pytest.mark.parametrize(
    ("values", "better", "code"),
    [
        ([0.01, 0.011, 0.012], "higher", ExitCode.OK),
        ([-0.01, -0.011, -0.012], "higher", ExitCode.OK),  # lower, and by less than the margin
        ([-0.1, -0.11, -0.12], "higher", ExitCode.WORSE),
        ([-0.1, -0.11, -0.12], "lower", ExitCode.OK),
        ([0.1, 0.11, 0.12], "lower", ExitCode.WORSE),
        ([-0.1, 0.1, 0.0], "higher", ExitCode.CANNOT_TELL),
        ([0.01, 0.011, 0.012], "neither", ExitCode.OK),
        ([0.1, 0.11, 0.12], "neither", ExitCode.WORSE),
        ([0.02, 0.03, 0.04], "neither", ExitCode.CANNOT_TELL),
        ([0.5], "higher", ExitCode.CANNOT_TELL),
        ([0.5, 0.5, 0.5], "higher", ExitCode.CANNOT_TELL),
    ],
)
def test_every_way_that_the_gate_can_end(values: Any, better: Any, code: ExitCode) -> None:
    assert judge(effect(values, better), is_same=False).code is code


def test_without_a_margin_nobody_can_tell() -> None:
    gate = judge(effect([0.1, 0.2, 0.3], margin=None), is_same=False)
    assert gate.code is ExitCode.CANNOT_TELL
    assert "margin=" in gate.reason


def test_the_same_runs_pass(none: Side) -> None:
    assert compare_sides(none, none, SETTINGS).gate.code is ExitCode.OK


def test_words_of_superiority_and_equivalence() -> None:
    assert effect([0.1, 0.11, 0.12]).superiority == "better"
    assert effect([0.1, 0.11, 0.12], "lower").superiority == "worse"
    assert effect([0.1, 0.11, 0.12], "neither").superiority == "higher"
    assert effect([-0.1, 0.1]).superiority == "no difference shown"
    assert effect([0.1]).superiority == "cannot tell"
    assert effect([0.001, 0.002, 0.003]).equivalence == "the same within the margin"
    assert effect([0.1, 0.11, 0.12]).equivalence == "not shown to be the same"
    assert effect([0.1, 0.11], margin=None).equivalence == "no margin"


CHANGED: dict[str, dict[str, Any]] = {
    "grader and reward": {"reward__name": "format"},
    "template": {"verl__actor_rollout_ref__model__custom_chat_template": "Q: {{ x }}"},
    "stop strings and agent loop": {
        "verl__actor_rollout_ref__rollout__agent__default_agent_loop": "other"
    },
    "truncation lengths": {"verl__data__max_response_length": 36},
    "number of samples per question": {"verl__actor_rollout_ref__rollout__val_kwargs__n": 1},
    "sampling of the evaluation": {
        "verl__actor_rollout_ref__rollout__val_kwargs__temperature": 0.0
    },
    "evaluation protocol": {"evaluation__name": "other"},
}


@pytest.mark.parametrize("rule", KEY_RULES, ids=lambda rule: rule.what)
def test_every_rule_refuses_its_difference(loss: Side, none: Side, rule: Any) -> None:
    other = with_config(loss, **CHANGED[rule.what])
    with pytest.raises(NotComparableError, match=rule.what) as caught:
        compare_sides(other, none, SETTINGS)
    assert caught.value.exit_code is ExitCode.NOT_COMPARABLE
    forced = compare_sides(other, none, SETTINGS, is_forced=True)
    assert rule.what in forced.warning


def test_all_reasons_are_listed(loss: Side, none: Side) -> None:
    changes = {key: value for each in CHANGED.values() for key, value in each.items()}
    other = replace(with_config(loss, **changes), versions={"verl": "0.8.0"})
    reasons = check_comparability(other, none).reasons
    assert len(reasons) == len(CHANGED) + 1
    with pytest.raises(NotComparableError, match="8\\. engine"):
        compare_sides(other, none, SETTINGS)


def test_a_difference_in_training_is_no_reason(loss: Side, none: Side) -> None:
    other = with_config(
        loss,
        verl__algorithm__adv_estimator="grpo",
        verl__actor_rollout_ref__actor__optim__lr=1e-5,
        verl__actor_rollout_ref__rollout__n=16,
        verl__actor_rollout_ref__rollout__temperature=0.6,
        verl__data__train_batch_size=16,
    )
    assert check_comparability(other, none).is_comparable
    pairing = pair_sides(other, none)
    assert not pairing.is_paired
    assert "responses per question" in pairing.note
    comparison = compare_sides(other, none, SETTINGS)
    assert comparison.effects[0].difference.method == "Welch t"
    assert comparison.curves[0].band is None


@pytest.mark.parametrize(
    ("version", "critic", "refused"),
    [
        ("0.6.1", True, False),
        ("0.7.0", True, True),
        ("0.8.0", True, True),
        ("0.8.0.dev", True, True),
        ("0.8.0", False, False),
        ("0.9.0", True, False),
        ("0.9.1", True, False),
        ("absent", True, True),
    ],
)
def test_engines_with_the_broken_critic_loss(
    loss: Side, none: Side, version: str, critic: bool, refused: bool
) -> None:
    other = replace(with_config(loss, verl__critic__enable=critic), versions={"verl": version})
    assert any(text.startswith("engine") for text in check_comparability(other, none).reasons) is (
        refused
    )


@pytest.mark.parametrize(
    ("mine", "other", "refused"),
    [
        ("as expected (1)", "as expected (1)", False),
        ("as expected (1)", "as expected (2)", True),
        ("other: gae", "as expected (1)", True),
        ("other: gae", "other: value_loss", True),
        ("other: gae", "other: gae", False),
        # baselines that were stored before it was taken
        ("as expected (1)", "", False),
        ("other: gae", "", True),
        ("", "other: gae", True),
    ],
)
def test_an_engine_that_computes_something_else_is_refused_until_that_is_acknowledged(
    loss: Side, none: Side, mine: str, other: str, refused: bool
) -> None:
    sides = [
        replace(side, versions={**side.versions, **({"verl's formulas": said} if said else {})})
        for side, said in ((loss, mine), (none, other))
    ]
    found = [text for text in check_comparability(*sides).reasons if "formulas" in text]
    assert bool(found) is refused
    assert not any("formulas" in note for note in check_comparability(*sides).notes)
    if refused:
        assert "formulas" in compare_sides(sides[0], sides[1], SETTINGS, is_forced=True).warning


def test_other_questions_are_refused_and_their_overlap_is_told(loss: Side, none: Side) -> None:
    scores = loss.scores.copy()
    names = scores["question_id"].astype(str)
    is_first = names == names.iloc[0]
    scores["question_id"] = names.where(~is_first, "another")
    with pytest.raises(NotComparableError, match="31 in common"):
        compare_sides(replace(loss, scores=scores), none, SETTINGS)


def test_what_is_not_stated_is_a_reason(loss: Side, none: Side) -> None:
    log = replace(loss, config={}, versions={}, protocol={}, scores=loss.scores.iloc[:0])
    text = " ".join(check_comparability(log, none).reasons)
    for part in ("resolved config", "initial model", "evaluation questions", "engine"):
        assert part in text
    forced = compare_sides(log, none, SETTINGS, is_forced=True)
    assert not forced.pairing.is_paired
    assert np.isnan(updates(log, "actor"))


def test_pairing_says_which_seeds_are_left_out(loss: Side, none: Side) -> None:
    few = replace(loss, cells=[cell for cell in loss.cells if cell["seed"] != 3])
    pairing = pair_sides(few, none)
    assert pairing.seeds == ((1, 2), (1, 2))
    assert "left out: baseline seed 3" in pairing.note
    one = replace(loss, cells=[cell for cell in loss.cells if cell["seed"] == 3])
    assert not pair_sides(one, none).is_paired
    assert pair_sides(one, none).seeds == ((3,), (1, 2, 3))
    assert compare_sides(one, none, SETTINGS).gate.code is ExitCode.CANNOT_TELL


@pytest.mark.parametrize("key", PAIRED_KEYS)
def test_every_key_of_the_pairing_counts(loss: Side, none: Side, key: str) -> None:
    assert key in none.config
    other = replace(loss, config={**loss.config, key: "other"})
    assert key in pair_sides(other, none).note


def test_other_lengths_of_training_meet_at_the_last_common_step(loss: Side, none: Side) -> None:
    short = replace(loss, steps=25, curves=loss.curves[loss.curves["step"] <= 25])
    with pytest.raises(NotComparableError, match="end at step 25, the baseline's at 40"):
        compare_sides(short, none, SETTINGS)
    comparison = compare_sides(short, none, replace(SETTINGS, allow_partial=True))
    assert comparison.gate.code is not ExitCode.OK
    ends = {effect.metric: effect.end for effect in comparison.effects}
    assert ends["accuracy_easy"] == 20
    assert ends["reward"] == 25
    assert any("step 25" in note for note in comparison.comparability.notes)


def test_duplicate_seeds_and_unknown_arms_are_refused(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match="candidate_arm="):
        side_of(bundle, "kl=non", "candidate")
    twice = [*bundle.manifest["cells"], bundle.manifest["cells"][0]]
    damaged = replace(bundle, manifest={**bundle.manifest, "cells": twice})
    with pytest.raises(DamagedError, match="two finished runs"):
        side_of(damaged, "kl=loss", "candidate")
    failed = [{**cell, "status": "failed"} for cell in bundle.manifest["cells"]]
    none_done = replace(bundle, manifest={**bundle.manifest, "cells": failed})
    with pytest.raises(UsageError, match="no finished run"):
        side_of(none_done, "kl=loss", "candidate")


def test_a_step_twice_is_refused_and_an_infinite_value_is_none(bundle: Bundle) -> None:
    rows = pd.concat([bundle.curves, bundle.curves.iloc[[0]]], ignore_index=True)
    with pytest.raises(DamagedError, match="twice in run"):
        side_of(replace(bundle, curves=rows), str(rows["arm"].iloc[0]), "candidate")
    odd = bundle.curves.copy()
    is_one = (odd["metric"].astype(str) == "reward") & (odd["step"] == 40) & (odd["seed"] == 1)
    odd.loc[is_one, "value"] = np.inf
    other = side_of(replace(bundle, curves=odd), "kl=loss", "candidate")
    none = side_of(bundle, "kl=none", "baseline")
    reward = next(e for e in compare_sides(other, none, SETTINGS).effects if e.metric == "reward")
    assert reward.difference.seeds == 2
    assert "1 pair without a value left out" in reward.difference.note


def test_constant_scores_are_not_judged(loss: Side, none: Side) -> None:
    treat, control = (replace(s, curves=s.curves.assign(value=0.5)) for s in (loss, none))
    comparison = compare_sides(treat, control, SETTINGS)
    assert comparison.gate.code is ExitCode.CANNOT_TELL
    assert "equal" in comparison.gate.reason


@pytest.mark.slow
def test_a_million_rows_take_seconds(loss: Side, none: Side, bundle: Bundle) -> None:
    copies = 300
    steps = np.repeat(np.arange(copies) * 100, len(bundle.curves))
    rows = pd.concat([bundle.curves] * copies, ignore_index=True)
    rows["step"] = rows["step"].to_numpy() + steps
    assert len(rows) > 1_000_000
    side = side_of(replace(bundle, curves=rows), "kl=loss", "candidate")
    assert compare_sides(side, none, SETTINGS).effects


def test_a_metric_that_one_side_lacks_is_named(loss: Side, none: Side) -> None:
    curves = loss.curves[loss.curves["metric"].astype(str) != "accuracy_hard"]
    other = replace(loss, curves=curves)
    with pytest.raises(UsageError, match=r"candidate .* has no accuracy_hard"):
        compare_sides(other, none, Settings(level=0.95, margin=None, metric="accuracy_hard"))
    metrics = [effect.metric for effect in compare_sides(other, none, SETTINGS).effects]
    assert "accuracy_hard" not in metrics


def test_margins_are_above_zero_and_relative_ones_follow_the_baseline() -> None:
    given = [c.margin.size for c in (*TRAINING, *EVALUATION) if c.margin is not None]
    assert len(given) > 10 and min(given) > 0
    assert SETTINGS.margin_of("accuracy_easy", 0.9) == 0.03
    assert SETTINGS.margin_of("response_length", 40.0) == pytest.approx(4.0)
    own = Settings(level=0.95, margin=1.0, metric="response_length")
    assert own.margin_of("response_length", 40.0) == 1.0
    assert own.margin_of("accuracy_easy", 0.9) == 0.03
    assert SETTINGS.margin_of("policy_loss", 1.0) is None
    assert SETTINGS.margin_of("response_length", float("nan")) is None


def test_every_key_of_the_stored_configs_has_a_place_in_the_ranking(none: Side) -> None:
    changed = {key: f"{value}x" for key, value in none.config.items()}
    found = config_differences(changed, none.config)
    unknown = [item.key for item in found if not item.changes]
    assert len(unknown) < 0.35 * len(found), unknown
    assert [item.rank for item in found] == sorted(item.rank for item in found)
    assert found[0].key == "verl.algorithm.adv_estimator"
    assert len({known.pattern for rank in RANKS for known in rank.known}) == sum(
        len(rank.known) for rank in RANKS
    )


def test_a_critic_that_is_gone_is_one_difference(none: Side) -> None:
    bare = {k: v for k, v in none.config.items() if not k.startswith("verl.critic.")}
    found = config_differences({**bare, "verl.critic.enable": False}, none.config)
    assert [item.key for item in found] == ["verl.critic.enable"]


WORDS = [f"candidate={NAME}", "candidate_arm=kl=loss", f"baseline={NAME}", "baseline_arm=kl=none"]


def test_the_command_line_prints_and_gates(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(WORDS) == ExitCode.OK
    said = capsys.readouterr().out
    assert "paired by seed (1, 2, 3)" in said
    assert "what is optimised: the pull to the reference policy" in said
    assert compare.main([*WORDS, "--gate"]) == ExitCode.CANNOT_TELL
    assert compare.main([*WORDS, "--gate", "margin=0.2"]) == ExitCode.OK
    assert compare.main([*WORDS, "--gate", "metric=response_length"]) == ExitCode.OK


def test_files_are_written_and_lead_back_to_rows(tmp_path: Path, bundle: Bundle) -> None:
    assert compare.main([*WORDS, f"out={tmp_path}"]) == ExitCode.OK
    document = json.loads((tmp_path / "comparison.json").read_text())
    assert document["warning"] is None
    first = document["rows"][0]
    assert first["metric"] == "accuracy_easy"
    assert len(first["made_from"]) == 6
    short = {cell["cell_id"][:8] for cell in bundle.manifest["cells"]}
    assert {row.split("/")[0] for row in first["made_from"]} <= short
    text = (tmp_path / "COMPARISON.md").read_text()
    for name in ("figures/accuracy_easy.svg", "figures/accuracy_easy-difference.svg"):
        assert (tmp_path / name).is_file()
        assert f"]({name})" in text


def test_forced_outputs_all_carry_the_warning(
    tmp_path: Path, loss: Side, none: Side, capsys: pytest.CaptureFixture[str]
) -> None:
    other = with_config(loss, reward__name="format")
    comparison = compare_sides(other, none, SETTINGS, is_forced=True)
    comparison = replace(comparison, curves=comparison.curves[:1])
    write_comparison(comparison, tmp_path, "command")
    assert comparison_text(comparison).count("NOT COMPARABLE") == 2
    assert json.loads((tmp_path / "comparison.json").read_text())["warning"]
    assert "> **WARNING: NOT COMPARABLE" in (tmp_path / "COMPARISON.md").read_text()
    pictures = list((tmp_path / "figures").glob("*.svg"))
    assert pictures
    # text of an SVG is drawn as glyphs, each named by its comment
    assert all("<!-- NOT COMPARABLE" in path.read_text() for path in pictures)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "one of candidate="),
        (["candidate=a", "ablation=b"], "one of candidate="),
        (["candidate=a"], "no baseline was named"),
        (["ablation=kl_penalty", "--gate"], "does nothing beside ablation="),
        (["candidate=a", "baseline=b", "partial=c"], "does nothing beside candidate="),
        ([*WORDS, "margin=-1"], "above 0"),
        ([*WORDS, "margin=x"], "expected a number above 0"),
        ([*WORDS, "level=95"], "above 0 below 1"),
    ],
)
def test_wrong_arguments_are_told(argv: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(argv) == ExitCode.USAGE
    assert said in capsys.readouterr().err
